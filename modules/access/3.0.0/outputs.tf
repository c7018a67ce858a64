# Rendered by finbase from templates/modules/access/contract.yaml (access 3.0.0). Do not edit: change the template and release.

output "application_security_group_id" {
  description = "Id of the group that clients of the database and the cache join."
  value       = aws_security_group.application.id
}
