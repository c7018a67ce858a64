# Rendered by finbase from environments/production.yaml. Do not edit: change that file and run make render.

output "network_vpc_id" {
  description = "Id of the VPC."
  value       = module.network.vpc_id
}

output "network_private_subnet_ids" {
  description = "Ids of the private subnets, in the order of their zones."
  value       = module.network.private_subnet_ids
}

output "network_nat_public_ips" {
  description = "Addresses that traffic to the internet comes from, keyed by zone."
  value       = module.network.nat_public_ips
}

output "cache_arn" {
  description = "ARN of the cache, on which an application needs elasticache:Connect."
  value       = module.cache.arn
}

output "cache_user_name" {
  description = "Name of the user that applications log in as."
  value       = module.cache.user_name
}

output "cache_user_arn" {
  description = "ARN of that user, on which an application needs elasticache:Connect."
  value       = module.cache.user_arn
}

output "cache_endpoint" {
  description = "Host name and port of the cache, for reads and writes."
  value       = module.cache.endpoint
}

output "cache_reader_endpoint" {
  description = "Host name and port of the cache, for reads that may be a little behind."
  value       = module.cache.reader_endpoint
}

output "database_identifier" {
  description = "Identifier of the instance."
  value       = module.database.identifier
}

output "database_address" {
  description = "Host name of the instance."
  value       = module.database.address
}

output "database_port" {
  description = "Port of the instance."
  value       = module.database.port
}

output "database_engine_version_actual" {
  description = "Version of PostgreSQL that runs, minor version included."
  value       = module.database.engine_version_actual
}

output "replica_address" {
  description = "Host name of the replica, keyed by instance."
  value = {
    reporting      = module.replica_reporting.address
    reconciliation = module.replica_reconciliation.address
  }
}

output "secret_arn" {
  description = "ARN of the connection secret."
  value       = module.secret.arn
}

output "secret_fields" {
  description = "Names of the fields in the secret."
  value       = module.secret.fields
}

output "secret_host" {
  description = "Host in the secret; known once the instance exists."
  value       = module.secret.host
}

output "access_application_security_group_id" {
  description = "Id of the group that clients of the database and the cache join."
  value       = module.access.application_security_group_id
}

output "monitoring_topic_arn" {
  description = "ARN of the topic that alarms and database events are sent to."
  value       = module.monitoring.topic_arn
}

output "roles_secret_arns" {
  description = "ARNs of the secrets, keyed by role."
  value       = module.roles.secret_arns
}

output "roles_iam_logins" {
  description = "Logins that use tokens of IAM, keyed by role."
  value       = module.roles.iam_logins
}
