# Rendered by finbase from templates/modules/monitoring/tests/monitoring.tftest.hcl.j2 (monitoring 4.0.0). Do not edit: change the template and release.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
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
  cache_names                   = { cache = "ledger-test" }
  cache_data_storage_maximum_gb = { cache = 10 }
  cache_ecpu_per_second_maximum = { cache = 5000 }
  rotation_function_name        = "ledger-test-rotation"
  nat_gateway_ids               = { eu-west-1a = "nat-a", eu-west-1b = "nat-b" }
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
        aws_cloudwatch_metric_alarm.disk_queue_depth,
        aws_cloudwatch_metric_alarm.swap_usage,
        aws_cloudwatch_metric_alarm.db_load,
        aws_cloudwatch_metric_alarm.cpu_credit_balance,
        aws_cloudwatch_metric_alarm.ebs_io_balance,
        aws_cloudwatch_metric_alarm.ebs_byte_balance,
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
    condition = alltrue([
      for alarm in concat(
        values(aws_cloudwatch_metric_alarm.cpu_credit_balance),
        values(aws_cloudwatch_metric_alarm.ebs_io_balance),
        values(aws_cloudwatch_metric_alarm.ebs_byte_balance),
      ) :
      alarm.treat_missing_data == "notBreaching"
    ])
    error_message = "An alarm never rings where the class of the instance does not have its metric."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.oldest_replication_slot_lag.threshold == 10 * 1024 * 1024 * 1024 && aws_cloudwatch_metric_alarm.transaction_logs_disk_usage.threshold == 20 * 1024 * 1024 * 1024
    error_message = "WAL raises an alarm when it fills a part of the volume."
  }

  assert {
    condition     = { for zone, alarm in aws_cloudwatch_metric_alarm.nat_ports : zone => alarm.dimensions.NatGatewayId } == { eu-west-1a = "nat-a", eu-west-1b = "nat-b" }
    error_message = "Each NAT gateway has an alarm."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.free_storage_space["primary"].threshold == 15 * 1024 * 1024 * 1024
    error_message = "The alarm on storage leaves 15 percent of the volume."
  }

  assert {
    condition     = aws_db_event_subscription.instances.source_ids == toset(["ledger-test", "ledger-test-reporting"])
    error_message = "Events of every instance are passed on."
  }

  assert {
    condition     = aws_db_event_subscription.parameter_groups.source_type == "db-parameter-group" && aws_db_event_subscription.parameter_groups.source_ids == null
    error_message = "Changes of every parameter group are passed on."
  }
}

run "logs_are_searched_and_masked" {
  assert {
    condition     = values(aws_cloudwatch_log_metric_filter.failed_logins)[*].log_group_name == ["/aws/rds/instance/ledger-test/postgresql", "/aws/rds/instance/ledger-test-reporting/postgresql"]
    error_message = "Failed logins are counted in the log of every instance."
  }

  assert {
    condition = alltrue([
      for text in ["password authentication failed", "PAM authentication failed", "no pg_hba.conf entry", "FATAL:  role"] :
      strcontains(aws_cloudwatch_log_metric_filter.failed_logins["primary"].pattern, "?\"${text}\"")
    ])
    error_message = "Every kind of failed login is counted."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.deadlocks.metric_name == aws_cloudwatch_log_metric_filter.deadlocks.metric_transformation[0].name
    error_message = "A deadlock raises an alarm."
  }

  assert {
    condition = alltrue([
      for policy in aws_cloudwatch_log_data_protection_policy.database :
      jsondecode(policy.policy_document).Statement[1].Operation == { Deidentify = { MaskConfig = {} } } &&
      contains(jsondecode(policy.policy_document).Statement[1].DataIdentifier, "arn:aws:dataprotection::aws:data-identifier/CreditCardNumber")
    ])
    error_message = "Card numbers are masked."
  }

  assert {
    condition     = keys(aws_cloudwatch_log_data_protection_policy.database) == ["primary", "reporting"]
    error_message = "Card numbers are masked in the log of every instance."
  }
}

run "keys_and_rotations_are_watched" {
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.key_deletion.event_pattern).detail.eventName == ["DisableKey", "ScheduleKeyDeletion"]
    error_message = "The end of a key is reported while it can be stopped."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.failed_rotation.event_pattern).detail.eventName == ["RotationAbandoned", "RotationFailed"]
    error_message = "A rotation that failed is reported."
  }

  assert {
    condition     = aws_cloudwatch_event_target.key_deletion.arn == output.topic_arn && aws_cloudwatch_event_target.failed_rotation.arn == output.topic_arn
    error_message = "Both rules publish to the topic."
  }

  assert {
    condition     = !contains(aws_db_event_subscription.instances.event_categories, "backup") && length(setintersection(aws_db_event_subscription.instances.event_categories, ["creation", "restoration", "security", "security patching"])) == 4
    error_message = "Events are those that somebody must read."
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
        values(aws_cloudwatch_metric_alarm.disk_queue_depth),
        values(aws_cloudwatch_metric_alarm.swap_usage),
        values(aws_cloudwatch_metric_alarm.db_load),
        values(aws_cloudwatch_metric_alarm.cpu_credit_balance),
        values(aws_cloudwatch_metric_alarm.ebs_io_balance),
        values(aws_cloudwatch_metric_alarm.ebs_byte_balance),
        values(aws_cloudwatch_metric_alarm.replica_lag),
        values(aws_cloudwatch_metric_alarm.failed_logins),
        values(aws_cloudwatch_metric_alarm.nat_ports),
        values(aws_cloudwatch_metric_alarm.cache_throttled),
        values(aws_cloudwatch_metric_alarm.cache_data),
        values(aws_cloudwatch_metric_alarm.cache_work),
        [
          aws_cloudwatch_metric_alarm.transaction_ids,
          aws_cloudwatch_metric_alarm.oldest_replication_slot_lag,
          aws_cloudwatch_metric_alarm.transaction_logs_disk_usage,
          aws_cloudwatch_metric_alarm.deadlocks,
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
    error_message = "Alarms and database events of the account may be published."
  }

  assert {
    condition     = one(one(data.aws_iam_policy_document.notifications.statement[1].principals).identifiers) == "events.amazonaws.com" && length(data.aws_iam_policy_document.notifications.statement) == 3
    error_message = "Rules may publish, and nothing else."
  }

  assert {
    condition     = one(data.aws_iam_policy_document.notifications.statement[0].condition).variable == "aws:SourceAccount" && one(one(data.aws_iam_policy_document.notifications.statement[0].condition).values) == "111122223333"
    error_message = "Only this account may publish."
  }

  assert {
    condition     = data.aws_iam_policy_document.notifications.statement[2].effect == "Deny" && one(data.aws_iam_policy_document.notifications.statement[2].condition).variable == "aws:SecureTransport"
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

run "no_cache_and_no_dashboard" {
  variables {
    cache_names                   = {}
    cache_data_storage_maximum_gb = {}
    cache_ecpu_per_second_maximum = {}
    dashboards                    = []
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.cache_throttled) + length(aws_cloudwatch_metric_alarm.cache_data) + length(aws_cloudwatch_metric_alarm.cache_work) == 0
    error_message = "Without a cache, no alarm is about one."
  }

  assert {
    condition     = length(aws_cloudwatch_dashboard.main) == 0
    error_message = "An empty list leaves the dashboard out."
  }
}
