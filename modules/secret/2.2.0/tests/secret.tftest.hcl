# Rendered by finbase from templates/modules/secret/tests/secret.tftest.hcl.j2 (secret 2.2.0). Do not edit: change the template and release.

# Terraform mocks no ephemeral resources, and the first password is one. So the provider itself
# plans here, offline; what it would know after an apply alone is given below.
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "offline"
  secret_key                  = "offline"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_resource {
  target          = aws_secretsmanager_secret.connection
  override_during = plan
  values = {
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:connection"
  }
}

override_resource {
  target          = aws_security_group.rotation
  override_during = plan
  values = {
    id = "sg-rotation"
  }
}

override_resource {
  target          = aws_cloudwatch_log_group.rotation
  override_during = plan
  values = {
    arn = "arn:aws:logs:eu-west-1:111122223333:log-group:rotation"
  }
}

override_resource {
  target          = aws_iam_role.rotation
  override_during = plan
  values = {
    arn = "arn:aws:iam::111122223333:role/rotation"
  }
}

override_resource {
  target          = aws_iam_policy.rotation
  override_during = plan
  values = {
    arn = "arn:aws:iam::111122223333:policy/rotation"
  }
}

variables {
  name                = "ledger-test"
  region              = "eu-west-1"
  account_id          = "111122223333"
  vpc_id              = "vpc-0123456789abcdef0"
  private_subnet_ids  = ["subnet-a", "subnet-b"]
  database_arn        = "arn:aws:rds:eu-west-1:111122223333:db:ledger-test"
  database_host       = "ledger-test.example.eu-west-1.rds.amazonaws.com"
  database_port       = 5432
  database_name       = "ledger"
  username            = "ledger_owner"
  initial_secret_id   = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:initial"
  initial_version_id  = "00000000-0000-0000-0000-000000000000"
  password_generation = 1
  secrets_key_arn     = "arn:aws:kms:eu-west-1:111122223333:key/secrets"
  logs_key_arn        = "arn:aws:kms:eu-west-1:111122223333:key/logs"
}

run "the_secret_holds_all_that_a_client_needs" {
  command = plan

  module {
    source = "./tests/stack"
  }

  assert {
    condition     = toset(output.fields) == toset(["engine", "host", "port", "dbname", "username", "password"])
    error_message = "The secret has every field, and no other."
  }

  assert {
    condition     = output.host == "ledger-test.example.eu-west-1.rds.amazonaws.com"
    error_message = "The host in the secret is the instance's."
  }
}

