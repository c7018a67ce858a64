# Rendered by finbase from templates/modules/secret/contract.yaml (secret 2.2.0). Do not edit: change the template and release.

terraform {
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }
}
