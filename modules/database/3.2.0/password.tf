# Rendered by finbase from templates/modules/database/password.tf.j2 (database 3.2.0). Do not edit: change the template and release.

# The first password is drawn here, once. The value is unknown to the plan and write-only in
# the state, so it exists in this secret alone; whoever needs it reads it from there. An apply
# that fails half-way and runs again therefore finds the same password.
resource "aws_secretsmanager_secret" "initial" {
  # checkov:skip=CKV2_AWS_57: nothing to rotate, the first rotation of the connection secret ends this password
  # A prefix, because the name of a deleted secret is reserved until its recovery window ends.
  name_prefix             = "${var.name}/database/initial-"
  description             = "First password of ${var.username} on the database ${var.name}, dead after the first rotation"
  kms_key_id              = var.secrets_key_arn
  recovery_window_in_days = 7

  tags = { Name = "${var.name}/database/initial" }

  # Older releases have made it with a name; another secret would hold another password.
  lifecycle {
    ignore_changes = [name_prefix]
  }
}

resource "aws_secretsmanager_secret_version" "initial" {
  secret_id                = aws_secretsmanager_secret.initial.id
  secret_string_wo         = sha256("${uuid()}${uuid()}")
  secret_string_wo_version = var.password_generation
}

ephemeral "aws_secretsmanager_secret_version" "initial" {
  secret_id  = aws_secretsmanager_secret_version.initial.secret_id
  version_id = aws_secretsmanager_secret_version.initial.version_id
}
