# Rendered by finbase from templates/modules/database/tests/database.tftest.hcl.j2 (database 3.2.0). Do not edit: change the template and release.

# Terraform mocks no ephemeral resources, and the first password is one. So the provider itself
# plans here, offline; what it would know after an apply alone is given below.
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "offline"
  secret_key                  = "offline"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_resource {
  target          = aws_security_group.database
  override_during = plan
  values = {
    id = "sg-database"
  }
}

override_resource {
  target          = aws_db_subnet_group.main
  override_during = plan
  values = {
    name = "ledger-test"
  }
}

override_resource {
  target          = aws_iam_role.monitoring
  override_during = plan
  values = {
    arn = "arn:aws:iam::111122223333:role/monitoring"
  }
}

variables {
  name                  = "ledger-test"
  account_id            = "111122223333"
  vpc_id                = "vpc-0123456789abcdef0"
  database_subnet_ids   = ["subnet-a", "subnet-b"]
  database_key_arn      = "arn:aws:kms:eu-west-1:111122223333:key/database"
  secrets_key_arn       = "arn:aws:kms:eu-west-1:111122223333:key/secrets"
  logs_key_arn          = "arn:aws:kms:eu-west-1:111122223333:key/logs"
  engine_version        = "17"
  instance_class        = "db.r7g.large"
  database_name         = "ledger"
  username              = "ledger_owner"
  allocated_storage     = 100
  max_allocated_storage = 200
}

run "data_is_encrypted_and_out_of_reach" {
  command = plan

  assert {
    condition     = aws_db_instance.primary.storage_encrypted && aws_db_instance.primary.kms_key_id == var.database_key_arn
    error_message = "Storage is encrypted with the key made for it."
  }

  assert {
    condition     = aws_db_instance.primary.storage_type == "gp3"
    error_message = "Storage is gp3."
  }

  assert {
    condition     = !aws_db_instance.primary.publicly_accessible && aws_db_instance.primary.db_subnet_group_name == aws_db_subnet_group.main.name
    error_message = "The instance is in the database subnets, without a public address."
  }

  assert {
    condition     = aws_db_instance.primary.vpc_security_group_ids == toset([aws_security_group.database.id])
    error_message = "The instance has a security group of its own, and only that."
  }
}

run "tls_is_forced_and_an_audit_trail_kept" {
  command = plan

  assert {
    condition     = aws_db_instance.primary.parameter_group_name == aws_db_parameter_group.main["17"].name
    error_message = "The instance uses the module's parameter group."
  }

  assert {
    condition     = { for parameter in aws_db_parameter_group.main["17"].parameter : parameter.name => parameter.value }["rds.force_ssl"] == "1"
    error_message = "Connections without TLS are refused."
  }

  assert {
    condition = alltrue([
      for name in ["log_connections", "log_disconnections", "log_duration"] :
      { for parameter in aws_db_parameter_group.main["17"].parameter : parameter.name => parameter.value }[name] == "1"
    ])
    error_message = "The log tells who came, how long each statement took and who left."
  }

  assert {
    condition = alltrue([
      for name, value in {
        log_statement           = "none"
        log_min_error_statement = "panic"
        log_error_verbosity     = "terse"
        "pgaudit.log"           = "ddl,role"
      } : { for parameter in aws_db_parameter_group.main["17"].parameter : parameter.name => parameter.value }[name] == value
    ])
    error_message = "The log tells what was changed, and holds no statement with a password or a card number."
  }

  assert {
    condition     = { for parameter in aws_db_parameter_group.main["17"].parameter : parameter.name => parameter.value }["shared_preload_libraries"] == "pg_stat_statements,pgaudit"
    error_message = "The audit extension is loaded."
  }

  assert {
    condition     = aws_db_instance.primary.enabled_cloudwatch_logs_exports == toset(["postgresql", "upgrade"])
    error_message = "Both logs are exported."
  }

  assert {
    condition = alltrue([
      for log in aws_db_instance.primary.enabled_cloudwatch_logs_exports :
      aws_cloudwatch_log_group.database[log].name == "/aws/rds/instance/ledger-test/${log}" &&
      aws_cloudwatch_log_group.database[log].retention_in_days == 400 &&
      aws_cloudwatch_log_group.database[log].skip_destroy &&
      aws_cloudwatch_log_group.database[log].kms_key_id == var.logs_key_arn
    ])
    error_message = "RDS finds a log group for each exported log, encrypted and kept for more than a year."
  }
}

