# Rendered by finbase from templates/modules/roles/function.tf.j2 (roles 1.3.0). Do not edit: change the template and release.

resource "aws_security_group" "roles" {
  name        = "${var.name}-roles"
  description = "Function that sets up the database and rotates its roles"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-roles" }
}

# Roles -> database
resource "aws_vpc_security_group_egress_rule" "roles_to_database" {
  description                  = "SQL of the function for roles"
  security_group_id            = aws_security_group.roles.id
  referenced_security_group_id = var.database_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = { Name = "roles-to-database" }
}

resource "aws_vpc_security_group_ingress_rule" "roles_to_database" {
  description                  = "SQL of the function for roles"
  security_group_id            = var.database_security_group_id
  referenced_security_group_id = aws_security_group.roles.id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = { Name = "roles-to-database" }
}

# Roles -> endpoints
resource "aws_vpc_security_group_egress_rule" "roles_to_endpoints" {
  description                  = "Secrets Manager for the function for roles"
  security_group_id            = aws_security_group.roles.id
  referenced_security_group_id = var.endpoints_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443

  tags = { Name = "roles-to-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "roles_to_endpoints" {
  description                  = "Secrets Manager for the function for roles"
  security_group_id            = var.endpoints_security_group_id
  referenced_security_group_id = aws_security_group.roles.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443

  tags = { Name = "roles-to-endpoints" }
}

resource "aws_cloudwatch_log_group" "roles" {
  name              = "/aws/lambda/${var.name}-roles"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.logs_key_arn
  skip_destroy      = var.keep_logs
}

resource "aws_iam_role" "roles" {
  name        = "${var.name}-roles"
  description = "Sets up the database ${var.name} and rotates its roles"

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
data "aws_iam_policy_document" "roles" {
  statement {
    sid       = "LogInWithThisSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.connection_secret_arn]
  }

  statement {
    sid       = "UseTheKeyToLogIn"
    actions   = ["kms:Decrypt"]
    resources = [var.secrets_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:SecretARN"
      values   = [var.connection_secret_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }

  statement {
    sid = "RotateTheseSecrets"
    actions = [
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetSecretValue",
      "secretsmanager:PutSecretValue",
      "secretsmanager:UpdateSecretVersionStage",
    ]
    resources = values(aws_secretsmanager_secret.role)[*].arn
  }

  statement {
    sid       = "UseTheKeyForTheseSecrets"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.secrets_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:SecretARN"
      values   = values(aws_secretsmanager_secret.role)[*].arn
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "WriteItsLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.roles.arn}:*"]
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
      values   = ["arn:${data.aws_partition.current.partition}:lambda:${var.region}:${var.account_id}:function:${var.name}-roles"]
    }
  }
}

resource "aws_iam_policy" "roles" {
  name        = "${var.name}-roles"
  description = "What setting up the database ${var.name} and rotating its roles needs, and no more"
  policy      = data.aws_iam_policy_document.roles.json
}

resource "aws_iam_role_policy_attachment" "roles" {
  role       = aws_iam_role.roles.name
  policy_arn = aws_iam_policy.roles.arn
}

resource "aws_lambda_function" "roles" {
  # checkov:skip=CKV_AWS_116: Terraform and Secrets Manager call synchronously and try again; an alarm reports a failed check
  # checkov:skip=CKV_AWS_173: the environment holds names and ARNs, and no secret
  # checkov:skip=CKV_AWS_272: the zip is part of this version, whose hash is locked; no signing profile is needed in the account
  function_name    = "${var.name}-roles"
  description      = "Sets up the database ${var.name} and rotates its roles"
  role             = aws_iam_role.roles.arn
  runtime          = "python3.13"
  architectures    = ["arm64"]
  handler          = "roles.handler"
  filename         = "${path.module}/roles.zip"
  source_code_hash = filebase64sha256("${path.module}/roles.zip")

  timeout                        = 300
  memory_size                    = 256
  reserved_concurrent_executions = -1

  environment {
    variables = {
      CONNECTION_SECRET = var.connection_secret_arn
      DECLARATION       = local.declaration
      METRICS_NAMESPACE = "finbase/${var.name}"
    }
  }

  tracing_config {
    mode = "Active"
  }

  vpc_config {
    subnet_ids         = var.private_subnet_ids
    security_group_ids = [aws_security_group.roles.id]
  }

  tags = { Name = "${var.name}-roles" }

  # Lambda makes a missing log group itself, without encryption and without an end.
  depends_on = [
    aws_cloudwatch_log_group.roles,
    aws_iam_role_policy_attachment.roles,
  ]

  lifecycle {
    precondition {
      condition     = fileexists("${path.module}/function/ca/${var.region}.pem")
      error_message = "The function has no CA roots for this region: add them to the module secret as its rotation/ca/README.md says, and release both modules."
    }
  }
}

# Sets up the database: when it exists, and whenever the declaration or the code changes.
resource "aws_lambda_invocation" "apply" {
  function_name = aws_lambda_function.roles.function_name
  input         = jsonencode({ action = "apply" })

  triggers = {
    code        = aws_lambda_function.roles.source_code_hash
    connection  = var.connection_version_id
    declaration = sha256(local.declaration)
  }

  depends_on = [
    aws_iam_role_policy_attachment.roles,
    aws_secretsmanager_secret_policy.role,
    aws_vpc_security_group_egress_rule.roles_to_database,
    aws_vpc_security_group_egress_rule.roles_to_endpoints,
    aws_vpc_security_group_ingress_rule.roles_to_database,
    aws_vpc_security_group_ingress_rule.roles_to_endpoints,
  ]
}

resource "aws_cloudwatch_event_rule" "check" {
  name                = "${var.name}-roles-check"
  description         = "Compares the database with its declaration, twice a day"
  schedule_expression = "rate(12 hours)"

  tags = { Name = "${var.name}-roles-check" }
}

resource "aws_cloudwatch_event_target" "check" {
  rule      = aws_cloudwatch_event_rule.check.name
  target_id = "function"
  arn       = aws_lambda_function.roles.arn
  input     = jsonencode({ action = "check" })
}

resource "aws_lambda_permission" "check" {
  statement_id  = "EventBridgeChecksTheDatabase"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.roles.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.check.arn
}

resource "aws_lambda_permission" "rotation" {
  for_each = var.roles

  statement_id   = "SecretsManagerRotatesTheRole_${each.key}"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.roles.function_name
  principal      = "secretsmanager.amazonaws.com"
  source_account = var.account_id
  source_arn     = aws_secretsmanager_secret.role[each.key].arn
}
