# Rendered by finbase from templates/modules/secret/contract.yaml (secret 2.2.0). Do not edit: change the template and release.

output "arn" {
  description = "ARN of the connection secret."
  value       = aws_secretsmanager_secret.connection.arn
}

output "fields" {
  description = "Names of the fields in the secret."
  value       = keys(local.credentials)
}

output "host" {
  description = "Host in the secret; known once the instance exists."
  value       = local.credentials.host
}

output "version_id" {
  description = "Id of the first version of the secret, which exists after the instance."
  value       = aws_secretsmanager_secret_version.connection.version_id
}

output "readers" {
  description = "ARNs that may read the secret besides the functions; empty without a list."
  value       = var.readers == null ? [] : var.readers
}

output "rotation_function_name" {
  description = "Name of the rotation function."
  value       = aws_lambda_function.rotation.function_name
}

output "rotation_security_group_id" {
  description = "Id of the security group of the rotation function."
  value       = aws_security_group.rotation.id
}
