# Rendered by finbase from templates/modules/monitoring/tests/monitoring.tftest.hcl.j2 (monitoring 2.0.1). Do not edit: change the template and release.

mock_provider "aws" {
  # Resources take JSON only. The tests read the statements, which are not made up.
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:111122223333:example" }
  }
}

variables {
  name                          = "ledger-test"
  region                        = "eu-west-1"
  account_id                    = "111122223333"
  notifications_key_arn         = "arn:aws:kms:eu-west-1:111122223333:key/notifications"
  database_identifier           = "ledger-test"
  database_allocated_storage    = 100
  database_log_group_name       = "/aws/rds/instance/ledger-test/postgresql"
  cache_name                    = "ledger-test"
  cache_data_storage_maximum_gb = 10
  cache_ecpu_per_second_maximum = 5000
  rotation_function_name        = "ledger-test-rotation"
  email_addresses               = ["oncall@ledger.example"]
  replica_identifiers           = { reporting = "ledger-test-reporting" }
}

run "every_instance_has_every_alarm" {
  assert {
    condition = alltrue([
      for alarms in [
        aws_cloudwatch_metric_alarm.cpu_utilization,
        aws_cloudwatch_metric_alarm.database_connections,
        aws_cloudwatch_metric_alarm.freeable_memory,
        aws_cloudwatch_metric_alarm.free_storage_space,
        aws_cloudwatch_metric_alarm.read_latency,
        aws_cloudwatch_metric_alarm.write_latency,
      ] :
      [for alarm in alarms : alarm.dimensions.DBInstanceIdentifier] == ["ledger-test", "ledger-test-reporting"]
    ])
    error_message = "The primary and each replica have the same alarms."
  }

  assert {
    condition     = [for alarm in aws_cloudwatch_metric_alarm.replica_lag : alarm.dimensions.DBInstanceIdentifier] == ["ledger-test-reporting"]
    error_message = "A replica that falls behind raises an alarm."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.free_storage_space["primary"].threshold == 15 * 1024 * 1024 * 1024
    error_message = "The alarm on storage leaves 15 percent of the volume."
  }

  assert {
    condition     = aws_db_event_subscription.instances.source_ids == toset(["ledger-test", "ledger-test-reporting"])
    error_message = "Events of every instance are passed on."
  }
}

run "somebody_hears_of_it" {
  assert {
    condition = alltrue([
      for alarm in concat(
        values(aws_cloudwatch_metric_alarm.cpu_utilization),
        values(aws_cloudwatch_metric_alarm.database_connections),
        values(aws_cloudwatch_metric_alarm.freeable_memory),
        values(aws_cloudwatch_metric_alarm.free_storage_space),
        values(aws_cloudwatch_metric_alarm.read_latency),
        values(aws_cloudwatch_metric_alarm.write_latency),
        values(aws_cloudwatch_metric_alarm.replica_lag),
        [
          aws_cloudwatch_metric_alarm.transaction_ids,
          aws_cloudwatch_metric_alarm.failed_logins,
          aws_cloudwatch_metric_alarm.cache_throttled,
          aws_cloudwatch_metric_alarm.cache_data,
          aws_cloudwatch_metric_alarm.cache_work,
          aws_cloudwatch_metric_alarm.rotation_errors,
          aws_cloudwatch_metric_alarm.rotation_throttles,
        ],
      ) :
      alarm.alarm_actions == toset([output.topic_arn]) && alarm.ok_actions == toset([output.topic_arn])
    ])
    error_message = "Every alarm goes to the topic, and so does its end."
  }

  assert {
    condition     = aws_db_event_subscription.instances.sns_topic == output.topic_arn
    error_message = "Database events go to the topic."
  }

  assert {
    condition     = [for subscription in aws_sns_topic_subscription.email : subscription.endpoint] == ["oncall@ledger.example"]
    error_message = "The given address is subscribed to the topic."
  }
}

run "the_topic_is_encrypted_and_closed" {
  assert {
    condition     = aws_sns_topic.notifications.kms_master_key_id == var.notifications_key_arn
    error_message = "Notifications are encrypted with the key made for them."
  }

  assert {
    condition     = sort(one(data.aws_iam_policy_document.notifications.statement[0].principals).identifiers) == tolist(["cloudwatch.amazonaws.com", "events.rds.amazonaws.com"])
    error_message = "Alarms and database events may be published, and nothing else."
  }

  assert {
    condition     = one(data.aws_iam_policy_document.notifications.statement[0].condition).variable == "aws:SourceAccount" && one(one(data.aws_iam_policy_document.notifications.statement[0].condition).values) == "111122223333"
    error_message = "Only this account may publish."
  }

  assert {
    condition     = data.aws_iam_policy_document.notifications.statement[1].effect == "Deny" && one(data.aws_iam_policy_document.notifications.statement[1].condition).variable == "aws:SecureTransport"
    error_message = "Nothing is published without TLS."
  }
}

run "a_primary_alone_with_other_thresholds" {
  variables {
    replica_identifiers           = {}
    email_addresses               = []
    database_allocated_storage    = 400
    cpu_threshold_percent         = 60
    freeable_memory_threshold_mib = 6144
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.cpu_utilization) == ["primary"] && length(aws_cloudwatch_metric_alarm.replica_lag) == 0
    error_message = "Without replicas there are the alarms of the primary."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.cpu_utilization["primary"].threshold == 60 && aws_cloudwatch_metric_alarm.freeable_memory["primary"].threshold == 6 * 1024 * 1024 * 1024
    error_message = "The thresholds are the given ones, memory in bytes."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.free_storage_space["primary"].threshold == 60 * 1024 * 1024 * 1024
    error_message = "The alarm on storage follows the size of the volume."
  }
}

run "refuses_what_is_no_address" {
  command = plan

  variables {
    email_addresses = ["oncall at ledger.example"]
  }

  expect_failures = [var.email_addresses]
}

run "refuses_a_threshold_that_is_never_reached" {
  command = plan

  variables {
    cpu_threshold_percent = 120
  }

  expect_failures = [var.cpu_threshold_percent]
}
