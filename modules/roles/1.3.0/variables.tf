# Rendered by finbase from templates/modules/roles/contract.yaml (roles 1.3.0). Do not edit: change the template and release.

# Inputs: the environment file gives them.

variable "roles" {
  description = "Roles of applications, by name. The name of a role is also that of its group in PostgreSQL."
  type = map(object({
    kind                      = string
    schemas                   = set(string)
    connection_limit          = optional(number, 50)
    statement_timeout_seconds = optional(number, 30)
    iam_login                 = optional(bool, false)
    readers                   = optional(set(string), [])
  }))
  default = {
    app = {
      kind    = "read-write"
      schemas = ["app"]
    }
    migrator = {
      kind                      = "owner"
      schemas                   = ["app"]
      connection_limit          = 5
      statement_timeout_seconds = 3600
    }
    reader = {
      kind    = "read-only"
      schemas = ["app"]
    }
  }
  nullable = false

  validation {
    condition = alltrue([
      length(var.roles) >= 1 && length(var.roles) <= 8,
      alltrue([for key in keys(var.roles) : can(regex("^[a-z][a-z0-9_]{0,30}$", key))]),
      alltrue([for value in values(var.roles) : contains(["owner", "read-write", "read-only"], value.kind)]),
      alltrue([for value in values(var.roles) : length(value.schemas) >= 1 && length(value.schemas) <= 4]),
      alltrue([for value in values(var.roles) : alltrue([for item_2 in value.schemas : can(regex("^[a-z][a-z0-9_]{0,30}$", item_2))])]),
      alltrue([for value in values(var.roles) : value.connection_limit >= 1 && value.connection_limit <= 5000 && floor(value.connection_limit) == value.connection_limit]),
      alltrue([for value in values(var.roles) : value.statement_timeout_seconds >= 1 && value.statement_timeout_seconds <= 86400 && floor(value.statement_timeout_seconds) == value.statement_timeout_seconds]),
      alltrue([for value in values(var.roles) : length(value.readers) <= 20]),
      alltrue([for value in values(var.roles) : alltrue([for item_2 in value.readers : can(regex("^arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:(role|user)/[a-zA-Z0-9_+=,.@/-]+$", item_2))])]),
    ])
    error_message = "roles must be at most 8 roles, each with a kind, 1 to 4 schemas, and limits within their bounds."
  }

  validation {
    condition = alltrue([
      for arn in flatten([for declared in values(var.roles) : tolist(declared.readers)]) :
      split(":", arn)[4] == var.account_id
    ])
    error_message = "readers of roles must be of the account of the stack."
  }
}

variable "extensions" {
  description = "Extensions of the database beside pgaudit and pg_stat_statements, which every database has."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([for item in var.extensions : contains([
      "btree_gin",
      "btree_gist",
      "citext",
      "hstore",
      "intarray",
      "ltree",
      "pg_trgm",
      "pgcrypto",
      "unaccent",
      "uuid-ossp",
    ], item)])
    error_message = "extensions: every element must be btree_gin, btree_gist, citext, hstore, intarray, ltree, pg_trgm, pgcrypto, unaccent or uuid-ossp."
  }
}

variable "pipeline_readers" {
  description = "ARNs of the IAM roles and users that plan and apply. Terraform reads the connection secret, so their reads raise no alarm; those of every other reader do."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      length(var.pipeline_readers) <= 8,
      alltrue([for item in var.pipeline_readers : can(regex("^arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:(role|user)/[a-zA-Z0-9_+=,.@/-]+$", item))]),
    ])
    error_message = "pipeline_readers must be ARNs of at most 8 IAM roles or users."
  }
}

variable "moving_readers" {
  description = "ARNs of applications that still log in as the master user, while they move to a role. Their reads of the connection secret raise no alarm; remove each of them when it has moved."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      length(var.moving_readers) <= 8,
      alltrue([for item in var.moving_readers : can(regex("^arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:(role|user)/[a-zA-Z0-9_+=,.@/-]+$", item))]),
    ])
    error_message = "moving_readers must be ARNs of at most 8 IAM roles or users."
  }
}

variable "rotation_schedule" {
  description = "Schedule of the rotations, in UTC; a cron expression for a full hour, or a rate in days. Every secret is also rotated once when its rotation is set up."
  type        = string
  default     = "cron(0 2 ? * SUN *)"
  nullable    = false

  validation {
    condition     = can(regex("^(cron\\(0 ([0-9]|1[0-9]|2[0-3]) [0-9*?,/-]+ [0-9A-Z*,/-]+ [0-9A-Z*?,/-]+ \\*\\)|rate\\([1-9][0-9]? days?\\))$", var.rotation_schedule))
    error_message = "rotation_schedule must be a schedule of Secrets Manager such as cron(0 2 ? * SUN *) or rate(30 days)."
  }
}

variable "rotation_window_hours" {
  description = "Hours within which a rotation must have begun and ended. They end with the day (UTC) at the latest, as AWS wants it."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.rotation_window_hours >= 1 && var.rotation_window_hours <= 24 && floor(var.rotation_window_hours) == var.rotation_window_hours
    error_message = "rotation_window_hours must be a whole number between 1 and 24."
  }
}

variable "rotation_overdue_days" {
  description = "Days without a rotation after which an alarm is raised."
  type        = number
  default     = 9
  nullable    = false

  validation {
    condition     = var.rotation_overdue_days >= 1 && var.rotation_overdue_days <= 95 && floor(var.rotation_overdue_days) == var.rotation_overdue_days
    error_message = "rotation_overdue_days must be a whole number between 1 and 95."
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
  description = "Account of the stack."
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

variable "endpoints_security_group_id" {
  description = "Id of the security group of the interface endpoints."
  type        = string
  nullable    = false
}

variable "database_port" {
  description = "Port of the instance."
  type        = number
  nullable    = false
}

variable "database_security_group_id" {
  description = "Id of the security group of the database."
  type        = string
  nullable    = false
}

variable "connection_secret_arn" {
  description = "ARN of the connection secret, with which the function logs in."
  type        = string
  nullable    = false
}

variable "connection_version_id" {
  description = "Id of the first version of the connection secret; the function runs when it exists, and again after an emergency reset."
  type        = string
  nullable    = false
}

variable "connection_readers" {
  description = "ARNs that may read the connection secret."
  type        = set(string)
  nullable    = false
}

variable "secrets_key_arn" {
  description = "ARN of the key for the secrets."
  type        = string
  nullable    = false
}

variable "logs_key_arn" {
  description = "ARN of the key for the function's log."
  type        = string
  nullable    = false
}

variable "topic_arn" {
  description = "ARN of the topic that alarms are sent to."
  type        = string
  nullable    = false
}