run "the_instance_is_watched" {
  command = plan

  assert {
    condition     = aws_db_instance.primary.performance_insights_enabled && aws_db_instance.primary.performance_insights_retention_period == 7 && aws_db_instance.primary.performance_insights_kms_key_id == var.database_key_arn
    error_message = "Performance Insights are on, for a week, encrypted with the database's key."
  }

  assert {
    condition     = aws_db_instance.primary.monitoring_interval == 60 && aws_db_instance.primary.monitoring_role_arn == aws_iam_role.monitoring.arn
    error_message = "Enhanced Monitoring is on, and has its role."
  }
}

run "the_instance_is_hard_to_lose" {
  command = plan

  assert {
    condition     = aws_db_instance.primary.deletion_protection && !aws_db_instance.primary.skip_final_snapshot && !aws_db_instance.primary.delete_automated_backups
    error_message = "The instance is protected from deletion, and leaves a snapshot and its backups behind."
  }

  assert {
    condition     = aws_db_instance.primary.multi_az && aws_db_instance.primary.backup_retention_period == 7
    error_message = "A standby takes over, and backups are kept for a week."
  }

  assert {
    condition     = aws_db_instance.primary.backup_window == "03:00-04:00" && aws_db_instance.primary.maintenance_window == "mon:04:00-mon:05:00"
    error_message = "Backup and maintenance happen at night, one after the other."
  }

  assert {
    condition     = aws_db_instance.primary.copy_tags_to_snapshot && aws_db_instance.primary.auto_minor_version_upgrade
    error_message = "Snapshots keep the tags, and minor versions come by themselves."
  }

  assert {
    condition     = aws_db_instance.primary.db_name == "ledger"
    error_message = "The first database is made with the instance."
  }
}

run "nobody_sees_the_first_password" {
  command = plan

  assert {
    condition     = aws_db_instance.primary.password == null && aws_secretsmanager_secret_version.initial.secret_string == null
    error_message = "The password is handed over write-only, to the instance and to the secret."
  }

  assert {
    condition     = aws_db_instance.primary.password_wo_version == 1 && aws_secretsmanager_secret_version.initial.secret_string_wo_version == 1
    error_message = "Instance and secret have the same generation of the password."
  }

  assert {
    condition     = aws_secretsmanager_secret.initial.kms_key_id == var.secrets_key_arn && strcontains(aws_secretsmanager_secret.initial.description, "ledger_owner")
    error_message = "The secret is encrypted with the key for secrets and says whose password it holds."
  }
}

run "a_large_volume_with_more_of_everything" {
  command = plan

  variables {
    allocated_storage                     = 500
    max_allocated_storage                 = 2000
    iops                                  = 12000
    storage_throughput                    = 500
    port                                  = 6543
    performance_insights_retention_period = 731
    log_exports                           = ["iam-db-auth-error", "postgresql", "upgrade"]
    parameters                            = { work_mem = "65536", max_connections = "500" }
    password_generation                   = 2
  }

  assert {
    condition     = aws_db_instance.primary.iops == 12000 && aws_db_instance.primary.storage_throughput == 500 && aws_db_instance.primary.port == 6543
    error_message = "Speed and port are the given ones."
  }

  assert {
    condition     = keys(aws_cloudwatch_log_group.database) == ["iam-db-auth-error", "postgresql", "upgrade"]
    error_message = "Every further log that is exported has its group."
  }

  assert {
    condition = alltrue([
      for name, value in { work_mem = "65536", log_statement = "none", "rds.force_ssl" = "1" } :
      { for parameter in aws_db_parameter_group.main["17"].parameter : parameter.name => parameter.value }[name] == value
    ])
    error_message = "Further parameters come on top of those of the module."
  }

  assert {
    condition     = aws_db_instance.primary.password_wo_version == 2 && aws_secretsmanager_secret_version.initial.secret_string_wo_version == 2
    error_message = "A new generation of the password reaches instance and secret together."
  }
}

