# Rendered by finbase from environments/development.yaml. Do not edit: change that file and run make render.

terraform {
  backend "s3" {
    bucket       = "ledger-development-terraform-state"
    key          = "ledger/development/terraform.tfstate"
    region       = "eu-west-1"
    encrypt      = true
    kms_key_id   = "alias/terraform-state"
    use_lockfile = true
  }
}
