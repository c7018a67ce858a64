# Rendered by finbase from templates/modules/existing_network/main.tf.j2 (existing_network 2.1.0). Do not edit: change the template and release.

# Every data source refers to the id of the VPC, so nothing is read while that id is unknown.
data "aws_vpc" "main" {
  id = var.vpc_id

  lifecycle {
    postcondition {
      condition     = self.cidr_block == var.cidr
      error_message = "The VPC ${var.vpc_id} has the range ${self.cidr_block}, not ${var.cidr}; correct cidr."
    }
    postcondition {
      condition     = self.enable_dns_support && self.enable_dns_hostnames
      error_message = "The VPC ${var.vpc_id} needs DNS support and DNS hostnames, or no endpoint answers."
    }
  }
}

# A subnet that is in another zone or VPC is not found. With central_egress, no zone has a public one.
data "aws_subnet" "public" {
  for_each = { for zone, subnets in var.zones : zone => subnets if subnets.public_subnet_id != null }

  id                = each.value.public_subnet_id
  vpc_id            = var.vpc_id
  availability_zone = each.key
}

data "aws_subnet" "private" {
  for_each = var.zones

  id                = each.value.private_subnet_id
  vpc_id            = var.vpc_id
  availability_zone = each.key
}

data "aws_subnet" "database" {
  for_each = var.zones

  id                = each.value.database_subnet_id
  vpc_id            = var.vpc_id
  availability_zone = each.key
}

# The table that is associated with a subnet; the main table of the VPC is not found.
data "aws_route_table" "public" {
  for_each = { for zone, subnets in var.zones : zone => subnets if subnets.public_subnet_id != null }

  vpc_id    = var.vpc_id
  subnet_id = each.value.public_subnet_id
}

data "aws_route_table" "private" {
  for_each = var.zones

  vpc_id    = var.vpc_id
  subnet_id = each.value.private_subnet_id
}

data "aws_route_table" "database" {
  for_each = var.zones

  vpc_id    = var.vpc_id
  subnet_id = each.value.database_subnet_id
}

# The tables to which a VPN gateway propagates routes. The table above leaves such routes out.
data "aws_route_tables" "propagated" {
  vpc_id = var.vpc_id

  filter {
    name   = "route.origin"
    values = ["EnableVgwRoutePropagation"]
  }
}

data "aws_ec2_managed_prefix_list" "routes" {
  for_each = var.prefix_list_ids

  # The second part. The whole text is unknown while the id of the VPC is.
  id = split("/", "${var.vpc_id}/${each.key}")[1]
}

data "aws_nat_gateway" "main" {
  for_each = { for zone, subnets in var.zones : zone => subnets if subnets.public_subnet_id != null }

  vpc_id    = var.vpc_id
  subnet_id = each.value.public_subnet_id
  state     = "available"
}
