# Rendered by finbase from templates/modules/kms/contract.yaml (kms 2.0.0). Do not edit: change the template and release.

# Inputs: the environment file gives them.

variable "rotation_period_in_days" {
  description = "Days between two automatic rotations of the key material."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.rotation_period_in_days >= 90 && var.rotation_period_in_days <= 2560 && floor(var.rotation_period_in_days) == var.rotation_period_in_days
    error_message = "rotation_period_in_days must be a whole number between 90 and 2560."
  }
}

variable "deletion_window_in_days" {
  description = "Days a destroyed key can still be restored."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.deletion_window_in_days >= 7 && var.deletion_window_in_days <= 30 && floor(var.deletion_window_in_days) == var.deletion_window_in_days
    error_message = "deletion_window_in_days must be a whole number between 7 and 30."
  }
}

# Wiring: the stack and other modules fill it.

variable "name" {
  description = "Name of the stack; prefix of every alias."
  type        = string
  nullable    = false

  validation {
    condition = alltrue([
      length(var.name) <= 40,
      can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)),
    ])
    error_message = "name must be at most 40 lowercase letters, digits and single hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "Region of the stack; part of the log service's principal."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "Account that owns the keys."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of an AWS account."
  }
}
