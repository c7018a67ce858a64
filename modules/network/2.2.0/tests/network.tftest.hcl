# Rendered by finbase from templates/modules/network/tests/network.tftest.hcl.j2 (network 2.2.0). Do not edit: change the template and release.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  # Resources take JSON only. The tests read the statements, which are not made up.
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:example" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/example" }
  }
}

variables {
  name         = "ledger-test"
  region       = "eu-west-1"
  account_id   = "111122223333"
  logs_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/logs"
  cidr         = "10.20.0.0/16"
  zones = {
    eu-west-1a = { public_cidr = "10.20.0.0/24", private_cidr = "10.20.16.0/20", database_cidr = "10.20.8.0/24" }
    eu-west-1b = { public_cidr = "10.20.1.0/24", private_cidr = "10.20.32.0/20", database_cidr = "10.20.9.0/24" }
  }
}

run "each_zone_has_its_own_way_out" {
  assert {
    condition     = keys(aws_nat_gateway.main) == ["eu-west-1a", "eu-west-1b"]
    error_message = "There is a NAT gateway in every zone."
  }

  assert {
    condition = alltrue([
      for zone, gateway in aws_nat_gateway.main :
      gateway.subnet_id == aws_subnet.public[zone].id && gateway.allocation_id == aws_eip.nat[zone].id
    ])
    error_message = "A NAT gateway is in the public subnet of its zone, on an elastic IP of its own."
  }

  assert {
    condition = alltrue([
      for zone, route in aws_route.private_internet :
      route.destination_cidr_block == "0.0.0.0/0" &&
      route.nat_gateway_id == aws_nat_gateway.main[zone].id &&
      route.route_table_id == aws_route_table.private[zone].id
    ])
    error_message = "The private route table of a zone leads to that zone's NAT gateway."
  }

  assert {
    condition = alltrue([
      for zone, association in aws_route_table_association.private :
      association.subnet_id == aws_subnet.private[zone].id && association.route_table_id == aws_route_table.private[zone].id
    ])
    error_message = "A private subnet uses the private route table of its zone."
  }

  assert {
    condition     = aws_route.public_internet.gateway_id == aws_internet_gateway.main.id && aws_route.public_internet.route_table_id == aws_route_table.public.id
    error_message = "Public subnets reach the internet by the internet gateway."
  }
}

run "databases_are_out_of_reach" {
  assert {
    condition = alltrue([
      for zone, association in aws_route_table_association.database :
      association.subnet_id == aws_subnet.database[zone].id && association.route_table_id == aws_route_table.database.id
    ])
    error_message = "Database subnets share a route table of their own."
  }

  assert {
    condition = !contains(
      concat([aws_route.public_internet.route_table_id], values(aws_route.private_internet)[*].route_table_id),
      aws_route_table.database.id
    ) && length(aws_route_table.database.route) == 0
    error_message = "The route table of the database subnets leads nowhere."
  }

  assert {
    condition     = !anytrue([for subnet in aws_subnet.public : subnet.map_public_ip_on_launch])
    error_message = "Nothing gets a public address just by being started."
  }

  assert {
    condition     = length(aws_default_security_group.main.ingress) == 0 && length(aws_default_security_group.main.egress) == 0
    error_message = "The default security group lets nothing in and nothing out."
  }

  assert {
    condition     = length(aws_security_group.endpoints.ingress) == 0 && length(aws_security_group.endpoints.egress) == 0
    error_message = "The group of the endpoints has no rules inline: access holds them."
  }
}

run "aws_is_reached_inside_the_vpc" {
  assert {
    condition     = contains(keys(aws_vpc_endpoint.interface), "secretsmanager")
    error_message = "The rotation reaches Secrets Manager through an endpoint."
  }

  assert {
    condition = alltrue([
      for endpoint in aws_vpc_endpoint.interface :
      endpoint.private_dns_enabled &&
      endpoint.security_group_ids == toset([aws_security_group.endpoints.id]) &&
      endpoint.subnet_ids == toset([for subnet in aws_subnet.private : subnet.id])
    ])
    error_message = "Interface endpoints are in every private subnet and answer to the services' own names."
  }

  assert {
    condition = aws_vpc_endpoint.s3.route_table_ids == toset(concat(
      [aws_route_table.database.id], [for table in aws_route_table.private : table.id]
    ))
    error_message = "S3 is reached through its gateway endpoint from private and database subnets."
  }
}

