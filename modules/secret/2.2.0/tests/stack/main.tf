# Rendered by finbase from templates/modules/secret/tests/stack/main.tf.j2 (secret 2.2.0). Do not edit: change the template and release.

# The module beside a database that does not exist yet, as in the first plan of a stack: the
# first password is then not read before the apply.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

resource "terraform_data" "database" {}

module "secret" {
  source = "../.."

  name                = "ledger-test"
  region              = "eu-west-1"
  account_id          = "111122223333"
  vpc_id              = "vpc-0123456789abcdef0"
  private_subnet_ids  = ["subnet-a", "subnet-b"]
  database_arn        = "arn:aws:rds:eu-west-1:111122223333:db:ledger-test"
  database_host       = "ledger-test.example.eu-west-1.rds.amazonaws.com"
  database_port       = 5432
  database_name       = "ledger"
  username            = "ledger_owner"
  initial_secret_id   = terraform_data.database.id
  initial_version_id  = terraform_data.database.id
  password_generation = 1
  secrets_key_arn     = "arn:aws:kms:eu-west-1:111122223333:key/secrets"
  logs_key_arn        = "arn:aws:kms:eu-west-1:111122223333:key/logs"
}

output "fields" {
  description = "Names of the fields in the secret."
  value       = module.secret.fields
}

output "host" {
  description = "Host in the secret."
  value       = module.secret.host
}
