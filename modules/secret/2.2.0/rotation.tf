# Rendered by finbase from templates/modules/secret/rotation.tf.j2 (secret 2.2.0). Do not edit: change the template and release.

data "aws_partition" "current" {}

resource "aws_security_group" "rotation" {
  name        = "${var.name}-rotation"
  description = "Rotation function of the connection secret"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-rotation" }
}

resource "aws_cloudwatch_log_group" "rotation" {
  name              = "/aws/lambda/${var.name}-rotation"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.logs_key_arn
  skip_destroy      = var.keep_logs
}

resource "aws_iam_role" "rotation" {
  name        = "${var.name}-rotation"
  description = "Rotates the connection secret of ${var.name}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

# A document and not jsonencode: a plan then shows its actions, though it cannot show the ARNs.
data "aws_iam_policy_document" "rotation" {
  statement {
    sid = "RotateThisSecret"
    actions = [
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetSecretValue",
      "secretsmanager:ListSecretVersionIds",
      "secretsmanager:PutSecretValue",
      "secretsmanager:UpdateSecretVersionStage",
    ]
    resources = [aws_secretsmanager_secret.connection.arn]
  }

  statement {
    sid       = "UseTheKeyForThisSecret"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.secrets_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:SecretARN"
      values   = [aws_secretsmanager_secret.connection.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "SeeThisInstance"
    actions   = ["rds:DescribeDBInstances"]
    resources = [var.database_arn]
  }

  statement {
    sid       = "WriteItsLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.rotation.arn}:*"]
  }

  # Lambda's own needs inside a VPC. It asks for all resources of the account, not for single ones.
  statement {
    sid = "AttachToTheNetwork"
    actions = [
      "ec2:AssignPrivateIpAddresses",
      "ec2:CreateNetworkInterface",
      "ec2:DeleteNetworkInterface",
      "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["arn:${data.aws_partition.current.partition}:ec2:${var.region}:${var.account_id}:*/*"]
  }

  # Neither EC2 nor X-Ray can limit these actions to a resource.
  statement {
    sid = "SeeTheNetworkAndLeaveTraces"
    actions = [
      "ec2:DescribeNetworkInterfaces",
      "xray:PutTelemetryRecords",
      "xray:PutTraceSegments",
    ]
    resources = ["*"]
  }

  # The service attaches the function; the function's code may not.
  statement {
    sid       = "NotFromTheCodeItself"
    effect    = "Deny"
    actions   = ["ec2:*"]
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "lambda:SourceFunctionArn"
      values   = ["arn:${data.aws_partition.current.partition}:lambda:${var.region}:${var.account_id}:function:${var.name}-rotation"]
    }
  }
}

resource "aws_iam_policy" "rotation" {
  name        = "${var.name}-rotation"
  description = "What rotating the connection secret of ${var.name} needs, and no more"
  policy      = data.aws_iam_policy_document.rotation.json
}

resource "aws_iam_role_policy_attachment" "rotation" {
  role       = aws_iam_role.rotation.name
  policy_arn = aws_iam_policy.rotation.arn
}

resource "aws_lambda_function" "rotation" {
  # checkov:skip=CKV_AWS_116: Secrets Manager calls synchronously and tries again; Lambda would put nothing into the queue
  # checkov:skip=CKV_AWS_272: the zip is part of this version, whose hash is locked; no signing profile is needed in the account
  function_name    = "${var.name}-rotation"
  description      = "Rotates the connection secret of ${var.name}"
  role             = aws_iam_role.rotation.arn
  runtime          = "python3.13"
  architectures    = ["arm64"]
  handler          = "rotation.handler"
  filename         = "${path.module}/rotation.zip"
  source_code_hash = filebase64sha256("${path.module}/rotation.zip")

  timeout                        = 60
  memory_size                    = 256
  reserved_concurrent_executions = var.reserved_concurrent_executions

  tracing_config {
    mode = "Active"
  }

  vpc_config {
    subnet_ids         = var.private_subnet_ids
    security_group_ids = [aws_security_group.rotation.id]
  }

  tags = { Name = "${var.name}-rotation" }

  # Lambda makes a missing log group itself, without encryption and without an end.
  depends_on = [
    aws_cloudwatch_log_group.rotation,
    aws_iam_role_policy_attachment.rotation,
  ]

  lifecycle {
    precondition {
      condition     = fileexists("${path.module}/rotation/ca/${var.region}.pem")
      error_message = "The rotation function has no CA roots for this region: add them as rotation/ca/README.md says, and release the module."
    }
  }
}

resource "aws_lambda_permission" "rotation" {
  statement_id   = "SecretsManagerRotatesThisSecret"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.rotation.function_name
  principal      = "secretsmanager.amazonaws.com"
  source_account = var.account_id
  source_arn     = aws_secretsmanager_secret.connection.arn
}

resource "aws_secretsmanager_secret_rotation" "connection" {
  secret_id           = aws_secretsmanager_secret.connection.id
  rotation_lambda_arn = aws_lambda_function.rotation.arn

  # Tests the function now and leaves the password alone until the schedule says so.
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = var.rotate_after_days
    duration                 = "${var.rotation_window_hours}h"
  }

  depends_on = [
    aws_iam_role_policy_attachment.rotation,
    aws_lambda_permission.rotation,
    aws_secretsmanager_secret_version.connection,
  ]
}
