# Rendered by finbase from templates/modules/network/contract.yaml (network 1.0.1). Do not edit: change the template and release.

output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.main.id
}

output "private_subnet_ids" {
  description = "Ids of the private subnets, in the order of their zones."
  value       = [for subnet in aws_subnet.private : subnet.id]
}

output "database_subnet_ids" {
  description = "Ids of the database subnets, in the order of their zones."
  value       = [for subnet in aws_subnet.database : subnet.id]
}

output "endpoints_security_group_id" {
  description = "Id of the security group of the interface endpoints."
  value       = aws_security_group.endpoints.id
}

output "nat_public_ips" {
  description = "Addresses that traffic to the internet comes from, keyed by zone."
  value       = { for zone, address in aws_eip.nat : zone => address.public_ip }
}
