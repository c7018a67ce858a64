# Rendered by finbase from templates/modules/replica/tests/replica.tftest.hcl.j2 (replica 2.1.0). Do not edit: change the template and release.

mock_provider "aws" {
}

variables {
  name                                  = "ledger-test"
  instance                              = "reporting"
  instance_class                        = "db.r7g.large"
  source_identifier                     = "ledger-test"
  backup_window                         = "03:00-04:00"
  primary_maintenance_window            = "mon:04:00-mon:05:00"
  port                                  = 5432
  max_allocated_storage                 = 200
  security_group_id                     = "sg-database"
  parameter_group_name                  = "ledger-test-postgres17"
  ca_cert_identifier                    = "rds-ca-rsa2048-g1"
  log_exports                           = ["postgresql", "upgrade"]
  log_retention_in_days                 = 400
  keep_logs                             = true
  logs_key_arn                          = "arn:aws:kms:eu-west-1:111122223333:key/logs"
  monitoring_interval                   = 60
  monitoring_role_arn                   = "arn:aws:iam::111122223333:role/monitoring"
  performance_insights_retention_period = 7
  performance_insights_key_arn          = "arn:aws:kms:eu-west-1:111122223333:key/database"
}

run "a_replica_is_watched_like_its_primary" {
  assert {
    condition     = aws_db_instance.replica.performance_insights_enabled && aws_db_instance.replica.performance_insights_retention_period == 7 && aws_db_instance.replica.performance_insights_kms_key_id == var.performance_insights_key_arn
    error_message = "Performance Insights are on, with the primary's retention and key."
  }

  assert {
    condition     = aws_db_instance.replica.monitoring_interval == 60 && aws_db_instance.replica.monitoring_role_arn == var.monitoring_role_arn
    error_message = "Enhanced Monitoring is on, at the primary's interval."
  }

  assert {
    condition     = aws_db_instance.replica.enabled_cloudwatch_logs_exports == toset(["postgresql", "upgrade"])
    error_message = "A replica exports the logs that the primary exports."
  }

  assert {
    condition = alltrue([
      for log in aws_db_instance.replica.enabled_cloudwatch_logs_exports :
      aws_cloudwatch_log_group.replica[log].name == "/aws/rds/instance/ledger-test-reporting/${log}" &&
      aws_cloudwatch_log_group.replica[log].retention_in_days == 400 &&
      aws_cloudwatch_log_group.replica[log].skip_destroy &&
      aws_cloudwatch_log_group.replica[log].kms_key_id == var.logs_key_arn
    ])
    error_message = "RDS finds a log group for each exported log, encrypted and kept for more than a year."
  }
}

run "a_replica_is_as_closed_as_its_primary" {
  assert {
    condition     = aws_db_instance.replica.storage_encrypted && aws_db_instance.replica.storage_type == "gp3"
    error_message = "The replica's storage is encrypted, on gp3."
  }

  assert {
    condition     = aws_db_instance.replica.parameter_group_name == var.parameter_group_name
    error_message = "The replica forces TLS and keeps an audit trail: it uses the primary's parameter group."
  }

  assert {
    condition     = !aws_db_instance.replica.publicly_accessible && aws_db_instance.replica.vpc_security_group_ids == toset([var.security_group_id])
    error_message = "The replica is reached inside the VPC, through the database's group alone."
  }

  assert {
    condition     = aws_db_instance.replica.deletion_protection && aws_db_instance.replica.copy_tags_to_snapshot && aws_db_instance.replica.auto_minor_version_upgrade
    error_message = "The replica is protected from deletion, keeps its tags and gets patches."
  }

  assert {
    condition     = aws_db_instance.replica.backup_window == "03:00-04:00"
    error_message = "AWS learns the backup window together with the maintenance window, and not a random one."
  }

  assert {
    condition     = aws_db_instance.replica.backup_retention_period == 7
    error_message = "The replica has backups of its own to be restored from, once it is promoted."
  }

  assert {
    condition     = aws_db_instance.replica.replicate_source_db == "ledger-test" && output.identifier == "ledger-test-reporting"
    error_message = "The replica follows the primary and is named after its purpose."
  }
}

run "a_bigger_primary_that_is_kept_for_longer" {
  variables {
    instance                              = "reconciliation"
    maintenance_window                    = "wed:04:00-wed:05:00"
    backup_retention_period               = 35
    deletion_protection                   = false
    allocated_storage                     = 450
    iops                                  = 16000
    storage_throughput                    = 1000
    log_exports                           = ["iam-db-auth-error", "postgresql", "upgrade"]
    log_retention_in_days                 = 731
    performance_insights_retention_period = 731
  }

  assert {
    condition     = aws_db_instance.replica.performance_insights_retention_period == 731
    error_message = "The retention of Performance Insights follows the primary's."
  }

  assert {
    condition     = length(aws_cloudwatch_log_group.replica) == 3 && aws_cloudwatch_log_group.replica["iam-db-auth-error"].retention_in_days == 731
    error_message = "Every further log that is exported has its group."
  }

  assert {
    condition     = !aws_db_instance.replica.deletion_protection && aws_db_instance.replica.maintenance_window == "wed:04:00-wed:05:00"
    error_message = "A replica may be removed, and is maintained when it is told to."
  }

  assert {
    condition     = aws_db_instance.replica.allocated_storage == 450 && aws_db_instance.replica.iops == 16000 && aws_db_instance.replica.storage_throughput == 1000
    error_message = "The replica's volume is as large and as fast as the primary's."
  }

  assert {
    condition     = aws_db_instance.replica.backup_retention_period == 35
    error_message = "A replica keeps its backups for as long as it is told to."
  }
}

run "refuses_maintenance_while_the_primary_is_maintained" {
  command = plan

  variables {
    maintenance_window = "mon:04:30-mon:05:30"
  }

  expect_failures = [var.maintenance_window]
}

run "refuses_maintenance_during_the_backup" {
  command = plan

  variables {
    maintenance_window = "sun:03:30-sun:04:30"
  }

  expect_failures = [var.maintenance_window]
}

run "refuses_a_name_that_is_too_long" {
  command = plan

  variables {
    instance = "reporting-for-the-whole-company"
  }

  expect_failures = [var.instance]
}
