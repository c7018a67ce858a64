# Rendered by finbase from templates/modules/replica/main.tf.j2 (replica 2.1.0). Do not edit: change the template and release.

locals {
  identifier = "${var.name}-${var.instance}"
}

resource "aws_cloudwatch_log_group" "replica" {
  for_each = var.log_exports

  name              = "/aws/rds/instance/${local.identifier}/${each.key}"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.logs_key_arn
  skip_destroy      = var.keep_logs
}

resource "aws_db_instance" "replica" {
  # checkov:skip=CKV_AWS_157: a replica only reads; while it fails, the primary or another one answers
  identifier          = local.identifier
  replicate_source_db = var.source_identifier
  instance_class      = var.instance_class
  port                = var.port

  iam_database_authentication_enabled = true

  # Encrypted with the primary's key, which a replica in the same region inherits.
  storage_type          = "gp3"
  storage_encrypted     = true
  allocated_storage     = var.allocated_storage
  max_allocated_storage = var.max_allocated_storage
  iops                  = var.iops
  storage_throughput    = var.storage_throughput

  publicly_accessible    = false
  vpc_security_group_ids = [var.security_group_id]
  parameter_group_name   = var.parameter_group_name
  ca_cert_identifier     = var.ca_cert_identifier

  # Of its own, so that a replica can be restored from the moment that it is promoted.
  backup_retention_period = var.backup_retention_period
  backup_window           = var.backup_window
  copy_tags_to_snapshot   = true
  deletion_protection     = var.deletion_protection
  skip_final_snapshot     = true # RDS takes no last snapshot of a replica.

  maintenance_window         = var.maintenance_window
  auto_minor_version_upgrade = true
  apply_immediately          = false

  enabled_cloudwatch_logs_exports       = var.log_exports
  monitoring_interval                   = var.monitoring_interval
  monitoring_role_arn                   = var.monitoring_role_arn
  performance_insights_enabled          = true
  performance_insights_retention_period = var.performance_insights_retention_period
  performance_insights_kms_key_id       = var.performance_insights_key_arn

  tags = { Name = local.identifier }

  # RDS makes a missing log group itself, without encryption and without an end.
  depends_on = [aws_cloudwatch_log_group.replica]
}
