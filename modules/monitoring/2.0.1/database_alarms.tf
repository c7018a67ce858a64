# Rendered by finbase from templates/modules/monitoring/database_alarms.tf.j2 (monitoring 2.0.1). Do not edit: change the template and release.

locals {
  instances = merge({ primary = var.database_identifier }, var.replica_identifiers)
}

resource "aws_cloudwatch_metric_alarm" "cpu_utilization" {
  for_each = local.instances

  alarm_name        = "${each.value}-cpu"
  alarm_description = "${each.value} is short of CPU"

  namespace           = "AWS/RDS"
  metric_name         = "CPUUtilization"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.cpu_threshold_percent
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "database_connections" {
  for_each = local.instances

  alarm_name        = "${each.value}-connections"
  alarm_description = "${each.value} has too many connections"

  namespace           = "AWS/RDS"
  metric_name         = "DatabaseConnections"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.connections_threshold
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "freeable_memory" {
  for_each = local.instances

  alarm_name        = "${each.value}-memory"
  alarm_description = "${each.value} is short of memory"

  namespace           = "AWS/RDS"
  metric_name         = "FreeableMemory"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "LessThanThreshold"
  threshold           = var.freeable_memory_threshold_mib * 1024 * 1024
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "free_storage_space" {
  for_each = local.instances

  alarm_name        = "${each.value}-storage"
  alarm_description = "${each.value} has less than 15 percent of its storage left"

  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "LessThanThreshold"
  threshold           = floor(0.15 * var.database_allocated_storage * 1024 * 1024 * 1024)
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "read_latency" {
  for_each = local.instances

  alarm_name        = "${each.value}-read-latency"
  alarm_description = "${each.value} reads slowly"

  namespace           = "AWS/RDS"
  metric_name         = "ReadLatency"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.latency_threshold_milliseconds / 1000
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "write_latency" {
  for_each = local.instances

  alarm_name        = "${each.value}-write-latency"
  alarm_description = "${each.value} writes slowly"

  namespace           = "AWS/RDS"
  metric_name         = "WriteLatency"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.latency_threshold_milliseconds / 1000
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "transaction_ids" {
  alarm_name        = "${var.database_identifier}-transaction-ids"
  alarm_description = "${var.database_identifier} is half-way to running out of transaction ids: vacuum does not keep up"

  namespace           = "AWS/RDS"
  metric_name         = "MaximumUsedTransactionIDs"
  dimensions          = { DBInstanceIdentifier = var.database_identifier }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1000000000
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "missing"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "replica_lag" {
  for_each = var.replica_identifiers

  alarm_name        = "${each.value}-replica-lag"
  alarm_description = "${each.value} falls behind the primary"

  namespace           = "AWS/RDS"
  metric_name         = "ReplicaLag"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.replica_lag_threshold_seconds
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "breaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_log_metric_filter" "failed_logins" {
  name           = "${var.name}-failed-logins"
  log_group_name = var.database_log_group_name
  pattern        = "\"password authentication failed\""

  metric_transformation {
    name          = "${var.name}-failed-logins"
    namespace     = "Finbase"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "failed_logins" {
  alarm_name        = "${var.database_identifier}-failed-logins"
  alarm_description = "${var.database_identifier} refuses many logins: a client with an old password, or somebody guessing"

  namespace           = "Finbase"
  metric_name         = aws_cloudwatch_log_metric_filter.failed_logins.metric_transformation[0].name
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.failed_logins_threshold
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}
