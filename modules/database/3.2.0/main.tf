# Rendered by finbase from templates/modules/database/main.tf.j2 (database 3.2.0). Do not edit: change the template and release.

resource "aws_db_subnet_group" "main" {
  name        = var.name
  description = "Database subnets of ${var.name}"
  subnet_ids  = var.database_subnet_ids

  tags = { Name = var.name }
}

resource "aws_security_group" "database" {
  name        = "${var.name}-database"
  description = "PostgreSQL primary and replicas"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-database" }
}

resource "aws_db_instance" "primary" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class

  allow_major_version_upgrade = var.allow_major_version_upgrade

  snapshot_identifier = try(var.restore_from.snapshot, null)

  dynamic "restore_to_point_in_time" {
    for_each = try(var.restore_from.instance, null) == null ? [] : [var.restore_from]

    content {
      source_db_instance_identifier = restore_to_point_in_time.value.instance
      restore_time                  = restore_to_point_in_time.value.time
      use_latest_restorable_time    = restore_to_point_in_time.value.time == null ? true : null
    }
  }

  db_name             = var.database_name
  username            = var.username
  password_wo         = ephemeral.aws_secretsmanager_secret_version.initial.secret_string
  password_wo_version = var.password_generation
  port                = var.port

  iam_database_authentication_enabled = true

  storage_type          = "gp3"
  allocated_storage     = var.allocated_storage
  max_allocated_storage = var.max_allocated_storage
  iops                  = var.iops
  storage_throughput    = var.storage_throughput
  storage_encrypted     = true
  kms_key_id            = var.database_key_arn

  multi_az               = var.multi_az
  publicly_accessible    = false
  db_subnet_group_name   = aws_db_subnet_group.main.name
  vpc_security_group_ids = [aws_security_group.database.id]
  parameter_group_name   = aws_db_parameter_group.main[var.engine_version].name
  ca_cert_identifier     = var.ca_cert_identifier

  backup_retention_period   = var.backup_retention_period
  backup_window             = var.backup_window
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = var.skip_final_snapshot
  final_snapshot_identifier = "${var.name}-final-${substr(sha256(aws_secretsmanager_secret_version.initial.version_id), 0, 8)}"

  maintenance_window         = var.maintenance_window
  auto_minor_version_upgrade = true
  apply_immediately          = var.apply_immediately

  enabled_cloudwatch_logs_exports       = var.log_exports
  monitoring_interval                   = var.monitoring_interval
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  performance_insights_enabled          = true
  performance_insights_retention_period = var.performance_insights_retention_period
  performance_insights_kms_key_id       = var.database_key_arn

  tags = { Name = var.name }

  # RDS makes a missing log group itself, without encryption and without an end.
  depends_on = [
    aws_cloudwatch_log_group.database,
    aws_iam_role_policy_attachment.monitoring,
  ]

  # Only a new instance is restored: another origin would replace one that exists.
  lifecycle {
    ignore_changes = [snapshot_identifier, restore_to_point_in_time]
  }
}
