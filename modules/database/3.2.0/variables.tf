# Rendered by finbase from templates/modules/database/contract.yaml (database 3.2.0). Do not edit: change the template and release.

# Inputs: the environment file gives them.

variable "engine_version" {
  description = "Major version of PostgreSQL. RDS chooses the minor version and keeps it up to date."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^1[4-9]$|^[2-9][0-9]$", var.engine_version))
    error_message = "engine_version must be a major version alone, such as \"17\" (a pinned minor version and automatic upgrades contradict each other)."
  }
}

variable "previous_engine_version" {
  description = "Major version that replicas still run during a major upgrade. Its parameter group is kept, and replicas keep using it. Set it in the change that raises engine_version, and remove it when every instance runs the new version."
  type        = string
  default     = null

  validation {
    condition     = var.previous_engine_version == null ? true : can(regex("^1[4-9]$|^[2-9][0-9]$", var.previous_engine_version))
    error_message = "previous_engine_version must be a major version alone, such as \"16\"."
  }
}

variable "allow_major_version_upgrade" {
  description = "Whether RDS may upgrade the instance to another major version. Set it in the change that raises engine_version, and remove it together with previous_engine_version."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.allow_major_version_upgrade ? true : try(tonumber(var.previous_engine_version) < tonumber(var.engine_version), false)
    error_message = "allow_major_version_upgrade requires previous_engine_version, the version before engine_version."
  }
}

variable "apply_immediately" {
  description = "Whether a major upgrade starts at once, and not in the next maintenance window."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.apply_immediately || var.allow_major_version_upgrade
    error_message = "apply_immediately can be set only together with allow_major_version_upgrade."
  }
}

variable "instance_class" {
  description = "Instance class of the primary."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9-]+$", var.instance_class))
    error_message = "instance_class must be an RDS instance class such as db.r7g.large."
  }
}

variable "database_name" {
  description = "Name of the first database."
  type        = string
  nullable    = false

  validation {
    condition = alltrue([
      can(regex("^[a-z_][a-z0-9_]{0,62}$", var.database_name)),
      !contains([
        "postgres", "rdsadmin", "template0", "template1", "all", "analyse", "analyze",
        "and", "any", "array", "as", "asc", "asymmetric", "authorization", "binary",
        "both", "case", "cast", "check", "collate", "collation", "column",
        "concurrently", "constraint", "create", "cross", "current_catalog",
        "current_date", "current_role", "current_schema", "current_time",
        "current_timestamp", "current_user", "default", "deferrable", "desc",
        "distinct", "do", "else", "end", "except", "false", "fetch", "for", "foreign",
        "freeze", "from", "full", "grant", "group", "having", "ilike", "in",
        "initially", "inner", "intersect", "into", "is", "isnull", "join", "lateral",
        "leading", "left", "like", "limit", "localtime", "localtimestamp", "natural",
        "not", "notnull", "null", "offset", "on", "only", "or", "order", "outer",
        "overlaps", "placing", "primary", "references", "returning", "right",
        "select", "session_user", "similar", "some", "symmetric", "system_user",
        "table", "tablesample", "then", "to", "trailing", "true", "union", "unique",
        "user", "using", "variadic", "verbose", "when", "where", "window", "with",
      ], var.database_name),
    ])
    error_message = "database_name must be 1 to 63 lowercase letters, digits and underscores, not beginning with a digit, and neither a reserved word of PostgreSQL nor postgres, rdsadmin, template0 or template1."
  }
}

variable "username" {
  description = "Name of the master user."
  type        = string
  nullable    = false

  validation {
    condition = alltrue([
      can(regex("^[a-z][a-z0-9_]{0,62}$", var.username)),
      !(contains([
        "admin", "postgres", "public", "all", "analyse", "analyze", "and", "any",
        "array", "as", "asc", "asymmetric", "authorization", "binary", "both", "case",
        "cast", "check", "collate", "collation", "column", "concurrently",
        "constraint", "create", "cross", "current_catalog", "current_date",
        "current_role", "current_schema", "current_time", "current_timestamp",
        "current_user", "default", "deferrable", "desc", "distinct", "do", "else",
        "end", "except", "false", "fetch", "for", "foreign", "freeze", "from", "full",
        "grant", "group", "having", "ilike", "in", "initially", "inner", "intersect",
        "into", "is", "isnull", "join", "lateral", "leading", "left", "like", "limit",
        "localtime", "localtimestamp", "natural", "not", "notnull", "null", "offset",
        "on", "only", "or", "order", "outer", "overlaps", "placing", "primary",
        "references", "returning", "right", "select", "session_user", "similar",
        "some", "symmetric", "system_user", "table", "tablesample", "then", "to",
        "trailing", "true", "union", "unique", "user", "using", "variadic", "verbose",
        "when", "where", "window", "with",
      ], var.username) || can(regex("^(rds|pg_)", var.username))),
    ])
    error_message = "username must be 1 to 63 lowercase letters, digits and underscores, beginning with a letter, and neither a reserved word of PostgreSQL nor admin, postgres or public, nor begin with rds or pg_."
  }
}

