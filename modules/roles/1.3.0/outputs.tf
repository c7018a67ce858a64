# Rendered by finbase from templates/modules/roles/contract.yaml (roles 1.3.0). Do not edit: change the template and release.

output "secret_arns" {
  description = "ARNs of the secrets, keyed by role."
  value       = { for role, secret in aws_secretsmanager_secret.role : role => secret.arn }
}

output "iam_logins" {
  description = "Logins that use tokens of IAM, keyed by role."
  value       = { for role, declared in var.roles : role => "${role}_iam" if declared.iam_login }
}

output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.roles.function_name
}
