# Rendered by finbase from templates/modules/kms/main.tf.j2 (kms 2.0.0). Do not edit: change the template and release.

data "aws_partition" "current" {}

locals {
  # Delegates access to IAM. Without it a key can be managed by nobody, AWS support included.
  account_administration = {
    Sid       = "AccountAdministration"
    Effect    = "Allow"
    Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:root" }
    Action    = "kms:*"
    Resource  = "*"
  }
}

# Encrypts database storage, snapshots and Performance Insights.
resource "aws_kms_key" "database" {
  description             = "${var.name}: database storage, snapshots and Performance Insights"
  enable_key_rotation     = true
  rotation_period_in_days = var.rotation_period_in_days
  multi_region            = false
  deletion_window_in_days = var.deletion_window_in_days

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [local.account_administration]
  })

  tags = { Name = "${var.name}-database" }
}

resource "aws_kms_alias" "database" {
  name          = "alias/${var.name}-database"
  target_key_id = aws_kms_key.database.key_id
}

# Encrypts credentials in Secrets Manager.
resource "aws_kms_key" "secrets" {
  description             = "${var.name}: credentials in Secrets Manager"
  enable_key_rotation     = true
  rotation_period_in_days = var.rotation_period_in_days
  multi_region            = false
  deletion_window_in_days = var.deletion_window_in_days

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [local.account_administration]
  })

  tags = { Name = "${var.name}-secrets" }
}

resource "aws_kms_alias" "secrets" {
  name          = "alias/${var.name}-secrets"
  target_key_id = aws_kms_key.secrets.key_id
}

# Encrypts the cache and its snapshots.
resource "aws_kms_key" "cache" {
  description             = "${var.name}: the cache and its snapshots"
  enable_key_rotation     = true
  rotation_period_in_days = var.rotation_period_in_days
  multi_region            = false
  deletion_window_in_days = var.deletion_window_in_days

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [local.account_administration]
  })

  tags = { Name = "${var.name}-cache" }
}

resource "aws_kms_alias" "cache" {
  name          = "alias/${var.name}-cache"
  target_key_id = aws_kms_key.cache.key_id
}

# Encrypts log groups.
resource "aws_kms_key" "logs" {
  description             = "${var.name}: log groups"
  enable_key_rotation     = true
  rotation_period_in_days = var.rotation_period_in_days
  multi_region            = false
  deletion_window_in_days = var.deletion_window_in_days

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.account_administration,
      {
        Sid       = "LogGroupsOfThisAccount"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = "arn:${data.aws_partition.current.partition}:logs:${var.region}:${var.account_id}:log-group:*"
          }
        }
      },
    ]
  })

  tags = { Name = "${var.name}-logs" }
}

resource "aws_kms_alias" "logs" {
  name          = "alias/${var.name}-logs"
  target_key_id = aws_kms_key.logs.key_id
}

# Encrypts alarms and database events on their way to people.
resource "aws_kms_key" "notifications" {
  description             = "${var.name}: alarms and database events on their way to people"
  enable_key_rotation     = true
  rotation_period_in_days = var.rotation_period_in_days
  multi_region            = false
  deletion_window_in_days = var.deletion_window_in_days

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.account_administration,
      {
        Sid       = "AlarmsOfThisAccount"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      },
      {
        # Without a condition: RDS is not documented to send the account with its events.
        Sid       = "DatabaseEvents"
        Effect    = "Allow"
        Principal = { Service = "events.rds.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      },
      {
        # Without a condition: EventBridge sends none when it publishes to a topic.
        Sid       = "EventRules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      },
    ]
  })

  tags = { Name = "${var.name}-notifications" }
}

resource "aws_kms_alias" "notifications" {
  name          = "alias/${var.name}-notifications"
  target_key_id = aws_kms_key.notifications.key_id
}