run "parameters_apply_at_once_if_they_can" {
  command = plan

  variables {
    parameters = { work_mem = "65536", max_connections = "500", "pg_stat_statements.max" = "10000" }
  }

  assert {
    condition = { for parameter in aws_db_parameter_group.main["17"].parameter : parameter.name => parameter.apply_method if contains(["work_mem", "max_connections", "pg_stat_statements.max", "pgaudit.log"], parameter.name) } == {
      work_mem                 = "immediate"
      max_connections          = "pending-reboot"
      "pg_stat_statements.max" = "pending-reboot"
      "pgaudit.log"            = "immediate"
    }
    error_message = "Only static parameters, and those of extensions, wait for a reboot."
  }
}

run "a_major_upgrade_keeps_the_old_parameter_group" {
  command = plan

  variables {
    engine_version              = "18"
    previous_engine_version     = "17"
    allow_major_version_upgrade = true
    apply_immediately           = true
  }

  assert {
    condition     = { for key, group in aws_db_parameter_group.main : key => group.family } == { 17 = "postgres17", 18 = "postgres18" }
    error_message = "Both versions have a group."
  }

  assert {
    condition     = aws_db_instance.primary.parameter_group_name == "ledger-test-postgres18" && output.parameter_group_name == "ledger-test-postgres17"
    error_message = "The primary takes the new group, and replicas keep the old one."
  }

  assert {
    condition     = aws_db_instance.primary.allow_major_version_upgrade && aws_db_instance.primary.apply_immediately
    error_message = "RDS may upgrade the instance, and starts at once."
  }
}

run "refuses_a_major_upgrade_without_the_version_before" {
  command = plan

  variables {
    engine_version              = "18"
    allow_major_version_upgrade = true
  }

  expect_failures = [var.allow_major_version_upgrade]
}

run "refuses_other_changes_at_once" {
  command = plan

  variables {
    apply_immediately = true
  }

  expect_failures = [var.apply_immediately]
}

run "a_new_instance_is_not_restored" {
  command = plan

  assert {
    condition     = length(aws_db_instance.primary.restore_to_point_in_time) == 0
    error_message = "No instance is restored unless it is asked for."
  }
}

run "a_new_instance_is_restored_from_a_snapshot" {
  command = plan

  variables {
    restore_from = { snapshot = "rds:ledger-test-2026-11-25-03-00" }
  }

  assert {
    condition     = aws_db_instance.primary.snapshot_identifier == "rds:ledger-test-2026-11-25-03-00" && length(aws_db_instance.primary.restore_to_point_in_time) == 0
    error_message = "The snapshot is restored, and nothing else."
  }
}

run "a_new_instance_is_restored_to_a_point_in_time" {
  command = plan

  variables {
    restore_from = { instance = "ledger-test-old", time = "2026-11-25T03:00:00Z" }
  }

  assert {
    condition     = aws_db_instance.primary.restore_to_point_in_time[0].source_db_instance_identifier == "ledger-test-old" && aws_db_instance.primary.restore_to_point_in_time[0].restore_time == "2026-11-25T03:00:00Z"
    error_message = "The old instance is restored to that time."
  }
}

run "a_new_instance_is_restored_to_the_latest_time" {
  command = plan

  variables {
    restore_from = { instance = "ledger-test-old" }
  }

  assert {
    condition     = aws_db_instance.primary.restore_to_point_in_time[0].use_latest_restorable_time
    error_message = "Without a time, as little as possible is lost."
  }
}

run "refuses_two_origins" {
  command = plan

  variables {
    restore_from = { snapshot = "ledger-test-1", instance = "ledger-test-old" }
  }

  expect_failures = [var.restore_from]
}

run "refuses_a_snapshot_of_another_account" {
  command = plan

  variables {
    restore_from = { snapshot = "arn:aws:rds:eu-west-1:999988887777:snapshot:shared" }
  }

  expect_failures = [var.restore_from]
}

run "refuses_a_time_of_a_snapshot" {
  command = plan

  variables {
    restore_from = { snapshot = "ledger-test-1", time = "2026-11-25T03:00:00Z" }
  }

  expect_failures = [var.restore_from]
}

