# Rendered by finbase from templates/modules/existing_network/tests/existing_network.tftest.hcl.j2 (existing_network 2.1.0). Do not edit: change the template and release.

mock_provider "aws" {
  mock_data "aws_vpc" {
    defaults = { cidr_block = "10.20.0.0/16", enable_dns_support = true, enable_dns_hostnames = true }
  }

  mock_data "aws_route_table" {
    defaults = { route_table_id = "rtb-0123456789abcdef0" }
  }

  mock_data "aws_vpc_endpoint" {
    defaults = {
      vpc_endpoint_type   = "Gateway"
      prefix_list_id      = "pl-01234567"
      route_table_ids     = ["rtb-0123456789abcdef0"]
      security_group_ids  = ["sg-0123456789abcdef0"]
      private_dns_enabled = true
    }
  }
}

variables {
  region = "eu-west-1"
  vpc_id = "vpc-0123456789abcdef0"
  cidr   = "10.20.0.0/16"
  zones = {
    eu-west-1a = { public_subnet_id = "subnet-00000001", private_subnet_id = "subnet-00000002", database_subnet_id = "subnet-00000003" }
    eu-west-1b = { public_subnet_id = "subnet-00000004", private_subnet_id = "subnet-00000005", database_subnet_id = "subnet-00000006" }
  }
  endpoints_security_group_id = "sg-0123456789abcdef0"
}

run "each_subnet_is_found_in_its_zone_and_vpc" {
  command = plan

  assert {
    condition = alltrue([
      for tier in [data.aws_subnet.public, data.aws_subnet.private, data.aws_subnet.database] :
      alltrue([for zone, subnet in tier : subnet.vpc_id == var.vpc_id && subnet.availability_zone == zone])
    ])
    error_message = "A subnet of another VPC or zone is not found."
  }

  assert {
    condition     = output.private_subnet_ids == ["subnet-00000002", "subnet-00000005"] && output.database_subnet_ids == ["subnet-00000003", "subnet-00000006"]
    error_message = "Each tier has its own subnets, in the order of the zones."
  }

  assert {
    condition = alltrue([
      for zone, table in data.aws_route_table.private : table.subnet_id == var.zones[zone].private_subnet_id
      ]) && alltrue([
      for zone, gateway in data.aws_nat_gateway.main : gateway.subnet_id == var.zones[zone].public_subnet_id
    ])
    error_message = "The route tables and gateways are those of the subnets."
  }
}

run "prefix_lists_and_propagated_routes_are_read" {
  command = plan

  variables {
    prefix_list_ids = ["pl-0123456789abcdef0"]
  }

  assert {
    condition     = data.aws_ec2_managed_prefix_list.routes["pl-0123456789abcdef0"].id == "pl-0123456789abcdef0"
    error_message = "The entries of each list are read."
  }

  assert {
    condition     = data.aws_route_tables.propagated.vpc_id == var.vpc_id && one(data.aws_route_tables.propagated.filter).values == toset(["EnableVgwRoutePropagation"])
    error_message = "The tables with propagated routes are those of the VPC."
  }
}

run "the_vpc_has_another_range" {
  command = plan

  variables {
    cidr = "10.21.0.0/16"
  }

  expect_failures = [data.aws_vpc.main]
}

run "the_vpc_answers_no_names" {
  command = plan

  override_data {
    target = data.aws_vpc.main
    values = { cidr_block = "10.20.0.0/16", enable_dns_support = true, enable_dns_hostnames = false }
  }

  expect_failures = [data.aws_vpc.main]
}

run "the_endpoint_of_s3_misses_a_table" {
  command = plan

  override_data {
    target = data.aws_vpc_endpoint.s3
    values = { vpc_endpoint_type = "Gateway", prefix_list_id = "pl-01234567", route_table_ids = ["rtb-another"] }
  }

  expect_failures = [data.aws_vpc_endpoint.s3]
}

run "an_endpoint_is_in_another_group" {
  command = plan

  variables {
    endpoints_security_group_id = "sg-0123456789abcdef1"
  }

  expect_failures = [data.aws_vpc_endpoint.interface]
}

run "a_subnet_is_listed_twice" {
  command = plan

  variables {
    zones = {
      eu-west-1a = { public_subnet_id = "subnet-00000001", private_subnet_id = "subnet-00000002", database_subnet_id = "subnet-00000003" }
      eu-west-1b = { public_subnet_id = "subnet-00000004", private_subnet_id = "subnet-00000002", database_subnet_id = "subnet-00000006" }
    }
  }

  expect_failures = [var.zones]
}

run "traffic_leaves_through_a_transit_gateway" {
  command = plan

  variables {
    zones = {
      eu-west-1a = { private_subnet_id = "subnet-00000002", database_subnet_id = "subnet-00000003" }
      eu-west-1b = { private_subnet_id = "subnet-00000005", database_subnet_id = "subnet-00000006" }
    }
    central_egress = { transit_gateway_id = "tgw-0123456789abcdef0", reason = "Inspection" }
  }

  assert {
    condition     = length(data.aws_subnet.public) == 0 && length(data.aws_route_table.public) == 0 && output.nat_gateway_ids == {}
    error_message = "Nothing public is looked for."
  }

  assert {
    condition     = output.private_subnet_ids == ["subnet-00000002", "subnet-00000005"] && keys(data.aws_route_table.private) == ["eu-west-1a", "eu-west-1b"]
    error_message = "The private subnets and their tables are read as before."
  }
}

run "a_zone_has_no_way_out" {
  command = plan

  variables {
    zones = {
      eu-west-1a = { public_subnet_id = "subnet-00000001", private_subnet_id = "subnet-00000002", database_subnet_id = "subnet-00000003" }
      eu-west-1b = { private_subnet_id = "subnet-00000005", database_subnet_id = "subnet-00000006" }
    }
  }

  expect_failures = [var.zones]
}

run "a_zone_has_two_ways_out" {
  command = plan

  variables {
    central_egress = { transit_gateway_id = "tgw-0123456789abcdef0", reason = "Inspection" }
  }

  expect_failures = [var.zones]
}
