# Rendered by finbase from templates/modules/access/contract.yaml (access 3.1.0). Do not edit: change the template and release.

output "application_security_group_id" {
  description = "Id of the group that clients of the database and the cache join."
  value       = aws_security_group.application.id
}

output "client_security_group_ids" {
  description = "Ids of the groups that other applications join, by the name of the client."
  value       = { for name, group in aws_security_group.client : name => group.id }
}
