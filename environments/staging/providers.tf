# Rendered by finbase from environments/staging.yaml. Do not edit: change that file and run make render.

provider "aws" {
  region              = local.region
  allowed_account_ids = [local.account_id]

  default_tags {
    tags = {
      Project            = local.project
      Environment        = local.environment
      Owner              = "payments-platform"
      DataClassification = "confidential"
      CostCentre         = "CC-4711"
      ManagedBy          = "finbase"
    }
  }
}
