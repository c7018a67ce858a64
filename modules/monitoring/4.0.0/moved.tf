# Rendered by finbase from templates/modules/monitoring/moved.tf.j2 (monitoring 4.0.0). Do not edit: change the template and release.

# Since 2.0.0 the alarms are called after the CloudWatch metrics that they watch. Their names in AWS,
# which people and incidents know, are as they were.

moved {
  from = aws_cloudwatch_metric_alarm.cpu
  to   = aws_cloudwatch_metric_alarm.cpu_utilization
}

moved {
  from = aws_cloudwatch_metric_alarm.connections
  to   = aws_cloudwatch_metric_alarm.database_connections
}

moved {
  from = aws_cloudwatch_metric_alarm.memory
  to   = aws_cloudwatch_metric_alarm.freeable_memory
}

moved {
  from = aws_cloudwatch_metric_alarm.storage
  to   = aws_cloudwatch_metric_alarm.free_storage_space
}

# Since 3.0.0 failed logins are counted for each instance.

moved {
  from = aws_cloudwatch_log_metric_filter.failed_logins
  to   = aws_cloudwatch_log_metric_filter.failed_logins["primary"]
}

moved {
  from = aws_cloudwatch_metric_alarm.failed_logins
  to   = aws_cloudwatch_metric_alarm.failed_logins["primary"]
}

# Since 4.0.0 a stack can have no cache and no dashboard.

moved {
  from = aws_cloudwatch_dashboard.main
  to   = aws_cloudwatch_dashboard.main["instances"]
}

moved {
  from = aws_cloudwatch_metric_alarm.cache_throttled
  to   = aws_cloudwatch_metric_alarm.cache_throttled["cache"]
}

moved {
  from = aws_cloudwatch_metric_alarm.cache_data
  to   = aws_cloudwatch_metric_alarm.cache_data["cache"]
}

moved {
  from = aws_cloudwatch_metric_alarm.cache_work
  to   = aws_cloudwatch_metric_alarm.cache_work["cache"]
}