variable "port" {
  description = "Port of the database."
  type        = number
  default     = 5432
  nullable    = false

  validation {
    condition     = var.port >= 1150 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "port must be a whole number between 1150 and 65535."
  }
}

variable "allocated_storage" {
  description = "Size of the gp3 volume in GiB."
  type        = number
  nullable    = false

  validation {
    condition     = var.allocated_storage >= 20 && var.allocated_storage <= 65536 && floor(var.allocated_storage) == var.allocated_storage
    error_message = "allocated_storage must be a whole number between 20 and 65536."
  }
}

variable "max_allocated_storage" {
  description = "Size in GiB up to which the volume may grow by itself."
  type        = number
  nullable    = false

  validation {
    condition     = var.max_allocated_storage >= 22 && var.max_allocated_storage <= 65536 && floor(var.max_allocated_storage) == var.max_allocated_storage
    error_message = "max_allocated_storage must be a whole number between 22 and 65536."
  }

  validation {
    condition     = 10 * var.max_allocated_storage >= 11 * var.allocated_storage
    error_message = "max_allocated_storage must be at least 10 percent above allocated_storage."
  }
}

variable "iops" {
  description = "Provisioned IO operations per second; only for volumes of 400 GiB and more."
  type        = number
  default     = null

  validation {
    condition     = var.iops == null ? true : var.iops >= 12000 && var.iops <= 64000 && floor(var.iops) == var.iops
    error_message = "iops must be a whole number between 12000 and 64000."
  }

  validation {
    condition     = var.iops == null ? true : var.allocated_storage >= 400 && var.iops <= 500 * var.allocated_storage
    error_message = "iops can be set only where allocated_storage is 400 GiB or more, up to 500 for each GiB."
  }
}

variable "storage_throughput" {
  description = "Provisioned throughput in MiB/s; only for volumes of 400 GiB and more."
  type        = number
  default     = null

  validation {
    condition     = var.storage_throughput == null ? true : var.storage_throughput >= 500 && var.storage_throughput <= 4000 && floor(var.storage_throughput) == var.storage_throughput
    error_message = "storage_throughput must be a whole number between 500 and 4000."
  }

  validation {
    condition     = var.storage_throughput == null ? true : var.allocated_storage >= 400 && var.storage_throughput <= coalesce(var.iops, 12000) / 4
    error_message = "storage_throughput can be set only where allocated_storage is 400 GiB or more, up to a quarter of iops."
  }
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over when the primary fails."
  type        = bool
  default     = true
  nullable    = false
}

variable "backup_retention_period" {
  description = "Days that automatic backups are kept."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.backup_retention_period >= 7 && var.backup_retention_period <= 35 && floor(var.backup_retention_period) == var.backup_retention_period
    error_message = "backup_retention_period must be a whole number between 7 and 35."
  }
}

variable "backup_window" {
  description = "Daily window of the backup, in UTC, of at least 30 minutes and apart from the maintenance window."
  type        = string
  default     = "03:00-04:00"
  nullable    = false

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$", var.backup_window))
    error_message = "backup_window must be a daily window in UTC such as 03:00-04:00."
  }

  validation {
    condition = alltrue([
      for minute in [
        [
          for time in regexall("([0-9]+):([0-9]+)", var.backup_window) :
          60 * time[0] + time[1]
        ],
      ] :
      try((minute[1] - minute[0] + 1440) % 1440 >= 30, true)
    ])
    error_message = "backup_window must be at least 30 minutes long."
  }
}

variable "maintenance_window" {
  description = "Weekly window of maintenance, in UTC, of at least 30 minutes and apart from the backup window."
  type        = string
  default     = "mon:04:00-mon:05:00"
  nullable    = false

  validation {
    condition     = can(regex("^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_window))
    error_message = "maintenance_window must be a weekly window in UTC such as mon:04:00-mon:05:00."
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
    error_message = "maintenance_window must not overlap backup_window on any day."
  }
}

variable "performance_insights_retention_period" {
  description = "Days that Performance Insights keeps its history. 7 days are free."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = contains([7, 731], var.performance_insights_retention_period) || (var.performance_insights_retention_period >= 31 && var.performance_insights_retention_period <= 713 && var.performance_insights_retention_period % 31 == 0)
    error_message = "performance_insights_retention_period must be 7, 731, or a multiple of 31 from 31 to 713."
  }
}

variable "monitoring_interval" {
  description = "Seconds between two samples of Enhanced Monitoring."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = contains([1, 5, 10, 15, 30, 60], var.monitoring_interval)
    error_message = "monitoring_interval must be 1, 5, 10, 15, 30 or 60."
  }
}

variable "log_exports" {
  description = "Logs that are exported to CloudWatch."
  type        = set(string)
  default     = ["postgresql", "upgrade"]
  nullable    = false

  validation {
    condition = alltrue([
      alltrue([for item in var.log_exports : contains(["postgresql", "upgrade", "iam-db-auth-error"], item)]),
      contains(var.log_exports, "postgresql"),
      contains(var.log_exports, "upgrade"),
    ])
    error_message = "log_exports must include postgresql and upgrade, and may include iam-db-auth-error."
  }
}

