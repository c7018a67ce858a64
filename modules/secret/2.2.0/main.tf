# Rendered by finbase from templates/modules/secret/main.tf.j2 (secret 2.2.0). Do not edit: change the template and release.

resource "aws_secretsmanager_secret" "connection" {
  name                    = "${var.name}/database/connection"
  description             = "Connection of ${var.username} to the database ${var.name}: host, port, name and rotated password"
  kms_key_id              = var.secrets_key_arn
  recovery_window_in_days = var.recovery_window_in_days

  tags = { Name = "${var.name}/database/connection" }
}

resource "aws_secretsmanager_secret_policy" "connection" {
  secret_arn          = aws_secretsmanager_secret.connection.arn
  block_public_policy = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "secretsmanager:*"
        Resource  = "*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      # Readers are names in a condition, so that they need not exist yet.
      [
        for readers in [var.readers] : {
          Sid       = "OnlyTheFunctionsAndReaders"
          Effect    = "Deny"
          Principal = "*"
          Action    = "secretsmanager:GetSecretValue"
          Resource  = "*"
          Condition = {
            StringNotEquals = {
              "aws:PrincipalArn" = concat(
                [for name in ["roles", "rotation"] : "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:role/${var.name}-${name}"],
                sort(readers)
              )
            }
          }
        } if readers != null
      ]
    )
  })
}

# The initial secret has the password of the connection secret until the first rotation. No function
# reads it. The policy needs the secret alone, so it exists before the instance does.
resource "aws_secretsmanager_secret_policy" "initial" {
  secret_arn          = var.initial_secret_id
  block_public_policy = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "secretsmanager:*"
        Resource  = "*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [
        for readers in [var.readers] : {
          Sid       = "OnlyReaders"
          Effect    = "Deny"
          Principal = "*"
          Action    = "secretsmanager:GetSecretValue"
          Resource  = "*"
          Condition = { StringNotEquals = { "aws:PrincipalArn" = sort(readers) } }
        } if readers != null
      ]
    )
  })
}

# The public part of the secret. What is written to the secret itself shows in no plan; this does.
resource "terraform_data" "connection" {
  input = {
    engine   = "postgres"
    host     = var.database_host
    port     = var.database_port
    dbname   = var.database_name
    username = var.username
  }
}

# The instance got its first password from here too. Read while applying, stored nowhere.
ephemeral "aws_secretsmanager_secret_version" "initial" {
  secret_id  = var.initial_secret_id
  version_id = var.initial_version_id
}

locals {
  credentials = merge(terraform_data.connection.input, {
    password = ephemeral.aws_secretsmanager_secret_version.initial.secret_string
  })
}

resource "aws_secretsmanager_secret_version" "connection" {
  secret_id                = aws_secretsmanager_secret.connection.id
  secret_string_wo         = jsonencode(local.credentials)
  secret_string_wo_version = var.password_generation

  # Versions without a label are purged some time after the second rotation, and Terraform
  # would then write this one again, over the rotated password. The second label keeps it.
  version_stages = ["AWSCURRENT", "initial"]

  lifecycle {
    ignore_changes = [version_stages]
  }
}
