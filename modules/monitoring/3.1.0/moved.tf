# Rendered by finbase from templates/modules/monitoring/moved.tf.j2 (monitoring 3.1.0). Do not edit: change the template and release.

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
