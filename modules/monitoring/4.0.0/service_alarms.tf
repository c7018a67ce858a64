# Rendered by finbase from templates/modules/monitoring/service_alarms.tf.j2 (monitoring 4.0.0). Do not edit: change the template and release.

resource "aws_cloudwatch_metric_alarm" "cache_throttled" {
  for_each = var.cache_names

  alarm_name        = "${var.name}-cache-throttled"
  alarm_description = "${each.value} throttles commands: a limit is reached"

  namespace           = "AWS/ElastiCache"
  metric_name         = "ThrottledCmds"
  dimensions          = { clusterId = each.value }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "cache_data" {
  for_each = var.cache_names

  alarm_name        = "${var.name}-cache-data"
  alarm_description = "${each.value} holds more than 80 percent of its data limit"

  namespace           = "AWS/ElastiCache"
  metric_name         = "BytesUsedForCache"
  dimensions          = { clusterId = each.value }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0.8 * var.cache_data_storage_maximum_gb[each.key] * 1000 * 1000 * 1000
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "cache_work" {
  for_each = var.cache_names

  alarm_name        = "${var.name}-cache-work"
  alarm_description = "${each.value} works at more than 80 percent of its limit"

  namespace           = "AWS/ElastiCache"
  metric_name         = "ElastiCacheProcessingUnits"
  dimensions          = { clusterId = each.value }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0.8 * var.cache_ecpu_per_second_maximum[each.key] * 300
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "rotation_errors" {
  alarm_name        = "${var.name}-rotation-errors"
  alarm_description = "${var.rotation_function_name} could not rotate the connection secret"

  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = var.rotation_function_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "rotation_throttles" {
  alarm_name        = "${var.name}-rotation-throttles"
  alarm_description = "${var.rotation_function_name} was not started: no free execution"

  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = var.rotation_function_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}

resource "aws_cloudwatch_metric_alarm" "nat_ports" {
  for_each = var.nat_gateway_ids

  alarm_name        = "${var.name}-nat-ports-${each.key}"
  alarm_description = "The NAT gateway in ${each.key} has no free port for a connection to the internet"

  namespace           = "AWS/NATGateway"
  metric_name         = "ErrorPortAllocation"
  dimensions          = { NatGatewayId = each.value }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.notifications.arn]
  ok_actions    = [aws_sns_topic.notifications.arn]
}