# From here on, targets leave out what needs the first password: the version of the secret and
# its schedule. No condition names a variable, since Terraform cannot tell one of those that
# the targets leave out.
run "the_secret_is_encrypted_and_tells_what_it_is" {
  command = plan

  plan_options {
    target = [terraform_data.connection, aws_secretsmanager_secret_policy.connection]
  }

  assert {
    condition = terraform_data.connection.input == {
      engine   = "postgres"
      host     = "ledger-test.example.eu-west-1.rds.amazonaws.com"
      port     = 5432
      dbname   = "ledger"
      username = "ledger_owner"
    }
    error_message = "What is in the secret, password apart, comes from the instance."
  }

  assert {
    condition     = aws_secretsmanager_secret.connection.kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/secrets" && aws_secretsmanager_secret.connection.recovery_window_in_days == 30
    error_message = "The secret is encrypted with the key made for it, and can be restored."
  }

  assert {
    condition     = strcontains(aws_secretsmanager_secret.connection.description, "ledger_owner")
    error_message = "The secret says whose credentials it holds."
  }

  assert {
    condition     = jsondecode(aws_secretsmanager_secret_policy.connection.policy).Statement[0].Effect == "Deny" && jsondecode(aws_secretsmanager_secret_policy.connection.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "The secret is not handed out without TLS."
  }
}

run "only_readers_read_the_initial_secret" {
  command = plan

  variables {
    readers = ["arn:aws:iam::111122223333:role/plan", "arn:aws:iam::111122223333:role/apply"]
  }

  plan_options {
    target = [aws_secretsmanager_secret_policy.initial]
  }

  assert {
    condition     = aws_secretsmanager_secret_policy.initial.secret_arn == "arn:aws:secretsmanager:eu-west-1:111122223333:secret:initial" && aws_secretsmanager_secret_policy.initial.block_public_policy
    error_message = "The policy is that of the initial secret."
  }

  assert {
    condition = jsondecode(aws_secretsmanager_secret_policy.initial.policy).Statement[1].Condition.StringNotEquals["aws:PrincipalArn"] == [
      "arn:aws:iam::111122223333:role/apply",
      "arn:aws:iam::111122223333:role/plan",
    ]
    error_message = "Nobody but the readers reads the initial secret."
  }
}

run "the_rotation_may_do_its_work_and_no_more" {
  command = plan

  plan_options {
    target = [aws_iam_role_policy_attachment.rotation, aws_lambda_permission.rotation]
  }

  assert {
    condition     = aws_iam_role_policy_attachment.rotation.role == "ledger-test-rotation" && aws_iam_role_policy_attachment.rotation.policy_arn == aws_iam_policy.rotation.arn
    error_message = "The role of the function has its policy."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.rotation.statement :
      one(statement.resources) == {
        RotateThisSecret            = aws_secretsmanager_secret.connection.arn
        UseTheKeyForThisSecret      = "arn:aws:kms:eu-west-1:111122223333:key/secrets"
        SeeThisInstance             = "arn:aws:rds:eu-west-1:111122223333:db:ledger-test"
        WriteItsLog                 = "${aws_cloudwatch_log_group.rotation.arn}:*"
        AttachToTheNetwork          = "arn:${data.aws_partition.current.partition}:ec2:eu-west-1:111122223333:*/*"
        SeeTheNetworkAndLeaveTraces = "*"
        NotFromTheCodeItself        = "*"
      }[statement.sid]
    ])
    error_message = "Each permission is for one secret, key, instance or log, where AWS can tell them apart."
  }

  assert {
    condition = !anytrue([
      for statement in data.aws_iam_policy_document.rotation.statement :
      strcontains(join(" ", statement.actions), "*") if statement.effect != "Deny"
    ])
    error_message = "Every allowed action is named."
  }

  assert {
    condition     = aws_lambda_permission.rotation.principal == "secretsmanager.amazonaws.com" && aws_lambda_permission.rotation.source_arn == aws_secretsmanager_secret.connection.arn && aws_lambda_permission.rotation.source_account == "111122223333"
    error_message = "Secrets Manager of this account may call the function, for this secret."
  }
}

run "the_function_runs_inside_the_vpc" {
  command = plan

  plan_options {
    target = [aws_lambda_function.rotation]
  }

  assert {
    condition     = aws_lambda_function.rotation.vpc_config[0].subnet_ids == toset(["subnet-a", "subnet-b"]) && aws_lambda_function.rotation.vpc_config[0].security_group_ids == toset([aws_security_group.rotation.id])
    error_message = "The function is in the private subnets, in a security group of its own."
  }

  assert {
    condition     = aws_lambda_function.rotation.role == aws_iam_role.rotation.arn && aws_lambda_function.rotation.source_code_hash == filebase64sha256("rotation.zip")
    error_message = "The function has its role, and its code is the archive of this release."
  }

  assert {
    condition     = aws_lambda_function.rotation.reserved_concurrent_executions == -1
    error_message = "The function takes no executions from the account, which may have too few."
  }

  assert {
    condition     = aws_lambda_function.rotation.tracing_config[0].mode == "Active"
    error_message = "Each rotation leaves a trace."
  }

  assert {
    condition     = aws_cloudwatch_log_group.rotation.name == "/aws/lambda/${aws_lambda_function.rotation.function_name}" && aws_cloudwatch_log_group.rotation.retention_in_days == 400 && aws_cloudwatch_log_group.rotation.kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/logs"
    error_message = "Lambda finds a log group, encrypted and kept for more than a year."
  }
}

