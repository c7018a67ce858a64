# Rendered by finbase from templates/modules/kms/tests/kms.tftest.hcl.j2 (kms 2.0.0). Do not edit: change the template and release.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name       = "ledger-test"
  region     = "eu-west-1"
  account_id = "111122223333"
}

run "every_key_is_looked_after" {
  assert {
    condition = alltrue([
      for key in [aws_kms_key.database, aws_kms_key.secrets, aws_kms_key.cache, aws_kms_key.logs, aws_kms_key.notifications] :
      key.enable_key_rotation && key.rotation_period_in_days == 365
    ])
    error_message = "Every key rotates by itself, once a year unless told otherwise."
  }

  assert {
    condition = !anytrue([
      for key in [aws_kms_key.database, aws_kms_key.secrets, aws_kms_key.cache, aws_kms_key.logs, aws_kms_key.notifications] :
      key.multi_region
    ])
    error_message = "No key leaves its region."
  }

  assert {
    condition = alltrue([
      for key in [aws_kms_key.database, aws_kms_key.secrets, aws_kms_key.cache, aws_kms_key.logs, aws_kms_key.notifications] :
      key.deletion_window_in_days == 30
    ])
    error_message = "A destroyed key can be restored for 30 days unless told otherwise."
  }

  assert {
    condition     = length(toset([output.database_key_arn, output.secrets_key_arn, output.cache_key_arn, output.logs_key_arn, output.notifications_key_arn])) == 5
    error_message = "Each class of data has a key of its own."
  }
}

run "policies_name_who_may_use_a_key" {
  assert {
    condition = alltrue([
      for key in [aws_kms_key.database, aws_kms_key.secrets, aws_kms_key.cache, aws_kms_key.logs, aws_kms_key.notifications] :
      jsondecode(key.policy).Statement[0].Principal.AWS == "arn:aws:iam::111122223333:root"
    ])
    error_message = "The account can always administer its keys; a key without that is lost."
  }

  assert {
    condition = alltrue([
      for key in [aws_kms_key.database, aws_kms_key.secrets, aws_kms_key.cache] : length(jsondecode(key.policy).Statement) == 1
    ])
    error_message = "Databases, secrets and caches get grants; their keys' policies name no service."
  }

  assert {
    condition     = jsondecode(aws_kms_key.logs.policy).Statement[1].Principal.Service == "logs.eu-west-1.amazonaws.com"
    error_message = "CloudWatch Logs of this region may use the key for logs."
  }

  assert {
    condition     = jsondecode(aws_kms_key.logs.policy).Statement[1].Condition.ArnLike["kms:EncryptionContext:aws:logs:arn"] == "arn:aws:logs:eu-west-1:111122223333:log-group:*"
    error_message = "The key for logs serves log groups of this account and region alone."
  }

  assert {
    condition = toset([
      for statement in jsondecode(aws_kms_key.notifications.policy).Statement : try(statement.Principal.Service, "")
    ]) == toset(["", "cloudwatch.amazonaws.com", "events.amazonaws.com", "events.rds.amazonaws.com"])
    error_message = "Alarms, database events and rules may use the key for notifications."
  }
}

run "another_region_with_shorter_periods" {
  variables {
    region                  = "eu-central-1"
    rotation_period_in_days = 90
    deletion_window_in_days = 7
  }

  assert {
    condition     = jsondecode(aws_kms_key.logs.policy).Statement[1].Principal.Service == "logs.eu-central-1.amazonaws.com"
    error_message = "The service's name in the policy follows the region."
  }

  assert {
    condition     = aws_kms_key.secrets.rotation_period_in_days == 90 && aws_kms_key.secrets.deletion_window_in_days == 7
    error_message = "Both periods can be shortened to what PCI DSS still allows."
  }

  assert {
    condition     = aws_kms_alias.secrets.name == "alias/ledger-test-secrets" && aws_kms_alias.secrets.target_key_id == aws_kms_key.secrets.key_id
    error_message = "Each key is found by its alias."
  }
}

run "refuses_periods_out_of_bounds" {
  command = plan

  variables {
    rotation_period_in_days = 30
    deletion_window_in_days = 3
  }

  expect_failures = [var.rotation_period_in_days, var.deletion_window_in_days]
}

run "refuses_an_account_that_is_none" {
  command = plan

  variables {
    account_id = "1234"
  }

  expect_failures = [var.account_id]
}
