# Rendered by finbase from templates/modules/cache/contract.yaml (cache 2.1.0). Do not edit: change the template and release.

# Inputs: the environment file gives them.

variable "description" {
  description = "What the cache is for."
  type        = string
  default     = "Sessions, rate limits and idempotency keys"
  nullable    = false

  validation {
    condition     = length(var.description) >= 1 && length(var.description) <= 255
    error_message = "description must be between 1 and 255 characters long."
  }
}

variable "major_engine_version" {
  description = "Major version of Valkey."
  type        = string
  default     = "8"
  nullable    = false

  validation {
    condition     = can(regex("^([7-9]|[1-9][0-9])$", var.major_engine_version))
    error_message = "major_engine_version must be a major version of Valkey such as \"8\"."
  }
}

variable "data_storage_maximum_gb" {
  description = "Limit of the data in GB."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.data_storage_maximum_gb >= 1 && var.data_storage_maximum_gb <= 5000 && floor(var.data_storage_maximum_gb) == var.data_storage_maximum_gb
    error_message = "data_storage_maximum_gb must be a whole number between 1 and 5000."
  }
}

variable "ecpu_per_second_maximum" {
  description = "Limit of the work in ElastiCache processing units per second."
  type        = number
  default     = 5000
  nullable    = false

  validation {
    condition     = var.ecpu_per_second_maximum >= 1000 && var.ecpu_per_second_maximum <= 15000000 && floor(var.ecpu_per_second_maximum) == var.ecpu_per_second_maximum
    error_message = "ecpu_per_second_maximum must be a whole number between 1000 and 15000000."
  }
}

variable "daily_snapshot_time" {
  description = "Time of the daily snapshot, in UTC."
  type        = string
  default     = "02:00"
  nullable    = false

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", var.daily_snapshot_time))
    error_message = "daily_snapshot_time must be a time of day in UTC such as \"02:00\"."
  }
}

variable "snapshot_retention_limit" {
  description = "Days that snapshots are kept."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.snapshot_retention_limit >= 1 && var.snapshot_retention_limit <= 35 && floor(var.snapshot_retention_limit) == var.snapshot_retention_limit
    error_message = "snapshot_retention_limit must be a whole number between 1 and 35."
  }
}

variable "user_group_id" {
  description = "User group whose users may log in instead of the user that this module creates."
  type        = string
  default     = null

  validation {
    condition = var.user_group_id == null ? true : alltrue([
      length(var.user_group_id) <= 40,
      can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.user_group_id)),
    ])
    error_message = "user_group_id must be at most 40 lowercase letters, digits and single hyphens, beginning with a letter, or unset."
  }
}

# Wiring: the stack and other modules fill it.

variable "name" {
  description = "Name of the stack, and of the cache."
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

variable "vpc_id" {
  description = "Id of the VPC."
  type        = string
  nullable    = false
}

variable "database_subnet_ids" {
  description = "Ids of the database subnets; the cache takes the first three."
  type        = list(string)
  nullable    = false
}

variable "cache_key_arn" {
  description = "ARN of the key for the cache."
  type        = string
  nullable    = false
}
