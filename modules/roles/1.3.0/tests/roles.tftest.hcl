# Rendered by finbase from templates/modules/roles/tests/roles.tftest.hcl.j2 (roles 1.3.0). Do not edit: change the template and release.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  # Resources take JSON only. The tests read the statements, which are not made up.
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:111122223333:rule/example" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:example" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/example" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/example" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:example" }
  }

  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:example" }
  }
}

variables {
  name                        = "ledger-test"
  region                      = "eu-west-1"
  account_id                  = "111122223333"
  vpc_id                      = "vpc-0123456789abcdef0"
  private_subnet_ids          = ["subnet-a", "subnet-b"]
  endpoints_security_group_id = "sg-endpoints"
  database_port               = 5432
  database_security_group_id  = "sg-database"
  connection_secret_arn       = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:ledger-test/database/connection-AbCdEf"
  connection_version_id       = "00000000-0000-0000-0000-000000000000"
  connection_readers          = ["arn:aws:iam::111122223333:role/break-glass", "arn:aws:iam::111122223333:role/old", "arn:aws:iam::111122223333:role/pipeline"]
  pipeline_readers            = ["arn:aws:iam::111122223333:role/pipeline"]
  moving_readers              = ["arn:aws:iam::111122223333:role/old"]
  secrets_key_arn             = "arn:aws:kms:eu-west-1:111122223333:key/secrets"
  logs_key_arn                = "arn:aws:kms:eu-west-1:111122223333:key/logs"
  topic_arn                   = "arn:aws:sns:eu-west-1:111122223333:notifications"
}

run "three_roles_without_a_word" {
  command = apply

  assert {
    condition = jsondecode(aws_lambda_function.roles.environment[0].variables.DECLARATION) == {
      extensions = ["pgaudit", "pg_stat_statements"]
      roles = {
        app      = { kind = "read-write", schemas = ["app"], connection_limit = 50, statement_timeout_seconds = 30, iam_login = false, secret_arn = aws_secretsmanager_secret.role["app"].arn }
        migrator = { kind = "owner", schemas = ["app"], connection_limit = 5, statement_timeout_seconds = 3600, iam_login = false, secret_arn = aws_secretsmanager_secret.role["migrator"].arn }
        reader   = { kind = "read-only", schemas = ["app"], connection_limit = 50, statement_timeout_seconds = 30, iam_login = false, secret_arn = aws_secretsmanager_secret.role["reader"].arn }
      }
    }
    error_message = "An environment that says nothing gets an application, its migrations and a reader."
  }

  assert {
    condition     = toset(keys(output.secret_arns)) == toset(["app", "migrator", "reader"]) && length(output.iam_logins) == 0
    error_message = "Each role has a secret of its own."
  }

  assert {
    condition     = alltrue([for role, secret in aws_secretsmanager_secret.role : secret.name == "ledger-test/roles/${role}" && secret.kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/secrets" && secret.recovery_window_in_days == 30 && strcontains(secret.description, role)])
    error_message = "The secrets are encrypted with the key made for them, say whose they are, and can be restored."
  }

  assert {
    condition = alltrue([
      for role, rotation in aws_secretsmanager_secret_rotation.role :
      rotation.rotate_immediately && rotation.rotation_rules[0].schedule_expression == "cron(0 2 ? * SUN *)" && rotation.rotation_rules[0].duration == "2h"
    ])
    error_message = "Each secret is rotated at once, and then every Sunday."
  }

  assert {
    condition     = jsondecode(aws_lambda_invocation.apply.input) == { action = "apply" } && jsondecode(aws_cloudwatch_event_target.check.input) == { action = "check" }
    error_message = "Terraform sets the database up; the schedule only compares."
  }

  assert {
    condition     = aws_lambda_function.roles.environment[0].variables.CONNECTION_SECRET == var.connection_secret_arn && aws_lambda_function.roles.environment[0].variables.METRICS_NAMESPACE == "finbase/ledger-test"
    error_message = "The function logs in with the connection secret, and its metrics are those of this stack."
  }
}

run "only_readers_read" {
  command = apply

  variables {
    roles = {
      app = { kind = "read-write", schemas = ["ledger", "audit"], iam_login = true, readers = ["arn:aws:iam::111122223333:role/b", "arn:aws:iam::111122223333:role/a"] }
    }
    extensions = ["uuid-ossp", "citext"]
  }

  assert {
    condition     = jsondecode(aws_secretsmanager_secret_policy.role["app"].policy).Statement[1].Effect == "Deny" && jsondecode(aws_secretsmanager_secret_policy.role["app"].policy).Statement[1].Condition.StringNotEquals["aws:PrincipalArn"] == ["arn:aws:iam::111122223333:role/ledger-test-roles", "arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:role/b"]
    error_message = "Everybody is denied but the function and the readers of the role."
  }

  assert {
    condition     = jsondecode(aws_secretsmanager_secret_policy.role["app"].policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false" && aws_secretsmanager_secret_policy.role["app"].block_public_policy
    error_message = "The secret is not handed out without TLS, nor to everybody."
  }

  assert {
    condition     = output.iam_logins == { app = "app_iam" }
    error_message = "The login for tokens of IAM is named."
  }

  assert {
    condition     = jsondecode(aws_lambda_function.roles.environment[0].variables.DECLARATION).extensions == ["pgaudit", "pg_stat_statements", "citext", "uuid-ossp"] && jsondecode(aws_lambda_function.roles.environment[0].variables.DECLARATION).roles.app.schemas == ["audit", "ledger"]
    error_message = "The extensions for the audit come first; the order in the file changes nothing."
  }
}

run "the_function_may_do_its_work_and_no_more" {
  command = apply

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.roles.statement :
      toset(statement.resources) == toset({
        LogInWithThisSecret         = [var.connection_secret_arn]
        UseTheKeyToLogIn            = [var.secrets_key_arn]
        RotateTheseSecrets          = values(aws_secretsmanager_secret.role)[*].arn
        UseTheKeyForTheseSecrets    = [var.secrets_key_arn]
        WriteItsLog                 = ["${aws_cloudwatch_log_group.roles.arn}:*"]
        AttachToTheNetwork          = ["arn:aws:ec2:eu-west-1:111122223333:*/*"]
        SeeTheNetworkAndLeaveTraces = ["*"]
        NotFromTheCodeItself        = ["*"]
      }[statement.sid])
    ])
    error_message = "Each permission is for its secrets, key, instance or log, where AWS can tell them apart."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.roles.statement :
      !contains(statement.actions, "secretsmanager:PutSecretValue") if contains(statement.resources, var.connection_secret_arn)
    ])
    error_message = "The function reads the connection secret, and does not write it."
  }

  assert {
    condition     = alltrue([for role, permission in aws_lambda_permission.rotation : permission.principal == "secretsmanager.amazonaws.com" && permission.source_arn == aws_secretsmanager_secret.role[role].arn && permission.source_account == "111122223333"])
    error_message = "Secrets Manager of this account may call the function, for these secrets."
  }

  assert {
    condition     = aws_lambda_permission.check.principal == "events.amazonaws.com" && aws_lambda_permission.check.source_arn == aws_cloudwatch_event_rule.check.arn
    error_message = "EventBridge may call the function by its one rule."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.roles_to_database.from_port == 5432 && aws_vpc_security_group_ingress_rule.roles_to_database.security_group_id == "sg-database" && aws_vpc_security_group_egress_rule.roles_to_endpoints.referenced_security_group_id == "sg-endpoints" && aws_vpc_security_group_ingress_rule.roles_to_endpoints.from_port == 443
    error_message = "The function reaches the database and the endpoints."
  }
}

