# Rendered by finbase from templates/modules/roles/contract.yaml (roles 1.3.0). Do not edit: change the template and release.

terraform {
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }
}
