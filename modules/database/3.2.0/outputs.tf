# Rendered by finbase from templates/modules/database/contract.yaml (database 3.2.0). Do not edit: change the template and release.

output "backup_window" {
  description = "Daily window of the backup, in UTC; replicas have the same."
  value       = var.backup_window
}

output "iops" {
  description = "Provisioned IO operations per second, or null."
  value       = var.iops
}

output "storage_throughput" {
  description = "Provisioned throughput in MiB/s, or null."
  value       = var.storage_throughput
}

output "maintenance_window" {
  description = "Weekly window of maintenance, in UTC; no replica has its own then."
  value       = var.maintenance_window
}

output "identifier" {
  description = "Identifier of the instance."
  value       = aws_db_instance.primary.identifier
}

output "arn" {
  description = "ARN of the instance."
  value       = aws_db_instance.primary.arn
}

output "address" {
  description = "Host name of the instance."
  value       = aws_db_instance.primary.address
}

output "port" {
  description = "Port of the instance."
  value       = aws_db_instance.primary.port
}

output "database_name" {
  description = "Name of the first database."
  value       = aws_db_instance.primary.db_name
}

output "username" {
  description = "Name of the master user."
  value       = aws_db_instance.primary.username
}

output "engine_version_actual" {
  description = "Version of PostgreSQL that runs, minor version included."
  value       = aws_db_instance.primary.engine_version_actual
}

output "allocated_storage" {
  description = "Size of the volume in GiB, or the configured one while RDS has yet to grow it."
  value       = max(var.allocated_storage, aws_db_instance.primary.allocated_storage)
}

output "configured_storage" {
  description = "Size in GiB that the environment gives the volume; RDS may have grown it beyond that."
  value       = var.allocated_storage
}

output "max_allocated_storage" {
  description = "Size in GiB up to which the volume may grow."
  value       = aws_db_instance.primary.max_allocated_storage
}

output "security_group_id" {
  description = "Id of the security group of the database and its replicas."
  value       = aws_security_group.database.id
}

output "parameter_group_name" {
  description = "Name of the parameter group that replicas use; that of previous_engine_version, if it is set."
  value       = aws_db_parameter_group.main[coalesce(var.previous_engine_version, var.engine_version)].name
}

output "ca_cert_identifier" {
  description = "Certificate authority of the instance's TLS certificate."
  value       = aws_db_instance.primary.ca_cert_identifier
}

output "log_exports" {
  description = "Logs that are exported to CloudWatch."
  value       = var.log_exports
}

output "keep_logs" {
  description = "Whether the exported logs are kept when their instance is destroyed."
  value       = var.keep_logs
}

output "log_group_name" {
  description = "Name of the log group that holds the PostgreSQL log."
  value       = aws_cloudwatch_log_group.database["postgresql"].name
}

output "log_retention_in_days" {
  description = "Days that the exported logs are kept."
  value       = var.log_retention_in_days
}

output "monitoring_interval" {
  description = "Seconds between two samples of Enhanced Monitoring."
  value       = aws_db_instance.primary.monitoring_interval
}

output "monitoring_role_arn" {
  description = "ARN of the role of Enhanced Monitoring."
  value       = aws_iam_role.monitoring.arn
}

output "performance_insights_retention_period" {
  description = "Days that Performance Insights keeps its history."
  value       = aws_db_instance.primary.performance_insights_retention_period
}

output "initial_secret_id" {
  description = "Id of the secret that holds the first password."
  value       = aws_secretsmanager_secret_version.initial.secret_id
}

output "initial_version_id" {
  description = "Id of the version in it."
  value       = aws_secretsmanager_secret_version.initial.version_id
}

output "password_generation" {
  description = "Generation of the password."
  value       = var.password_generation
}