run "someone_notices" {
  command = apply

  variables {
    rotation_overdue_days = 40
    rotation_schedule     = "rate(30 days)"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.rotation_overdue["app"].threshold == 40 && aws_cloudwatch_metric_alarm.rotation_overdue["app"].dimensions == tomap({ Role = "app" }) && aws_cloudwatch_metric_alarm.rotation_overdue["app"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.database_drift.treat_missing_data == "breaching"
    error_message = "A late rotation, drift, and a check that does not run raise alarms."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.connection_read.event_pattern).detail["$or"][1].userIdentity.sessionContext.sessionIssuer.arn[0]["anything-but"] == ["arn:aws:iam::111122223333:role/ledger-test-roles", "arn:aws:iam::111122223333:role/ledger-test-rotation", "arn:aws:iam::111122223333:role/old", "arn:aws:iam::111122223333:role/pipeline"] && aws_cloudwatch_event_rule.connection_read.state == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" && aws_cloudwatch_event_target.connection_read.arn == var.topic_arn
    error_message = "A read of the connection secret is reported, except by the pipeline and by applications that move."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.connection_read.event_pattern).detail.requestParameters.secretId == [{ prefix = "ledger-test/database/" }, { prefix = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:ledger-test/database/" }] && length(aws_cloudwatch_event_rule.connection_read.event_pattern) < 2048
    error_message = "The secret with the first password of the master user is watched like the connection secret."
  }
}

run "refuses_names_kinds_and_readers_that_are_none" {
  command = plan

  variables {
    roles = {
      App = { kind = "admin", schemas = [], readers = ["arn:aws:iam::111122223333:role/*"] }
    }
  }

  expect_failures = [var.roles]
}

run "refuses_readers_of_another_account" {
  command = plan

  variables {
    roles = {
      app = { kind = "read-only", schemas = ["app"], readers = ["arn:aws:iam::999999999999:role/app"] }
    }
  }

  expect_failures = [var.roles]
}

run "refuses_extensions_and_schedules_beside_the_list" {
  command = plan

  variables {
    extensions        = ["dblink"]
    rotation_schedule = "rate(1 hour)"
  }

  expect_failures = [var.extensions, var.rotation_schedule]
}

run "users_that_may_read_raise_no_alarm" {
  command = apply

  variables {
    pipeline_readers = ["arn:aws:iam::111122223333:user/pipeline"]
    moving_readers   = ["arn:aws:iam::111122223333:role/old"]
  }

  assert {
    condition     = [for others in jsondecode(aws_cloudwatch_event_rule.connection_read.event_pattern).detail["$or"] : others.userIdentity.arn[0]["anything-but"] if try(others.userIdentity.type == ["IAMUser"], false)] == [["arn:aws:iam::111122223333:user/pipeline"]] && jsondecode(aws_cloudwatch_event_rule.connection_read.event_pattern).detail["$or"][0].userIdentity.type[0]["anything-but"] == ["AssumedRole", "IAMUser"]
    error_message = "A user is named where events name it, and every other one is reported."
  }
}

run "window_ends_at_midnight" {
  command = plan

  variables {
    rotation_schedule     = "cron(0 23 ? * SUN *)"
    rotation_window_hours = 2
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.role["app"].rotation_rules[0].duration == "1h"
    error_message = "AWS refuses a window that goes on after midnight."
  }
}

run "window_of_a_rate_may_last_a_day" {
  command = plan

  variables {
    rotation_schedule     = "rate(7 days)"
    rotation_window_hours = 24
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.role["app"].rotation_rules[0].duration == "24h"
    error_message = "A rate begins at midnight."
  }
}

run "refuses_a_region_without_roots" {
  command = plan

  variables {
    region = "eu-nowhere-1"
  }

  expect_failures = [aws_lambda_function.roles]
}
