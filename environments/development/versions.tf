# Rendered by finbase from environments/development.yaml. Do not edit: change that file and run make render.

terraform {
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "= 5.100.0"
    }
  }
}
