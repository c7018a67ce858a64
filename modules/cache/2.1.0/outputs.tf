# Rendered by finbase from templates/modules/cache/contract.yaml (cache 2.1.0). Do not edit: change the template and release.

output "name" {
  description = "Name of the cache."
  value       = aws_elasticache_serverless_cache.main.name
}

output "arn" {
  description = "ARN of the cache, on which an application needs elasticache:Connect."
  value       = aws_elasticache_serverless_cache.main.arn
}

output "user_name" {
  description = "Name of the user that applications log in as."
  value       = aws_elasticache_user.application.user_name
}

output "user_arn" {
  description = "ARN of that user, on which an application needs elasticache:Connect."
  value       = aws_elasticache_user.application.arn
}

output "endpoint" {
  description = "Host name and port of the cache, for reads and writes."
  value       = one(aws_elasticache_serverless_cache.main.endpoint)
}

output "reader_endpoint" {
  description = "Host name and port of the cache, for reads that may be a little behind."
  value       = one(aws_elasticache_serverless_cache.main.reader_endpoint)
}

output "security_group_id" {
  description = "Id of the security group of the cache."
  value       = aws_security_group.cache.id
}

output "data_storage_maximum_gb" {
  description = "Limit of the data in GB."
  value       = var.data_storage_maximum_gb
}

output "ecpu_per_second_maximum" {
  description = "Limit of the work in ElastiCache processing units per second."
  value       = var.ecpu_per_second_maximum
}
