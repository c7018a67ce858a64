# Rendered by finbase from templates/modules/database/parameters.tf.j2 (database 3.0.0). Do not edit: change the template and release.

locals {
  # What each library needs: pg_cron keeps its jobs in the stack's database, and auto_explain
  # writes no bound values, which may be card data. PostgreSQL 15 and older never write them.
  library_parameters = merge(
    contains(var.preload_libraries, "pg_cron") ? { "cron.database_name" = var.database_name } : {},
    contains(var.preload_libraries, "auto_explain") ? { "auto_explain.log_min_duration" = "1000" } : {},
    contains(var.preload_libraries, "auto_explain") && tonumber(var.engine_version) >= 16 ? {
      "auto_explain.log_parameter_max_length" = "0"
    } : {},
  )
}

resource "aws_db_parameter_group" "main" {
  # A prefix, so that a new major version can have its group before the old one goes.
  name_prefix = "${var.name}-postgres${var.engine_version}-"
  family      = "postgres${var.engine_version}"
  description = "Forced TLS and audit trail of ${var.name}"

  # Connections without TLS are refused.
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Who came, what was done, how long it took, who left.
  parameter {
    name  = "log_connections"
    value = "1"
  }

  parameter {
    name  = "log_disconnections"
    value = "1"
  }

  parameter {
    name  = "log_statement"
    value = var.log_statement
  }

  parameter {
    name  = "log_duration"
    value = "1"
  }

  # At `fatal` or `panic`, PostgreSQL writes neither connections nor statements nor pgaudit's records.
  parameter {
    name  = "log_min_messages"
    value = "warning"
  }

  parameter {
    name  = "log_min_error_statement"
    value = "error"
  }

  # Passwords are stored as SCRAM verifiers, and no other kind can log in.
  parameter {
    name  = "password_encryption"
    value = "scram-sha-256"
  }

  parameter {
    name  = "rds.accepted_password_auth_method"
    value = "scram"
  }

  # Bound values may be card data: they stay out of the log.
  parameter {
    name  = "log_parameter_max_length"
    value = "0"
  }

  parameter {
    name  = "log_parameter_max_length_on_error"
    value = "0"
  }

  # The list replaces the default of RDS, so pg_stat_statements must be named as well.
  parameter {
    name         = "shared_preload_libraries"
    value        = join(",", concat(["pg_stat_statements", "pgaudit"], sort(var.preload_libraries)))
    apply_method = "pending-reboot"
  }

  parameter {
    name         = "pgaudit.log"
    value        = "ddl,role,write"
    apply_method = "pending-reboot"
  }

  parameter {
    name         = "pgaudit.log_parameter"
    value        = "0"
    apply_method = "pending-reboot"
  }

  # Below `log_min_messages`, such as `notice`, pgaudit's records would not reach the log.
  parameter {
    name         = "pgaudit.log_level"
    value        = "log"
    apply_method = "pending-reboot"
  }

  dynamic "parameter" {
    for_each = merge(var.parameters, local.library_parameters)

    content {
      name         = parameter.key
      value        = parameter.value
      apply_method = "pending-reboot"
    }
  }

  tags = { Name = var.name }

  lifecycle {
    create_before_destroy = true
  }
}