run "another_port_and_a_third_subnet" {
  command = plan

  plan_options {
    target = [aws_lambda_function.rotation, terraform_data.connection]
  }

  variables {
    database_port                  = 6543
    private_subnet_ids             = ["subnet-a", "subnet-b", "subnet-c"]
    reserved_concurrent_executions = 1
    log_retention_in_days          = 731
  }

  assert {
    condition     = terraform_data.connection.input.port == 6543
    error_message = "The secret follows the port of the instance."
  }

  assert {
    condition     = length(aws_lambda_function.rotation.vpc_config[0].subnet_ids) == 3 && aws_lambda_function.rotation.reserved_concurrent_executions == 1
    error_message = "The function is in every private subnet; a large account can reserve an execution."
  }

  assert {
    condition     = aws_cloudwatch_log_group.rotation.retention_in_days == 731
    error_message = "The log can be kept longer."
  }
}

run "a_stack_that_may_go_and_come_back" {
  command = plan

  plan_options {
    target = [aws_cloudwatch_log_group.rotation, aws_secretsmanager_secret_policy.connection]
  }

  variables {
    recovery_window_in_days = 0
    keep_logs               = false
  }

  assert {
    condition     = aws_secretsmanager_secret.connection.recovery_window_in_days == 0 && !aws_cloudwatch_log_group.rotation.skip_destroy
    error_message = "The names of secret and log group are free after a destroy."
  }

  assert {
    condition     = aws_secretsmanager_secret_policy.connection.block_public_policy
    error_message = "Secrets Manager refuses a policy that opens the secret to everybody."
  }
}

run "refuses_a_region_without_roots" {
  command = plan

  plan_options {
    target = [aws_lambda_function.rotation]
  }

  variables {
    region = "eu-nowhere-1"
  }

  expect_failures = [aws_lambda_function.rotation]
}

run "refuses_an_account_that_is_none_and_a_short_memory" {
  command = plan

  plan_options {
    target = [aws_lambda_permission.rotation]
  }

  variables {
    account_id            = "1234"
    log_retention_in_days = 90
  }

  expect_failures = [var.account_id, var.log_retention_in_days]
}

run "refuses_a_recovery_window_that_aws_does_not_have" {
  command = plan

  plan_options {
    target = [terraform_data.connection, aws_secretsmanager_secret_policy.connection]
  }

  variables {
    recovery_window_in_days = 6
  }

  expect_failures = [var.recovery_window_in_days]
}

run "only_the_functions_and_readers_read" {
  command = plan

  plan_options {
    target = [aws_secretsmanager_secret_policy.connection]
  }

  variables {
    readers = ["arn:aws:iam::111122223333:role/break-glass", "arn:aws:iam::111122223333:role/apply"]
  }

  assert {
    condition     = jsondecode(aws_secretsmanager_secret_policy.connection.policy).Statement[1].Effect == "Deny" && jsondecode(aws_secretsmanager_secret_policy.connection.policy).Statement[1].Action == "secretsmanager:GetSecretValue"
    error_message = "Everybody else is denied."
  }

  assert {
    condition     = jsondecode(aws_secretsmanager_secret_policy.connection.policy).Statement[1].Condition.StringNotEquals["aws:PrincipalArn"] == ["arn:aws:iam::111122223333:role/ledger-test-roles", "arn:aws:iam::111122223333:role/ledger-test-rotation", "arn:aws:iam::111122223333:role/apply", "arn:aws:iam::111122223333:role/break-glass"]
    error_message = "The functions and the readers are named."
  }

  assert {
    condition     = length(jsondecode(aws_secretsmanager_secret_policy.connection.policy).Statement) == 2
    error_message = "Without TLS, nobody reads, as before."
  }
}

run "without_readers_iam_decides" {
  command = plan

  plan_options {
    target = [aws_secretsmanager_secret_policy.connection]
  }

  assert {
    condition     = length(jsondecode(aws_secretsmanager_secret_policy.connection.policy).Statement) == 1
    error_message = "Nothing changes for a stack that names no readers."
  }
}

run "refuses_a_reader_of_another_account" {
  command = plan

  plan_options {
    target = [aws_secretsmanager_secret_policy.connection]
  }

  variables {
    readers = ["arn:aws:iam::999999999999:role/break-glass"]
  }

  expect_failures = [var.readers]
}
