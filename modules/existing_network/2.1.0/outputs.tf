# Rendered by finbase from templates/modules/existing_network/contract.yaml (existing_network 2.1.0). Do not edit: change the template and release.

output "vpc_id" {
  description = "Id of the VPC."
  value       = data.aws_vpc.main.id
}

output "private_subnet_ids" {
  description = "Ids of the private subnets, in the order of their zones."
  value       = [for subnet in data.aws_subnet.private : subnet.id]
}

output "database_subnet_ids" {
  description = "Ids of the database subnets, in the order of their zones."
  value       = [for subnet in data.aws_subnet.database : subnet.id]
}

output "endpoints_security_group_id" {
  description = "Id of the security group of the interface endpoints."
  value       = data.aws_security_group.endpoints.id
}

output "s3_prefix_list_id" {
  description = "Id of the prefix list with the addresses of S3, which the gateway endpoint serves."
  value       = data.aws_vpc_endpoint.s3.prefix_list_id
}

output "nat_gateway_ids" {
  description = "Ids of the NAT gateways, keyed by zone."
  value       = { for zone, gateway in data.aws_nat_gateway.main : zone => gateway.id }
}

output "nat_public_ips" {
  description = "Addresses that traffic to the internet comes from, keyed by zone."
  value       = { for zone, gateway in data.aws_nat_gateway.main : zone => gateway.public_ip }
}
