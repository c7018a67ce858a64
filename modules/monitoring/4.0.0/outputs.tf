# Rendered by finbase from templates/modules/monitoring/contract.yaml (monitoring 4.0.0). Do not edit: change the template and release.

output "topic_arn" {
  description = "ARN of the topic that alarms and database events are sent to."
  value       = aws_sns_topic.notifications.arn
}
