# Rendered by finbase from templates/modules/replica/contract.yaml (replica 2.1.0). Do not edit: change the template and release.

output "identifier" {
  description = "Identifier of the replica."
  value       = aws_db_instance.replica.identifier
}

output "address" {
  description = "Host name of the replica."
  value       = aws_db_instance.replica.address
}