variable "log_retention_in_days" {
  description = "Days that the exported logs are kept."
  type        = number
  default     = 400
  nullable    = false

  validation {
    condition     = contains([365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_in_days)
    error_message = "log_retention_in_days must be a retention that CloudWatch Logs knows and at least 365 days (PCI DSS 10.5.1)."
  }
}

variable "keep_logs" {
  description = "Whether the exported logs are kept when their instance or the stack is destroyed."
  type        = bool
  default     = true
  nullable    = false
}

variable "parameters" {
  description = "Further parameters of PostgreSQL. Dynamic ones apply at once; static ones, such as max_connections, at the next reboot of each instance, which RDS does not start by itself. The parameters of the audit trail cannot be set here."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      alltrue([for key in keys(var.parameters) : can(regex("^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)?$", key))]),
      alltrue([for key in keys(var.parameters) : !(can(regex("^ssl|_preload_libraries$|^pgaudit\\.", key)) || contains([
        "rds.force_ssl",
        "rds.accepted_password_auth_method",
        "password_encryption",
        "log_statement",
        "log_connections",
        "log_disconnections",
        "log_duration",
        "log_min_messages",
        "log_min_error_statement",
        "log_error_verbosity",
        "log_parameter_max_length",
        "log_parameter_max_length_on_error",
        "auto_explain.log_parameter_max_length",
        "lc_messages",
      ], key))]),
    ])
    error_message = "parameters must be named in lowercase, and not name a parameter of TLS, of passwords or of the audit trail, which this module sets."
  }
}

variable "preload_libraries" {
  description = "Libraries that PostgreSQL loads beside pg_stat_statements and pgaudit, from the next reboot on. pg_cron runs jobs, such as the maintenance of pg_partman. auto_explain logs the plans of statements that take a second or longer, with their literals and without bound values."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for item in var.preload_libraries : contains(["pg_cron", "auto_explain"], item)])
    error_message = "preload_libraries must list pg_cron, auto_explain or both."
  }
}

variable "ca_cert_identifier" {
  description = "Certificate authority of the instance's TLS certificate."
  type        = string
  default     = "rds-ca-rsa2048-g1"
  nullable    = false

  validation {
    condition     = contains(["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"], var.ca_cert_identifier)
    error_message = "ca_cert_identifier must be rds-ca-rsa2048-g1, rds-ca-rsa4096-g1 or rds-ca-ecc384-g1."
  }
}

variable "deletion_protection" {
  description = "Whether RDS refuses to delete the instance."
  type        = bool
  default     = true
  nullable    = false
}

variable "skip_final_snapshot" {
  description = "Whether the instance may be deleted without a last snapshot."
  type        = bool
  default     = false
  nullable    = false
}

variable "password_generation" {
  description = "Raise by one to draw a new password for the instance and the secret in one apply. Never lower it."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.password_generation >= 1 && floor(var.password_generation) == var.password_generation
    error_message = "password_generation must be a whole number of at least 1."
  }
}

variable "restore_from" {
  description = "What a new instance is restored from, either a snapshot or another instance at a point in time. It has no effect on an instance that exists."
  type = object({
    snapshot = optional(string)
    instance = optional(string)
    time     = optional(string)
  })
  default = null

  validation {
    condition = var.restore_from == null ? true : alltrue([
      var.restore_from.snapshot == null ? true : can(regex("^((rds|awsbackup):)?[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*$", var.restore_from.snapshot)),
      var.restore_from.instance == null ? true : length(var.restore_from.instance) <= 63,
      var.restore_from.instance == null ? true : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.restore_from.instance)),
      var.restore_from.time == null ? true : can(regex("^20[0-9]{2}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$", var.restore_from.time)),
    ])
    error_message = "restore_from must name a snapshot, or an instance and a time such as 2026-11-25T03:00:00Z."
  }

  validation {
    condition     = var.restore_from == null ? true : (var.restore_from.snapshot == null) != (var.restore_from.instance == null)
    error_message = "restore_from names either a snapshot or an instance."
  }

  validation {
    condition     = var.restore_from == null ? true : var.restore_from.time == null || var.restore_from.instance != null
    error_message = "restore_from has a time only with an instance."
  }
}

# Wiring: the stack and other modules fill it.

variable "name" {
  description = "Name of the stack, and of the instance."
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

variable "account_id" {
  description = "Account whose instances may use the role of Enhanced Monitoring."
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

variable "database_subnet_ids" {
  description = "Ids of the database subnets, one for each zone."
  type        = list(string)
  nullable    = false
}

variable "database_key_arn" {
  description = "ARN of the key for storage and Performance Insights."
  type        = string
  nullable    = false
}

variable "secrets_key_arn" {
  description = "ARN of the key for the first password."
  type        = string
  nullable    = false
}

variable "logs_key_arn" {
  description = "ARN of the key for the exported logs."
  type        = string
  nullable    = false
}
