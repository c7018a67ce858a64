# Rendered by finbase from templates/modules/monitoring/contract.yaml (monitoring 4.0.0). Do not edit: change the template and release.

# Inputs: the environment file gives them.

variable "dashboards" {
  description = "Dashboards of the stack; an empty list leaves them out."
  type        = set(string)
  default     = ["instances"]
  nullable    = false

  validation {
    condition     = alltrue([for item in var.dashboards : contains(["instances"], item)])
    error_message = "dashboards: every element must be instances."
  }
}

variable "email_addresses" {
  description = "Addresses that alarms and events are sent to."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      alltrue([for item in var.email_addresses : length(item) <= 254]),
      alltrue([for item in var.email_addresses : can(regex("^[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*@([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\\.)+[a-zA-Z]{2,}$", item))]),
    ])
    error_message = "email_addresses must be e-mail addresses such as oncall@ledger.example."
  }
}

variable "cpu_threshold_percent" {
  description = "CPU use above which an instance raises an alarm."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.cpu_threshold_percent >= 1 && var.cpu_threshold_percent <= 100 && floor(var.cpu_threshold_percent) == var.cpu_threshold_percent
    error_message = "cpu_threshold_percent must be a whole number between 1 and 100."
  }
}

variable "connections_threshold" {
  description = "Connections above which an instance raises an alarm."
  type        = number
  default     = 400
  nullable    = false

  validation {
    condition     = var.connections_threshold >= 1 && var.connections_threshold <= 262143 && floor(var.connections_threshold) == var.connections_threshold
    error_message = "connections_threshold must be a whole number between 1 and 262143."
  }
}

variable "freeable_memory_threshold_mib" {
  description = "Free memory in MiB below which an instance raises an alarm."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.freeable_memory_threshold_mib >= 1 && var.freeable_memory_threshold_mib <= 1048576 && floor(var.freeable_memory_threshold_mib) == var.freeable_memory_threshold_mib
    error_message = "freeable_memory_threshold_mib must be a whole number between 1 and 1048576."
  }
}

variable "latency_threshold_milliseconds" {
  description = "Mean latency of reads and writes above which an instance raises an alarm."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.latency_threshold_milliseconds >= 1 && var.latency_threshold_milliseconds <= 10000 && floor(var.latency_threshold_milliseconds) == var.latency_threshold_milliseconds
    error_message = "latency_threshold_milliseconds must be a whole number between 1 and 10000."
  }
}

variable "replica_lag_threshold_seconds" {
  description = "Lag above which a replica raises an alarm."
  type        = number
  default     = 600
  nullable    = false

  validation {
    condition     = var.replica_lag_threshold_seconds >= 1 && var.replica_lag_threshold_seconds <= 86400 && floor(var.replica_lag_threshold_seconds) == var.replica_lag_threshold_seconds
    error_message = "replica_lag_threshold_seconds must be a whole number between 1 and 86400."
  }
}

variable "disk_queue_depth_threshold" {
  description = "Requests that wait for the volume above which an instance raises an alarm."
  type        = number
  default     = 64
  nullable    = false

  validation {
    condition     = var.disk_queue_depth_threshold >= 1 && var.disk_queue_depth_threshold <= 10000 && floor(var.disk_queue_depth_threshold) == var.disk_queue_depth_threshold
    error_message = "disk_queue_depth_threshold must be a whole number between 1 and 10000."
  }
}

variable "swap_threshold_mib" {
  description = "Swapped memory in MiB above which an instance raises an alarm."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.swap_threshold_mib >= 1 && var.swap_threshold_mib <= 1048576 && floor(var.swap_threshold_mib) == var.swap_threshold_mib
    error_message = "swap_threshold_mib must be a whole number between 1 and 1048576."
  }
}

variable "load_threshold" {
  description = "Mean number of active sessions above which an instance raises an alarm; about twice the number of its vCPUs."
  type        = number
  default     = 16
  nullable    = false

  validation {
    condition     = var.load_threshold >= 1 && var.load_threshold <= 10000 && floor(var.load_threshold) == var.load_threshold
    error_message = "load_threshold must be a whole number between 1 and 10000."
  }
}

variable "failed_logins_threshold" {
  description = "Failed logins of an instance within five minutes above which an alarm is raised."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.failed_logins_threshold >= 1 && var.failed_logins_threshold <= 100000 && floor(var.failed_logins_threshold) == var.failed_logins_threshold
    error_message = "failed_logins_threshold must be a whole number between 1 and 100000."
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
    ])
    error_message = "name must be at most 40 lowercase letters, digits and single hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "Region of the metrics on the dashboard."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "Account whose alarms and events may be published."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of an AWS account."
  }
}

variable "notifications_key_arn" {
  description = "ARN of the key for the topic."
  type        = string
  nullable    = false
}

variable "database_identifier" {
  description = "Identifier of the primary."
  type        = string
  nullable    = false
}

variable "database_allocated_storage" {
  description = "Size of the primary's volume in GiB."
  type        = number
  nullable    = false
}

variable "replica_identifiers" {
  description = "Identifiers of the replicas, keyed by their names."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.replica_identifiers) <= 15
    error_message = "replica_identifiers must have at most 15 keys."
  }
}

variable "cache_names" {
  description = "Name of the cache, if the stack has one."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.cache_names) <= 1
    error_message = "cache_names must have at most 1 key."
  }
}

variable "cache_data_storage_maximum_gb" {
  description = "Limit of the cache's data in GB."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.cache_data_storage_maximum_gb) <= 1
    error_message = "cache_data_storage_maximum_gb must have at most 1 key."
  }

  validation {
    condition     = alltrue([for value in values(var.cache_data_storage_maximum_gb) : floor(value) == value])
    error_message = "cache_data_storage_maximum_gb: every value must be a whole number."
  }
}

variable "cache_ecpu_per_second_maximum" {
  description = "Limit of the cache's work in ElastiCache processing units per second."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.cache_ecpu_per_second_maximum) <= 1
    error_message = "cache_ecpu_per_second_maximum must have at most 1 key."
  }

  validation {
    condition     = alltrue([for value in values(var.cache_ecpu_per_second_maximum) : floor(value) == value])
    error_message = "cache_ecpu_per_second_maximum: every value must be a whole number."
  }
}

variable "nat_gateway_ids" {
  description = "Ids of the NAT gateways, keyed by zone."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.nat_gateway_ids) <= 6
    error_message = "nat_gateway_ids must have at most 6 keys."
  }
}

variable "rotation_function_name" {
  description = "Name of the rotation function."
  type        = string
  nullable    = false
}
