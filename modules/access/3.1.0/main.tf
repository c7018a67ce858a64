# Rendered by finbase from templates/modules/access/main.tf.j2 (access 3.1.0). Do not edit: change the template and release.

resource "aws_security_group" "application" {
  # checkov:skip=CKV2_AWS_5: applications join this group, and they are not part of the stack
  name        = "${var.name}-application"
  description = "Clients of the database and the cache"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-application" }
}

# Application -> database
resource "aws_vpc_security_group_egress_rule" "application_to_database" {
  description                  = "SQL from applications"
  security_group_id            = aws_security_group.application.id
  referenced_security_group_id = var.database_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = { Name = "application-to-database" }
}

resource "aws_vpc_security_group_ingress_rule" "application_to_database" {
  description                  = "SQL from applications"
  security_group_id            = var.database_security_group_id
  referenced_security_group_id = aws_security_group.application.id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = { Name = "application-to-database" }
}

# Application -> cache
resource "aws_vpc_security_group_egress_rule" "application_to_cache" {
  for_each = var.cache_security_group_ids

  description                  = "Cache traffic from applications, writes on 6379 and reads on 6380"
  security_group_id            = aws_security_group.application.id
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6380

  tags = { Name = "application-to-cache" }
}

resource "aws_vpc_security_group_ingress_rule" "application_to_cache" {
  for_each = var.cache_security_group_ids

  description                  = "Cache traffic from applications, writes on 6379 and reads on 6380"
  security_group_id            = each.value
  referenced_security_group_id = aws_security_group.application.id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6380

  tags = { Name = "application-to-cache" }
}

