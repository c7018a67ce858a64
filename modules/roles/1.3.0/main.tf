# Rendered by finbase from templates/modules/roles/main.tf.j2 (roles 1.3.0). Do not edit: change the template and release.

data "aws_partition" "current" {}

locals {
  roles = {
    for role, declared in var.roles : role => {
      kind                      = declared.kind
      schemas                   = sort(declared.schemas)
      connection_limit          = declared.connection_limit
      statement_timeout_seconds = declared.statement_timeout_seconds
      iam_login                 = declared.iam_login
    }
  }

  # AWS wants a window to end on the day (UTC) on which it begins. A rate begins at midnight.
  begins       = startswith(var.rotation_schedule, "cron(") ? tonumber(split(" ", var.rotation_schedule)[1]) : 0
  window_hours = min(var.rotation_window_hours, 24 - local.begins)

  # The function gets no more than this and the connection secret.
  declaration = jsonencode(merge(terraform_data.declaration.input, {
    roles = {
      for role, declared in terraform_data.declaration.input.roles :
      role => merge(declared, { secret_arn = aws_secretsmanager_secret.role[role].arn })
    }
  }))
}

# What the database must have. A plan shows it, and what a change of it changes.
resource "terraform_data" "declaration" {
  input = {
    extensions = concat(["pgaudit", "pg_stat_statements"], sort(var.extensions))
    roles      = local.roles
  }
}

# Who may read which secret. A plan shows it beside the policies, which must admit nobody else.
resource "terraform_data" "readers" {
  input = {
    roles      = { for role, declared in var.roles : role => sort(declared.readers) }
    connection = sort(var.connection_readers)
    pipeline   = sort(var.pipeline_readers)
    moving     = sort(var.moving_readers)
  }
}

resource "aws_secretsmanager_secret" "role" {
  for_each = var.roles

  name                    = "${var.name}/roles/${each.key}"
  description             = "Login of the ${each.value.kind} role ${each.key} to the database ${var.name}: host, port, name and rotated password"
  kms_key_id              = var.secrets_key_arn
  recovery_window_in_days = var.recovery_window_in_days

  tags = { Name = "${var.name}/roles/${each.key}" }
}

# Readers are names in a condition, so that they need not exist yet. A condition does not let them
# in: they need permissions of their own.
resource "aws_secretsmanager_secret_policy" "role" {
  for_each = var.roles

  secret_arn          = aws_secretsmanager_secret.role[each.key].arn
  block_public_policy = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "secretsmanager:*"
        Resource  = "*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "OnlyTheFunctionAndReaders"
        Effect    = "Deny"
        Principal = "*"
        Action    = "secretsmanager:GetSecretValue"
        Resource  = "*"
        Condition = {
          StringNotEquals = {
            "aws:PrincipalArn" = concat(
              ["arn:${data.aws_partition.current.partition}:iam::${var.account_id}:role/${var.name}-roles"],
              sort(each.value.readers)
            )
          }
        }
      },
    ]
  })
}

resource "aws_secretsmanager_secret_rotation" "role" {
  for_each = var.roles

  secret_id           = aws_secretsmanager_secret.role[each.key].id
  rotation_lambda_arn = aws_lambda_function.roles.arn

  # The first rotation proves at once that the next ones can work.
  rotate_immediately = true

  rotation_rules {
    schedule_expression = var.rotation_schedule
    duration            = "${local.window_hours}h"
  }

  depends_on = [
    aws_iam_role_policy_attachment.roles,
    aws_lambda_invocation.apply,
    aws_lambda_permission.rotation,
    aws_secretsmanager_secret_policy.role,
  ]
}
