# Rendered by finbase from templates/modules/database/parameters.tf.j2 (database 3.2.0). Do not edit: change the template and release.

locals {
  # A group for each version that an instance runs during a major upgrade. RDS does not delete a
  # group that an instance uses, and a replica keeps its version until the primary is upgraded.
  families = toset(compact([var.engine_version, var.previous_engine_version]))

  # Parameters that PostgreSQL reads only when it starts. RDS refuses to apply them at once.
  static_parameters = concat(
    [
      "autovacuum_freeze_max_age",
      "autovacuum_max_workers",
      "autovacuum_multixact_freeze_max_age",
      "autovacuum_worker_slots",
      "huge_pages",
      "io_max_concurrency",
      "max_connections",
      "max_files_per_process",
      "max_locks_per_transaction",
      "max_logical_replication_workers",
      "max_pred_locks_per_transaction",
      "max_prepared_transactions",
      "max_replication_slots",
      "max_wal_senders",
      "max_worker_processes",
      "shared_buffers",
      "superuser_reserved_connections",
      "track_activity_query_size",
      "track_commit_timestamp",
      "wal_buffers",
      "wal_decode_buffer_size",
    ],
    # Those of extensions: some are static.
    [for name in keys(var.parameters) : name if strcontains(name, ".")],
    ["auto_explain.log_parameter_max_length"],
    keys(local.library_parameters),
  )

  # What each library needs: pg_cron keeps its jobs in the stack's database, and auto_explain
  # writes no bound values, which may be card data (below).
  library_parameters = merge(
    contains(var.preload_libraries, "pg_cron") ? { "cron.database_name" = var.database_name } : {},
    contains(var.preload_libraries, "auto_explain") ? { "auto_explain.log_min_duration" = "1000" } : {},
  )
}

resource "aws_db_parameter_group" "main" {
  for_each = local.families

  name        = "${var.name}-postgres${each.key}"
  family      = "postgres${each.key}"
  description = "Forced TLS and audit trail of ${var.name}"

  # Connections without TLS are refused.
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Who came, how long each statement took, who left. The text of statements can hold passwords
  # and card numbers; pgaudit writes what was done, without passwords.
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
    value = "none"
  }

  parameter {
    name  = "log_duration"
    value = "1"
  }

  # At `fatal` or `panic`, PostgreSQL writes neither connections nor pgaudit's records.
  parameter {
    name  = "log_min_messages"
    value = "warning"
  }

  # A statement that fails can hold them too, and so can the details of its error.
  parameter {
    name  = "log_min_error_statement"
    value = "panic"
  }

  parameter {
    name  = "log_error_verbosity"
    value = "terse"
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
    name  = "pgaudit.log"
    value = "ddl,role"
  }

  parameter {
    name  = "pgaudit.log_parameter"
    value = "0"
  }

  # pg_stat_statements would keep CREATE ROLE as it is written, with the password.
  parameter {
    name  = "pg_stat_statements.track_utility"
    value = "0"
  }

  # Below `log_min_messages`, such as `notice`, pgaudit's records would not reach the log.
  parameter {
    name  = "pgaudit.log_level"
    value = "log"
  }

  dynamic "parameter" {
    # PostgreSQL 15 and older have no switch for bound values, and never write them.
    for_each = merge(
      { for name, value in var.parameters : name => value if name != "pg_stat_statements.track_utility" },
      local.library_parameters,
      contains(var.preload_libraries, "auto_explain") && tonumber(each.key) >= 16 ? {
        "auto_explain.log_parameter_max_length" = "0"
      } : {},
    )

    content {
      name         = parameter.key
      value        = parameter.value
      apply_method = contains(local.static_parameters, parameter.key) ? "pending-reboot" : "immediate"
    }
  }

  tags = { Name = var.name }

  lifecycle {
    create_before_destroy = true
  }
}
