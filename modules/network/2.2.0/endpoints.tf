# Rendered by finbase from templates/modules/network/endpoints.tf.j2 (network 2.2.0). Do not edit: change the template and release.

locals {
  # Endpoint policies limit which accounts' credentials and resources pass an endpoint, so that data
  # cannot be copied to another account. They grant nothing: IAM must allow a request as well.
  reachable_account_ids = concat([var.account_id], tolist(var.reachable_account_ids))

  # Actions of the services that are known to accept an endpoint policy. The endpoint of another
  # service gets none: AWS refuses a policy where the service does not support it.
  endpoint_actions = {
    kms            = "kms:*"
    logs           = "logs:*"
    monitoring     = "cloudwatch:*"
    secretsmanager = "secretsmanager:*"
    sts            = "sts:*"
  }

  # Pods get their credentials with a token instead of credentials, so no account is known yet.
  federation = {
    Sid       = "RolesForTokens"
    Effect    = "Allow"
    Principal = "*"
    Action    = "sts:AssumeRoleWithWebIdentity"
    Resource  = "*"
    Condition = { StringEqualsIfExists = { "aws:ResourceAccount" = local.reachable_account_ids } }
  }
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.main.id
  vpc_endpoint_type = "Gateway"
  service_name      = "com.amazonaws.${var.region}.s3"
  route_table_ids   = concat([for table in aws_route_table.private : table.id], [aws_route_table.database.id])

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OwnBuckets"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:*"
        Resource  = "*"
        Condition = {
          StringEquals         = { "aws:PrincipalAccount" = var.account_id }
          StringEqualsIfExists = { "aws:ResourceAccount" = local.reachable_account_ids }
        }
      },
      {
        # AWS signs downloads of container images itself, and package repositories need no signature.
        Sid       = "ImagesAndPackages"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:GetObject"
        Resource = [
          for bucket in concat(["prod-${var.region}-starport-layer-bucket"], tolist(var.readable_buckets)) :
          "arn:${data.aws_partition.current.partition}:s3:::${bucket}/*"
        ]
      },
    ]
  })

  tags = { Name = "${var.name}-s3" }
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Interface endpoints of AWS services"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints

  vpc_id              = aws_vpc.main.id
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true

  policy = !contains(keys(local.endpoint_actions), each.key) ? null : jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "OwnResources"
        Effect    = "Allow"
        Principal = "*"
        Action    = local.endpoint_actions[each.key]
        Resource  = "*"
        Condition = {
          StringEquals         = { "aws:PrincipalAccount" = var.account_id }
          StringEqualsIfExists = { "aws:ResourceAccount" = local.reachable_account_ids }
        }
      }],
      each.key == "sts" ? [local.federation] : [],
    )
  })

  tags = { Name = "${var.name}-${each.key}" }
}
