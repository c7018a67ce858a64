# Rendered by finbase from templates/modules/monitoring/database_alarms.tf.j2 (monitoring 4.0.0). Do not edit: change the template and release.

data "aws_partition" "current" {}

locals {
  instances = merge({ primary = var.database_identifier }, var.replica_identifiers)

  masked = [
    for name in ["CreditCardNumber", "CreditCardExpiration", "CreditCardSecurityCode"] :
    "arn:${data.aws_partition.current.partition}:dataprotection::aws:data-identifier/${name}"
  ]
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

resource "aws_cloudwatch_metric_alarm" "disk_queue_depth" {
  for_each = local.instances

  alarm_name        = "${each.value}-disk-queue"
  alarm_description = "${each.value} has many requests waiting for its volume"

  namespace           = "AWS/RDS"
  metric_name         = "DiskQueueDepth"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.disk_queue_depth_threshold
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "swap_usage" {
  for_each = local.instances

  alarm_name        = "${each.value}-swap"
  alarm_description = "${each.value} swaps: it needs more memory"

  namespace           = "AWS/RDS"
  metric_name         = "SwapUsage"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.swap_threshold_mib * 1024 * 1024
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "db_load" {
  for_each = local.instances

  alarm_name        = "${each.value}-load"
  alarm_description = "${each.value} has many sessions that work or wait"

  namespace           = "AWS/RDS"
  metric_name         = "DBLoad"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.load_threshold
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "cpu_credit_balance" {
  for_each = local.instances

  alarm_name        = "${each.value}-cpu-credits"
  alarm_description = "${each.value} is burstable and has almost no CPU credits left"

  namespace           = "AWS/RDS"
  metric_name         = "CPUCreditBalance"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "LessThanThreshold"
  threshold           = 20
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "ebs_io_balance" {
  for_each = local.instances

  alarm_name        = "${each.value}-ebs-io-balance"
  alarm_description = "${each.value} has used most of its burst of requests to the volume"

  namespace           = "AWS/RDS"
  metric_name         = "EBSIOBalance%"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "LessThanThreshold"
  threshold           = 20
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "ebs_byte_balance" {
  for_each = local.instances

  alarm_name        = "${each.value}-ebs-byte-balance"
  alarm_description = "${each.value} has used most of its burst of throughput to the volume"

  namespace           = "AWS/RDS"
  metric_name         = "EBSByteBalance%"
  dimensions          = { DBInstanceIdentifier = each.value }
  statistic           = "Average"
  comparison_operator = "LessThanThreshold"
  threshold           = 20
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "oldest_replication_slot_lag" {
  alarm_name        = "${var.database_identifier}-oldest-replication-slot-lag"
  alarm_description = "${var.database_identifier} keeps much WAL for a replication slot: its reader is slow or gone"

  namespace           = "AWS/RDS"
  metric_name         = "OldestReplicationSlotLag"
  dimensions          = { DBInstanceIdentifier = var.database_identifier }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = floor(0.1 * var.database_allocated_storage * 1024 * 1024 * 1024)
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "transaction_logs_disk_usage" {
  alarm_name        = "${var.database_identifier}-transaction-logs-disk-usage"
  alarm_description = "${var.database_identifier} fills its volume with WAL"

  namespace           = "AWS/RDS"
  metric_name         = "TransactionLogsDiskUsage"
  dimensions          = { DBInstanceIdentifier = var.database_identifier }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = floor(0.2 * var.database_allocated_storage * 1024 * 1024 * 1024)
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"

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

# The lag of a replica grows to five minutes while the primary writes nothing. RDS reports a replica
# whose replication ends as an event, and the other alarms ring for a replica that is gone.
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
  treat_missing_data  = "missing"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

# With a wrong password, with a token of IAM that is refused, without TLS, as a role that is unknown
resource "aws_cloudwatch_log_metric_filter" "failed_logins" {
  for_each = local.instances

  name           = "${each.value}-failed-logins"
  log_group_name = "/aws/rds/instance/${each.value}/postgresql"
  pattern        = "?\"password authentication failed\" ?\"PAM authentication failed\" ?\"no pg_hba.conf entry\" ?\"FATAL:  role\""

  metric_transformation {
    name          = "${each.value}-failed-logins"
    namespace     = "Finbase"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "failed_logins" {
  for_each = local.instances

  alarm_name        = "${each.value}-failed-logins"
  alarm_description = "${each.value} refuses many logins: a client with an old password, or somebody guessing"

  namespace           = "Finbase"
  metric_name         = aws_cloudwatch_log_metric_filter.failed_logins[each.key].metric_transformation[0].name
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.failed_logins_threshold
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_log_metric_filter" "deadlocks" {
  name           = "${var.database_identifier}-deadlocks"
  log_group_name = "/aws/rds/instance/${var.database_identifier}/postgresql"
  pattern        = "\"deadlock detected\""

  metric_transformation {
    name          = "${var.database_identifier}-deadlocks"
    namespace     = "Finbase"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "deadlocks" {
  alarm_name        = "${var.database_identifier}-deadlocks"
  alarm_description = "${var.database_identifier} ended transactions that waited for each other"

  namespace           = "Finbase"
  metric_name         = aws_cloudwatch_log_metric_filter.deadlocks.metric_transformation[0].name
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

# Card numbers that a statement or an error brings into a log are masked for its readers. They need
# logs:Unmask to see them.
resource "aws_cloudwatch_log_data_protection_policy" "database" {
  for_each = local.instances

  log_group_name = "/aws/rds/instance/${each.value}/postgresql"

  policy_document = jsonencode({
    Name    = "card-data"
    Version = "2021-06-01"
    Statement = [
      {
        Sid            = "find"
        DataIdentifier = local.masked
        Operation      = { Audit = { FindingsDestination = {} } }
      },
      {
        Sid            = "mask"
        DataIdentifier = local.masked
        Operation      = { Deidentify = { MaskConfig = {} } }
      },
    ]
  })
}