run "endpoints_serve_one_account" {
  assert {
    condition = alltrue([
      for policy in concat([aws_vpc_endpoint.s3.policy], values(aws_vpc_endpoint.interface)[*].policy) :
      jsondecode(policy).Statement[0].Condition.StringEquals["aws:PrincipalAccount"] == "111122223333" &&
      jsondecode(policy).Statement[0].Condition.StringEqualsIfExists["aws:ResourceAccount"] == ["111122223333"]
    ])
    error_message = "Only credentials and resources of the account pass an endpoint."
  }

  assert {
    condition     = { for name, endpoint in aws_vpc_endpoint.interface : name => jsondecode(endpoint.policy).Statement[0].Action } == { kms = "kms:*", logs = "logs:*", monitoring = "cloudwatch:*", secretsmanager = "secretsmanager:*", sts = "sts:*" }
    error_message = "The policy of an endpoint names the actions of its service."
  }

  assert {
    condition     = [for name, endpoint in aws_vpc_endpoint.interface : name if length(jsondecode(endpoint.policy).Statement) > 1] == ["sts"]
    error_message = "Only STS serves requests without credentials: those for a role by a token."
  }

  assert {
    condition     = jsondecode(aws_vpc_endpoint.s3.policy).Statement[1].Action == "s3:GetObject" && jsondecode(aws_vpc_endpoint.s3.policy).Statement[1].Resource == ["arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*"]
    error_message = "Of other buckets, only the layers of container images can be read."
  }
}

run "another_account_and_a_package_repository" {
  variables {
    interface_endpoints   = ["secretsmanager", "ecr.api"]
    reachable_account_ids = ["444455556666"]
    readable_buckets      = ["al2023-repos-eu-west-1-de612dc2"]
  }

  assert {
    condition     = jsondecode(aws_vpc_endpoint.interface["secretsmanager"].policy).Statement[0].Condition.StringEqualsIfExists["aws:ResourceAccount"] == ["111122223333", "444455556666"]
    error_message = "Resources of another account can be reached if the input names it."
  }

  assert {
    condition     = jsondecode(aws_vpc_endpoint.interface["secretsmanager"].policy).Statement[0].Condition.StringEquals["aws:PrincipalAccount"] == "111122223333"
    error_message = "Credentials of another account cannot pass, whatever the input names."
  }

  assert {
    condition     = contains(jsondecode(aws_vpc_endpoint.s3.policy).Statement[1].Resource, "arn:aws:s3:::al2023-repos-eu-west-1-de612dc2/*")
    error_message = "Objects of the named bucket can be read."
  }
}

run "all_traffic_is_recorded" {
  assert {
    condition     = aws_flow_log.main.traffic_type == "ALL" && aws_flow_log.main.log_destination == aws_cloudwatch_log_group.flow_logs.arn
    error_message = "Flow logs record accepted and rejected traffic."
  }

  assert {
    condition     = aws_cloudwatch_log_group.flow_logs.retention_in_days == 400 && aws_cloudwatch_log_group.flow_logs.kms_key_id == var.logs_key_arn
    error_message = "Flow logs are encrypted and kept for more than a year."
  }

  assert {
    condition     = aws_cloudwatch_log_group.flow_logs.skip_destroy
    error_message = "Flow logs stay when the stack is destroyed."
  }

  assert {
    condition     = jsondecode(aws_iam_role.flow_logs.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "Only flow logs of the account assume the role."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.flow_log_groups.policy).Statement[0].Action == "logs:DescribeLogGroups"
    error_message = "The role may do all that AWS requires for flow logs."
  }
}

run "a_third_zone" {
  variables {
    zones = {
      eu-west-1a = { public_cidr = "10.20.0.0/24", private_cidr = "10.20.16.0/20", database_cidr = "10.20.8.0/24" }
      eu-west-1b = { public_cidr = "10.20.1.0/24", private_cidr = "10.20.32.0/20", database_cidr = "10.20.9.0/24" }
      eu-west-1c = { public_cidr = "10.20.2.0/24", private_cidr = "10.20.48.0/20", database_cidr = "10.20.10.0/24" }
    }
    log_retention_in_days = 731
  }

  assert {
    condition     = length(aws_nat_gateway.main) == 3 && length(toset(values(aws_nat_gateway.main)[*].allocation_id)) == 3
    error_message = "The third zone gets a NAT gateway and an address as well."
  }

  assert {
    condition     = length(output.private_subnet_ids) == 3 && length(output.database_subnet_ids) == 3
    error_message = "The third zone's subnets are handed on."
  }

  assert {
    condition     = aws_cloudwatch_log_group.flow_logs.retention_in_days == 731
    error_message = "Flow logs can be kept longer."
  }
}

