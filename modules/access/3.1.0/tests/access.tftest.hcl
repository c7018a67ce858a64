# Rendered by finbase from templates/modules/access/tests/access.tftest.hcl.j2 (access 3.1.0). Do not edit: change the template and release.

mock_provider "aws" {
}

variables {
  name                        = "ledger-test"
  vpc_id                      = "vpc-0123456789abcdef0"
  endpoints_security_group_id = "sg-endpoints"
  s3_prefix_list_id           = "pl-0123456789abcdef0"
  database_security_group_id  = "sg-database"
  database_port               = 5432
  rotation_security_group_id  = "sg-rotation"
  cache_security_group_ids    = { cache = "sg-cache" }
}

run "a_flow_is_allowed_at_both_ends" {
  assert {
    condition = alltrue([
      for pair in [
        [aws_vpc_security_group_egress_rule.application_to_database, aws_vpc_security_group_ingress_rule.application_to_database],
        [aws_vpc_security_group_egress_rule.application_to_cache["cache"], aws_vpc_security_group_ingress_rule.application_to_cache["cache"]],
        [aws_vpc_security_group_egress_rule.application_to_endpoints, aws_vpc_security_group_ingress_rule.application_to_endpoints],
        [aws_vpc_security_group_egress_rule.rotation_to_database, aws_vpc_security_group_ingress_rule.rotation_to_database],
        [aws_vpc_security_group_egress_rule.rotation_to_endpoints, aws_vpc_security_group_ingress_rule.rotation_to_endpoints],
      ] :
      pair[0].security_group_id == pair[1].referenced_security_group_id &&
      pair[0].referenced_security_group_id == pair[1].security_group_id &&
      pair[0].from_port == pair[1].from_port &&
      pair[0].to_port == pair[1].to_port
    ])
    error_message = "What leaves one group arrives at the other, on the same ports."
  }

  assert {
    condition = alltrue([
      for rule in [
        aws_vpc_security_group_ingress_rule.application_to_database,
        aws_vpc_security_group_ingress_rule.application_to_cache["cache"],
        aws_vpc_security_group_ingress_rule.application_to_endpoints,
        aws_vpc_security_group_ingress_rule.rotation_to_database,
        aws_vpc_security_group_ingress_rule.rotation_to_endpoints,
      ] :
      rule.cidr_ipv4 == null && rule.cidr_ipv6 == null && rule.ip_protocol == "tcp"
    ])
    error_message = "Only groups may come in, never a range of addresses."
  }

  assert {
    condition = alltrue([
      for rule in concat(
        [
          aws_vpc_security_group_ingress_rule.application_to_database,
          aws_vpc_security_group_ingress_rule.application_to_cache["cache"],
          aws_vpc_security_group_ingress_rule.application_to_endpoints,
          aws_vpc_security_group_ingress_rule.rotation_to_database,
          aws_vpc_security_group_ingress_rule.rotation_to_endpoints,
        ],
        values(aws_vpc_security_group_egress_rule.application_to_internet),
      ) :
      length(rule.description) > 0
    ])
    error_message = "Every rule says what it is for."
  }
}

run "the_database_admits_applications_and_the_rotation" {
  assert {
    condition     = aws_vpc_security_group_ingress_rule.application_to_database.security_group_id == "sg-database" && aws_vpc_security_group_ingress_rule.application_to_database.referenced_security_group_id == output.application_security_group_id
    error_message = "Applications reach the database."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.rotation_to_database.security_group_id == "sg-database" && aws_vpc_security_group_ingress_rule.rotation_to_database.referenced_security_group_id == "sg-rotation"
    error_message = "The rotation reaches the database."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.application_to_database.from_port == 5432 && aws_vpc_security_group_ingress_rule.application_to_database.to_port == 5432
    error_message = "The database is reached on its port and no other."
  }

  assert {
    condition     = length(aws_security_group.application.ingress) == 0 && length(aws_security_group.application.egress) == 0
    error_message = "The application group has no rules inline."
  }
}

run "the_internet_is_reached_over_https_only" {
  assert {
    condition = alltrue([
      for rule in aws_vpc_security_group_egress_rule.application_to_internet :
      rule.from_port == 443 && rule.to_port == 443 && rule.security_group_id == aws_security_group.application.id
    ])
    error_message = "Only applications reach the internet, and only over HTTPS."
  }
}

