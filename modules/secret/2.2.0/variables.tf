# Rendered by finbase from templates/modules/secret/contract.yaml (secret 2.2.0). Do not edit: change the template and release.

# Inputs: the environment file gives them.

variable "rotate_after_days" {
  description = "Days between two rotations."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.rotate_after_days >= 1 && var.rotate_after_days <= 90 && floor(var.rotate_after_days) == var.rotate_after_days
    error_message = "rotate_after_days must be between 1 and 90 days (PCI DSS 8.6.3)."
  }
}

variable "rotation_window_hours" {
  description = "Hours within which a rotation must have begun and ended."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.rotation_window_hours >= 1 && var.rotation_window_hours <= 24 && floor(var.rotation_window_hours) == var.rotation_window_hours
    error_message = "rotation_window_hours must be a whole number between 1 and 24."
  }
}

variable "recovery_window_in_days" {
  description = "Days a deleted secret can still be restored. With 0 it is deleted at once, and its name is free for a stack that is created again."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition = alltrue([
      floor(var.recovery_window_in_days) == var.recovery_window_in_days,
      contains([0], var.recovery_window_in_days) || (var.recovery_window_in_days >= 7 && var.recovery_window_in_days <= 30),
    ])
    error_message = "recovery_window_in_days must be 0, or a whole number from 7 to 30."
  }
}

variable "reserved_concurrent_executions" {
  description = "Executions of the account that are kept for the function. -1 keeps none. AWS refuses 1 in an account whose quota of concurrent executions is 10, as in a new account. Secrets Manager never runs two rotations of a secret at the same time."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = contains([-1, 1], var.reserved_concurrent_executions)
    error_message = "reserved_concurrent_executions must be -1 or 1."
  }
}

variable "log_retention_in_days" {
  description = "Days that the function's log is kept."
  type        = number
  default     = 400
  nullable    = false

  validation {
    condition     = contains([365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_in_days)
    error_message = "log_retention_in_days must be a retention that CloudWatch Logs knows and at least 365 days (PCI DSS 10.5.1)."
  }
}

variable "keep_logs" {
  description = "Whether the function's log is kept when the stack is destroyed."
  type        = bool
  default     = true
  nullable    = false
}

variable "readers" {
  description = "ARNs of the IAM roles and users that may read the connection secret and the initial one. The functions of this module and of `roles` may read the connection secret, too. All others are denied, whatever IAM allows them. Whoever plans or applies reads it, too. Without a list, IAM alone decides."
  type        = set(string)
  default     = null

  validation {
    condition = var.readers == null ? true : alltrue([
      length(var.readers) <= 8,
      alltrue([for item in var.readers : can(regex("^arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:(role|user)/[a-zA-Z0-9_+=,.@/-]+$", item))]),
    ])
    error_message = "readers must be at most 8 ARNs of IAM roles or users."
  }

  validation {
    condition     = var.readers == null ? true : alltrue([for arn in var.readers : split(":", arn)[4] == var.account_id])
    error_message = "readers must be of the account of the stack."
  }
}

# Wiring: the stack and other modules fill it.

variable "name" {
  description = "Name of the stack; prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition = alltrue([
      length(var.name) <= 40,
      can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)),
      !can(regex("^sg-", var.name)),
    ])
    error_message = "name must be at most 40 lowercase letters, digits and single hyphens, beginning with a letter and not with sg-."
  }
}

variable "region" {
  description = "Region of the stack."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "Account whose Secrets Manager may call the function."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of an AWS account."
  }
}

variable "vpc_id" {
  description = "Id of the VPC."
  type        = string
  nullable    = false
}

variable "private_subnet_ids" {
  description = "Ids of the private subnets the function runs in."
  type        = list(string)
  nullable    = false
}

variable "database_arn" {
  description = "ARN of the instance."
  type        = string
  nullable    = false
}

variable "database_host" {
  description = "Host name of the instance."
  type        = string
  nullable    = false
}

variable "database_port" {
  description = "Port of the instance."
  type        = number
  nullable    = false
}

variable "database_name" {
  description = "Name of the database."
  type        = string
  nullable    = false
}

variable "username" {
  description = "Name of the user whose password this is."
  type        = string
  nullable    = false
}

variable "initial_secret_id" {
  description = "Id of the secret that holds the first password of that user."
  type        = string
  nullable    = false
}

variable "initial_version_id" {
  description = "Id of the version in it."
  type        = string
  nullable    = false
}

variable "password_generation" {
  description = "Generation of the password; raised only for an emergency reset."
  type        = number
  nullable    = false
}

variable "secrets_key_arn" {
  description = "ARN of the key for the secret."
  type        = string
  nullable    = false
}

variable "logs_key_arn" {
  description = "ARN of the key for the function's log."
  type        = string
  nullable    = false
}
