# Rendered by finbase from environments/production.yaml. Do not edit: change that file and run make render.

terraform {
  backend "s3" {
    bucket       = "ledger-production-terraform-state"
    key          = "ledger/production/terraform.tfstate"
    region       = "eu-west-1"
    encrypt      = true
    kms_key_id   = "alias/terraform-state"
    use_lockfile = true
  }
}