run "another_port_and_two_partners" {
  variables {
    database_port  = 6543
    internet_cidrs = ["198.51.100.0/24", "203.0.113.8/29"]
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.rotation_to_database.from_port == 6543 && aws_vpc_security_group_ingress_rule.rotation_to_database.to_port == 6543
    error_message = "The rules follow the port of the database."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.application_to_internet : rule.cidr_ipv4]) == var.internet_cidrs
    error_message = "Only the given ranges can be reached."
  }
}

run "no_internet_at_all" {
  variables {
    internet_cidrs = []
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.application_to_internet) == 0
    error_message = "Without ranges, applications stay inside."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.application_to_s3.prefix_list_id == "pl-0123456789abcdef0" && aws_vpc_security_group_egress_rule.application_to_s3.from_port == 443 && aws_vpc_security_group_egress_rule.application_to_s3.to_port == 443
    error_message = "S3 is reached through its endpoint without ranges, too."
  }
}

run "no_cache" {
  variables {
    cache_security_group_ids = {}
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.application_to_cache) + length(aws_vpc_security_group_ingress_rule.application_to_cache) == 0
    error_message = "Without a cache, no rule is about one."
  }
}

run "other_clients" {
  variables {
    clients = {
      reports = { to = ["database"], description = "Reports", reason = "Reads the ledger once a day" }
      portal  = { to = ["database", "cache"], description = "Portal", reason = "Shows balances" }
      billing = { to = ["cache"], description = "Billing", reason = "Counts requests", security_group_id = "sg-0123456789abcdef0" }
      office  = { to = ["database"], description = "VPN", reason = "Operations at night", cidr = "10.80.0.0/16" }
    }
  }

  assert {
    condition     = keys(output.client_security_group_ids) == ["portal", "reports"] && keys(aws_vpc_security_group_egress_rule.client_to_s3) == ["portal", "reports"]
    error_message = "An application gets a group; a group of others and a range do not."
  }

  assert {
    condition = alltrue([
      for pair in [
        [aws_vpc_security_group_egress_rule.client_to_database, aws_vpc_security_group_ingress_rule.client_to_database, ["portal", "reports"]],
        [aws_vpc_security_group_egress_rule.client_to_cache, aws_vpc_security_group_ingress_rule.client_to_cache, ["portal"]],
        [aws_vpc_security_group_egress_rule.client_to_endpoints, aws_vpc_security_group_ingress_rule.client_to_endpoints, ["portal", "reports"]],
      ] :
      keys(pair[0]) == pair[2] && keys(pair[1]) == pair[2] && alltrue([
        for name, rule in pair[0] :
        rule.security_group_id == aws_security_group.client[name].id &&
        rule.security_group_id == pair[1][name].referenced_security_group_id &&
        rule.referenced_security_group_id == pair[1][name].security_group_id &&
        rule.from_port == pair[1][name].from_port &&
        rule.to_port == pair[1][name].to_port
      ])
    ])
    error_message = "An application reaches what it names, and both ends allow it."
  }

  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.group_to_cache : name => [rule.security_group_id, rule.referenced_security_group_id, rule.from_port, rule.to_port] } == { billing = ["sg-cache", "sg-0123456789abcdef0", 6379, 6380] } && length(aws_vpc_security_group_ingress_rule.group_to_database) == 0
    error_message = "A group of others reaches what it names."
  }

  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.range_to_database : name => [rule.security_group_id, rule.cidr_ipv4, rule.from_port, rule.description, rule.tags.Reason] } == { office = ["sg-database", "10.80.0.0/16", 5432, "SQL from VPN", "Operations at night"] } && length(aws_vpc_security_group_ingress_rule.range_to_cache) == 0
    error_message = "A range reaches what it names, and the rule says who and why."
  }
}

run "refuses_ranges_of_the_internet" {
  command = plan

  variables {
    clients = { office = { to = ["database"], description = "All", reason = "Testing", cidr = "0.0.0.0/0" } }
  }

  expect_failures = [var.clients]
}

run "refuses_a_client_of_no_cache" {
  command = plan

  variables {
    cache_security_group_ids = {}
    clients                  = { reports = { to = ["cache"], description = "Reports", reason = "Testing" } }
  }

  expect_failures = [var.clients]
}

run "refuses_a_range_not_given_by_its_first_address" {
  command = plan

  variables {
    internet_cidrs = ["198.51.100.7/24"]
  }

  expect_failures = [var.internet_cidrs]
}

run "refuses_a_name_that_ec2_keeps_for_itself" {
  command = plan

  variables {
    name = "sg-ledger"
  }

  expect_failures = [var.name]
}