run "a_small_instance_that_may_go" {
  command = plan

  variables {
    keep_logs           = false
    multi_az            = false
    deletion_protection = false
    skip_final_snapshot = true
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.database : !group.skip_destroy])
    error_message = "The names of its log groups are free after a destroy."
  }

  assert {
    condition     = !aws_db_instance.primary.multi_az && !aws_db_instance.primary.deletion_protection && aws_db_instance.primary.skip_final_snapshot
    error_message = "A development instance can be cheap and short-lived."
  }

  assert {
    condition     = aws_db_instance.primary.storage_encrypted && aws_db_instance.primary.performance_insights_enabled
    error_message = "It is encrypted and watched all the same."
  }
}

run "refuses_a_pinned_minor_version" {
  command = plan

  variables {
    engine_version = "17.4"
  }

  expect_failures = [var.engine_version]
}

run "refuses_to_switch_tls_off" {
  command = plan

  variables {
    parameters = { "rds.force_ssl" = "0" }
  }

  expect_failures = [var.parameters]
}

run "the_audit_trail_cannot_be_made_quiet" {
  command = plan

  assert {
    condition = alltrue([
      for name, value in {
        log_min_messages                    = "warning"
        password_encryption                 = "scram-sha-256"
        "rds.accepted_password_auth_method" = "scram"
        "pgaudit.log_level"                 = "log"
      } : { for parameter in aws_db_parameter_group.main["17"].parameter : parameter.name => parameter.value }[name] == value
    ])
    error_message = "Log levels and the kind of passwords are explicit."
  }
}

run "pg_stat_statements_keeps_no_password" {
  command = plan

  variables {
    parameters = { "pg_stat_statements.track_utility" = "1", "pg_stat_statements.track" = "all" }
  }

  assert {
    condition = [
      for parameter in aws_db_parameter_group.main["17"].parameter : "${parameter.value} ${parameter.apply_method}"
      if parameter.name == "pg_stat_statements.track_utility"
    ] == ["0 immediate"]
    error_message = "Utility statements, such as CREATE ROLE with a password, are not tracked, at once and in spite of the environment."
  }
}

run "refuses_to_lower_a_log_level" {
  command = plan

  variables {
    parameters = { log_min_messages = "panic" }
  }

  expect_failures = [var.parameters]
}

run "refuses_md5_passwords" {
  command = plan

  variables {
    parameters = { password_encryption = "md5" }
  }

  expect_failures = [var.parameters]
}

run "loads_the_libraries_that_are_asked_for" {
  command = plan

  variables {
    preload_libraries = ["pg_cron", "auto_explain"]
  }

  assert {
    condition     = { for parameter in aws_db_parameter_group.main["17"].parameter : parameter.name => parameter.value }["shared_preload_libraries"] == "pg_stat_statements,pgaudit,auto_explain,pg_cron"
    error_message = "The libraries stand behind those of the module."
  }

  assert {
    condition     = { for parameter in aws_db_parameter_group.main["17"].parameter : parameter.name => parameter.value }["cron.database_name"] == "ledger"
    error_message = "pg_cron keeps its jobs in the stack's database."
  }

  assert {
    condition     = { for parameter in aws_db_parameter_group.main["17"].parameter : parameter.name => parameter.value }["auto_explain.log_parameter_max_length"] == "0"
    error_message = "auto_explain writes no bound values."
  }
}

run "an_old_version_has_no_switch_for_bound_values" {
  command = plan

  variables {
    engine_version    = "15"
    preload_libraries = ["auto_explain"]
  }

  assert {
    condition     = !contains([for parameter in aws_db_parameter_group.main["15"].parameter : parameter.name], "auto_explain.log_parameter_max_length")
    error_message = "PostgreSQL 15 does not have this parameter."
  }
}

run "refuses_a_library_that_is_not_listed" {
  command = plan

  variables {
    preload_libraries = ["pglogical"]
  }

  expect_failures = [var.preload_libraries]
}

run "refuses_maintenance_during_the_backup" {
  command = plan

  variables {
    maintenance_window = "sun:03:30-sun:04:30"
  }

  expect_failures = [var.maintenance_window]
}

run "refuses_to_do_without_the_upgrade_log" {
  command = plan

  variables {
    log_exports = ["postgresql"]
  }

  expect_failures = [var.log_exports]
}

run "refuses_speed_that_a_small_volume_cannot_have" {
  command = plan

  variables {
    iops = 12000
  }

  expect_failures = [var.iops]
}
