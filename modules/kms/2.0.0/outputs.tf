# Rendered by finbase from templates/modules/kms/contract.yaml (kms 2.0.0). Do not edit: change the template and release.

output "database_key_arn" {
  description = "ARN of the key for database storage, snapshots and Performance Insights."
  value       = aws_kms_key.database.arn
}

output "secrets_key_arn" {
  description = "ARN of the key for Secrets Manager."
  value       = aws_kms_key.secrets.arn
}

output "cache_key_arn" {
  description = "ARN of the key for the cache."
  value       = aws_kms_key.cache.arn
}

output "logs_key_arn" {
  description = "ARN of the key for CloudWatch Logs."
  value       = aws_kms_key.logs.arn
}

output "notifications_key_arn" {
  description = "ARN of the key for the notification topic."
  value       = aws_kms_key.notifications.arn
}