run "peered_networks" {
  variables {
    routes = {
      office = { tiers = ["database"], destination_cidr = "10.80.0.0/16", reason = "Operators", transit_gateway_id = "tgw-0123456789abcdef0" }
      branch = { tiers = ["private"], destination_cidr = "10.81.0.0/16", reason = "Branches", transit_gateway_id = "tgw-0123456789abcdef0" }
      fraud  = { tiers = ["private", "database"], destination_cidr = "10.90.0.0/16", reason = "Fraud checks", vpc_peering_connection_id = "pcx-0123456789abcdef0" }
    }
  }

  assert {
    condition = { for key, route in aws_route.private_peered : key => [route.route_table_id, route.destination_cidr_block, coalesce(route.vpc_peering_connection_id, route.transit_gateway_id)] } == {
      "eu-west-1a/branch" = [aws_route_table.private["eu-west-1a"].id, "10.81.0.0/16", "tgw-0123456789abcdef0"]
      "eu-west-1b/branch" = [aws_route_table.private["eu-west-1b"].id, "10.81.0.0/16", "tgw-0123456789abcdef0"]
      "eu-west-1a/fraud"  = [aws_route_table.private["eu-west-1a"].id, "10.90.0.0/16", "pcx-0123456789abcdef0"]
      "eu-west-1b/fraud"  = [aws_route_table.private["eu-west-1b"].id, "10.90.0.0/16", "pcx-0123456789abcdef0"]
    }
    error_message = "The private tables of every zone lead to the networks that name the private tier."
  }

  assert {
    condition = { for key, route in aws_route.database_peered : key => [route.route_table_id, route.destination_cidr_block, coalesce(route.vpc_peering_connection_id, route.transit_gateway_id)] } == {
      fraud  = [aws_route_table.database.id, "10.90.0.0/16", "pcx-0123456789abcdef0"]
      office = [aws_route_table.database.id, "10.80.0.0/16", "tgw-0123456789abcdef0"]
    }
    error_message = "The database table leads only to the networks that name the database tier."
  }

  assert {
    condition = keys(aws_ec2_transit_gateway_vpc_attachment.main) == ["tgw-0123456789abcdef0"] && alltrue([
      for id, attachment in aws_ec2_transit_gateway_vpc_attachment.main :
      attachment.transit_gateway_id == id &&
      attachment.subnet_ids == toset([for subnet in aws_subnet.private : subnet.id])
    ])
    error_message = "The VPC is attached once to a transit gateway, in a private subnet of every zone."
  }
}

run "refuses_a_route_to_the_internet" {
  command = plan

  variables {
    routes = { out = { tiers = ["database"], destination_cidr = "0.0.0.0/0", reason = "Testing", transit_gateway_id = "tgw-0123456789abcdef0" } }
  }

  expect_failures = [var.routes]
}

run "route_around_the_vpc" {
  command = plan

  variables {
    routes = { all = { tiers = ["private"], destination_cidr = "10.0.0.0/8", reason = "Landing zone", transit_gateway_id = "tgw-0123456789abcdef0" } }
  }

  assert {
    condition     = alltrue([for route in aws_route.private_peered : route.destination_cidr_block == "10.0.0.0/8"])
    error_message = "A route may lead to a range that contains the VPC, which keeps its own traffic."
  }
}

run "refuses_two_targets_of_one_range" {
  command = plan

  variables {
    routes = {
      one = { tiers = ["private", "database"], destination_cidr = "10.80.0.0/16", reason = "Testing", transit_gateway_id = "tgw-0123456789abcdef0" }
      two = { tiers = ["database"], destination_cidr = "10.80.0.0/16", reason = "Testing", vpc_peering_connection_id = "pcx-0123456789abcdef0" }
    }
  }

  expect_failures = [var.routes]
}

run "refuses_a_single_zone" {
  command = plan

  variables {
    zones = {
      eu-west-1a = { public_cidr = "10.20.0.0/24", private_cidr = "10.20.16.0/20", database_cidr = "10.20.8.0/24" }
    }
  }

  expect_failures = [var.zones]
}

run "refuses_ranges_that_overlap" {
  command = plan

  variables {
    zones = {
      eu-west-1a = { public_cidr = "10.20.0.0/24", private_cidr = "10.20.16.0/20", database_cidr = "10.20.8.0/24" }
      eu-west-1b = { public_cidr = "10.20.17.0/24", private_cidr = "10.20.32.0/20", database_cidr = "10.20.9.0/24" }
    }
  }

  expect_failures = [var.zones]
}

run "refuses_to_do_without_the_endpoint_of_the_rotation" {
  command = plan

  variables {
    interface_endpoints = ["kms", "logs"]
  }

  expect_failures = [var.interface_endpoints]
}

run "refuses_to_forget_within_a_year" {
  command = plan

  variables {
    log_retention_in_days = 90
  }

  expect_failures = [var.log_retention_in_days]
}

run "refuses_other_names_than_those_of_buckets_and_accounts" {
  command = plan

  variables {
    reachable_account_ids = ["4444"]
    readable_buckets      = ["*"]
  }

  expect_failures = [var.reachable_account_ids, var.readable_buckets]
}
