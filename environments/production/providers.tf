# Rendered by finbase from environments/production.yaml. Do not edit: change that file and run make render.

provider "aws" {
  region              = local.region
  allowed_account_ids = [local.account_id]

  default_tags {
    tags = {
      Project            = local.project
      Environment        = local.environment
      Owner              = "payments-platform"
      DataClassification = "restricted"
      CostCentre         = "CC-4711"
      ManagedBy          = "finbase"
    }
  }
}