# Application -> endpoints
resource "aws_vpc_security_group_egress_rule" "application_to_endpoints" {
  description                  = "AWS services for applications"
  security_group_id            = aws_security_group.application.id
  referenced_security_group_id = var.endpoints_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443

  tags = { Name = "application-to-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "application_to_endpoints" {
  description                  = "AWS services for applications"
  security_group_id            = var.endpoints_security_group_id
  referenced_security_group_id = aws_security_group.application.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443

  tags = { Name = "application-to-endpoints" }
}

# Rotation -> database
resource "aws_vpc_security_group_egress_rule" "rotation_to_database" {
  description                  = "Password changes by the rotation function"
  security_group_id            = var.rotation_security_group_id
  referenced_security_group_id = var.database_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = { Name = "rotation-to-database" }
}

resource "aws_vpc_security_group_ingress_rule" "rotation_to_database" {
  description                  = "Password changes by the rotation function"
  security_group_id            = var.database_security_group_id
  referenced_security_group_id = var.rotation_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = { Name = "rotation-to-database" }
}

# Rotation -> endpoints
resource "aws_vpc_security_group_egress_rule" "rotation_to_endpoints" {
  description                  = "Secrets Manager for the rotation function"
  security_group_id            = var.rotation_security_group_id
  referenced_security_group_id = var.endpoints_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443

  tags = { Name = "rotation-to-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "rotation_to_endpoints" {
  description                  = "Secrets Manager for the rotation function"
  security_group_id            = var.endpoints_security_group_id
  referenced_security_group_id = var.rotation_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443

  tags = { Name = "rotation-to-endpoints" }
}

# Application -> internet, through the NAT gateway of its zone
# trivy:ignore:AVD-AWS-0104 HTTPS alone, and only out; partners change addresses, internet_cidrs names them where they do not
resource "aws_vpc_security_group_egress_rule" "application_to_internet" {
  for_each = var.internet_cidrs

  description       = "HTTPS to patches and partners"
  security_group_id = aws_security_group.application.id
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = { Name = "application-to-internet" }
}

# Application -> S3, through the gateway endpoint: its addresses are not in internet_cidrs
resource "aws_vpc_security_group_egress_rule" "application_to_s3" {
  description       = "HTTPS to S3 through the gateway endpoint"
  security_group_id = aws_security_group.application.id
  prefix_list_id    = var.s3_prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = { Name = "application-to-s3" }
}

# Other applications of the stack: each has a group of its own.
resource "aws_security_group" "client" {
  # checkov:skip=CKV2_AWS_5: applications join this group, and they are not part of the stack
  for_each = {
    for name, client in var.clients : name => client
    if client.security_group_id == null && client.cidr == null
  }

  name        = "${var.name}-client-${each.key}"
  description = each.value.description
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-client-${each.key}", Reason = each.value.reason }
}

# Client -> database
resource "aws_vpc_security_group_egress_rule" "client_to_database" {
  for_each = {
    for name, client in var.clients : name => client
    if contains(client.to, "database") && client.security_group_id == null && client.cidr == null
  }

  description                  = "SQL from ${each.value.description}"
  security_group_id            = aws_security_group.client[each.key].id
  referenced_security_group_id = var.database_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = { Name = "${each.key}-to-database", Reason = each.value.reason }
}

resource "aws_vpc_security_group_ingress_rule" "client_to_database" {
  for_each = {
    for name, client in var.clients : name => client
    if contains(client.to, "database") && client.security_group_id == null && client.cidr == null
  }

  description                  = "SQL from ${each.value.description}"
  security_group_id            = var.database_security_group_id
  referenced_security_group_id = aws_security_group.client[each.key].id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = { Name = "${each.key}-to-database", Reason = each.value.reason }
}

# Client -> cache
resource "aws_vpc_security_group_egress_rule" "client_to_cache" {
  for_each = {
    for name, client in var.clients : name => client
    if contains(client.to, "cache") && client.security_group_id == null && client.cidr == null
  }

  description                  = "Cache traffic from ${each.value.description}"
  security_group_id            = aws_security_group.client[each.key].id
  referenced_security_group_id = var.cache_security_group_ids.cache
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6380

  tags = { Name = "${each.key}-to-cache", Reason = each.value.reason }
}

resource "aws_vpc_security_group_ingress_rule" "client_to_cache" {
  for_each = {
    for name, client in var.clients : name => client
    if contains(client.to, "cache") && client.security_group_id == null && client.cidr == null
  }

  description                  = "Cache traffic from ${each.value.description}"
  security_group_id            = var.cache_security_group_ids.cache
  referenced_security_group_id = aws_security_group.client[each.key].id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6380

  tags = { Name = "${each.key}-to-cache", Reason = each.value.reason }
}

# Client -> endpoints
resource "aws_vpc_security_group_egress_rule" "client_to_endpoints" {
  for_each = {
    for name, client in var.clients : name => client
    if client.security_group_id == null && client.cidr == null
  }

  description                  = "AWS services for ${each.value.description}"
  security_group_id            = aws_security_group.client[each.key].id
  referenced_security_group_id = var.endpoints_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443

  tags = { Name = "${each.key}-to-endpoints", Reason = each.value.reason }
}

resource "aws_vpc_security_group_ingress_rule" "client_to_endpoints" {
  for_each = {
    for name, client in var.clients : name => client
    if client.security_group_id == null && client.cidr == null
  }

  description                  = "AWS services for ${each.value.description}"
  security_group_id            = var.endpoints_security_group_id
  referenced_security_group_id = aws_security_group.client[each.key].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443

  tags = { Name = "${each.key}-to-endpoints", Reason = each.value.reason }
}

# Client -> S3, through the gateway endpoint
resource "aws_vpc_security_group_egress_rule" "client_to_s3" {
  for_each = {
    for name, client in var.clients : name => client
    if client.security_group_id == null && client.cidr == null
  }

  description       = "HTTPS to S3 through the gateway endpoint"
  security_group_id = aws_security_group.client[each.key].id
  prefix_list_id    = var.s3_prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = { Name = "${each.key}-to-s3", Reason = each.value.reason }
}

# Group of others -> database: its owner allows that the traffic leaves.
resource "aws_vpc_security_group_ingress_rule" "group_to_database" {
  for_each = {
    for name, client in var.clients : name => client
    if contains(client.to, "database") && client.security_group_id != null
  }

  description                  = "SQL from ${each.value.description}"
  security_group_id            = var.database_security_group_id
  referenced_security_group_id = each.value.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = { Name = "${each.key}-to-database", Reason = each.value.reason }
}

# Range of a VPN or a peered network -> database
resource "aws_vpc_security_group_ingress_rule" "range_to_database" {
  for_each = {
    for name, client in var.clients : name => client
    if contains(client.to, "database") && client.cidr != null
  }

  description       = "SQL from ${each.value.description}"
  security_group_id = var.database_security_group_id
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = var.database_port
  to_port           = var.database_port

  tags = { Name = "${each.key}-to-database", Reason = each.value.reason }
}

# Group of others -> cache: its owner allows that the traffic leaves.
resource "aws_vpc_security_group_ingress_rule" "group_to_cache" {
  for_each = {
    for name, client in var.clients : name => client
    if contains(client.to, "cache") && client.security_group_id != null
  }

  description                  = "Cache traffic from ${each.value.description}"
  security_group_id            = var.cache_security_group_ids.cache
  referenced_security_group_id = each.value.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6380

  tags = { Name = "${each.key}-to-cache", Reason = each.value.reason }
}

# Range of a VPN or a peered network -> cache
resource "aws_vpc_security_group_ingress_rule" "range_to_cache" {
  for_each = {
    for name, client in var.clients : name => client
    if contains(client.to, "cache") && client.cidr != null
  }

  description       = "Cache traffic from ${each.value.description}"
  security_group_id = var.cache_security_group_ids.cache
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = 6379
  to_port           = 6380

  tags = { Name = "${each.key}-to-cache", Reason = each.value.reason }
}
