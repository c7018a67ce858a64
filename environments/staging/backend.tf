# Rendered by finbase from environments/staging.yaml. Do not edit: change that file and run make render.

terraform {
  backend "s3" {
    bucket       = "ledger-staging-terraform-state"
    key          = "ledger/staging/terraform.tfstate"
    region       = "eu-west-1"
    encrypt      = true
    kms_key_id   = "alias/terraform-state"
    use_lockfile = true
  }
}
