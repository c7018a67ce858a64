# Rendered by finbase from templates/modules/replica/contract.yaml (replica 2.1.0). Do not edit: change the template and release.

# Inputs: the environment file gives them.

variable "instance_class" {
  description = "Instance class of the replica."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9-]+$", var.instance_class))
    error_message = "instance_class must be an RDS instance class such as db.r7g.large."
  }
}

variable "maintenance_window" {
  description = "Weekly window of maintenance, in UTC, of at least 30 minutes and apart from the primary's."
  type        = string
  default     = "tue:04:00-tue:05:00"
  nullable    = false

  validation {
    condition     = can(regex("^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_window))
    error_message = "maintenance_window must be a weekly window in UTC such as tue:04:00-tue:05:00."
  }

  validation {
    condition = alltrue([
      for minute in [
        [
          for time in regexall("([a-z]+):([0-9]+):([0-9]+)", var.maintenance_window) :
          1440 * try(index(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], time[0]), 0) + 60 * time[1] + time[2]
        ],
      ] :
      try(
        (minute[1] - minute[0] + 10080) % 10080 >= 30 && (minute[1] - minute[0] + 10080) % 10080 < 1440,
        true
      )
    ])
    error_message = "maintenance_window must be at least 30 minutes long and shorter than a day."
  }

  validation {
    condition = alltrue([
      for minute in [
        [
          for time in regexall("([a-z]+):([0-9]+):([0-9]+)", "${var.maintenance_window} ${var.primary_maintenance_window}") :
          1440 * try(index(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], time[0]), 0) + 60 * time[1] + time[2]
        ],
      ] :
      try(
        # In any week, each of the two ends before the other begins.
        (minute[1] - minute[0] + 10080) % 10080 <= (minute[2] - minute[0] + 10080) % 10080 &&
        (minute[3] - minute[2] + 10080) % 10080 <= (minute[0] - minute[2] + 10080) % 10080,
        true
      )
    ])
    error_message = "maintenance_window must not overlap that of the primary."
  }

  validation {
    condition = alltrue([
      for minute in [
        [
          for time in regexall("([0-9]+):([0-9]+)", "${var.backup_window} ${var.maintenance_window}") :
          60 * time[0] + time[1]
        ],
      ] :
      try(
        # On any day, each of the two ends before the other begins.
        (minute[1] - minute[0] + 1440) % 1440 <= (minute[2] - minute[0] + 1440) % 1440 &&
        (minute[3] - minute[2] + 1440) % 1440 <= (minute[0] - minute[2] + 1440) % 1440,
        true
      )
    ])
    error_message = "maintenance_window must not overlap backup_window, the primary's, on any day."
  }
}

variable "backup_retention_period" {
  description = "Days that the replica's own automatic backups are kept."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.backup_retention_period >= 7 && var.backup_retention_period <= 35 && floor(var.backup_retention_period) == var.backup_retention_period
    error_message = "backup_retention_period must be a whole number between 7 and 35."
  }
}

variable "deletion_protection" {
  description = "Whether RDS refuses to delete the replica."
  type        = bool
  default     = true
  nullable    = false
}

# Wiring: the stack and other modules fill it.

variable "name" {
  description = "Name of the stack; prefix of the replica's identifier."
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

variable "instance" {
  description = "Name of this replica; the rest of its identifier."
  type        = string
  nullable    = false

  validation {
    condition = alltrue([
      length(var.instance) <= 20,
      can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.instance)),
    ])
    error_message = "instance must be at most 20 lowercase letters, digits and single hyphens, beginning with a letter."
  }
}

variable "source_identifier" {
  description = "Identifier of the primary."
  type        = string
  nullable    = false
}

variable "backup_window" {
  description = "Daily window of the primary's backup, in UTC; the replica's own backup has the same."
  type        = string
  nullable    = false
}

variable "primary_maintenance_window" {
  description = "Weekly window of maintenance of the primary, in UTC."
  type        = string
  nullable    = false
}

variable "port" {
  description = "Port of the primary."
  type        = number
  nullable    = false
}

variable "allocated_storage" {
  description = "Size in GiB that the environment gives the volume of the primary, or null."
  type        = number
  default     = null
}

variable "max_allocated_storage" {
  description = "Size in GiB up to which the volume may grow, as the primary's."
  type        = number
  nullable    = false
}

variable "iops" {
  description = "Provisioned IO operations per second of the primary, or null."
  type        = number
  default     = null
}

variable "storage_throughput" {
  description = "Provisioned throughput of the primary in MiB/s, or null."
  type        = number
  default     = null
}

variable "security_group_id" {
  description = "Id of the database's security group."
  type        = string
  nullable    = false
}

variable "parameter_group_name" {
  description = "Name of the parameter group; that of the primary, except during a major upgrade."
  type        = string
  nullable    = false
}

variable "ca_cert_identifier" {
  description = "Certificate authority of the primary."
  type        = string
  nullable    = false
}

variable "log_exports" {
  description = "Logs that the primary exports."
  type        = set(string)
  nullable    = false
}

variable "log_retention_in_days" {
  description = "Days that the exported logs are kept."
  type        = number
  nullable    = false
}

variable "keep_logs" {
  description = "Whether the exported logs are kept when the replica is destroyed."
  type        = bool
  nullable    = false
}

variable "logs_key_arn" {
  description = "ARN of the key for the exported logs."
  type        = string
  nullable    = false
}

variable "monitoring_interval" {
  description = "Seconds between two samples of Enhanced Monitoring."
  type        = number
  nullable    = false
}

variable "monitoring_role_arn" {
  description = "ARN of the role of Enhanced Monitoring."
  type        = string
  nullable    = false
}

variable "performance_insights_retention_period" {
  description = "Days that the primary's Performance Insights keeps its history."
  type        = number
  nullable    = false
}

variable "performance_insights_key_arn" {
  description = "ARN of the key of the primary's Performance Insights."
  type        = string
  nullable    = false
}
