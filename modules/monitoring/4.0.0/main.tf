# Rendered by finbase from templates/modules/monitoring/main.tf.j2 (monitoring 4.0.0). Do not edit: change the template and release.

resource "aws_sns_topic" "notifications" {
  name              = "${var.name}-notifications"
  display_name      = "${var.name} database infrastructure"
  kms_master_key_id = var.notifications_key_arn

  tags = { Name = "${var.name}-notifications" }
}

# A document instead of jsonencode: a plan then shows who may publish, although it cannot show the ARN.
data "aws_iam_policy_document" "notifications" {
  statement {
    sid       = "AlarmsAndDatabaseEvents"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.notifications.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "events.rds.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }

  # Without a condition: EventBridge sends none when it publishes to a topic.
  statement {
    sid       = "EventRules"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.notifications.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }

  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.notifications.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_policy" "notifications" {
  arn    = aws_sns_topic.notifications.arn
  policy = data.aws_iam_policy_document.notifications.json
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.email_addresses

  topic_arn = aws_sns_topic.notifications.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_db_event_subscription" "instances" {
  name        = "${var.name}-instances"
  sns_topic   = aws_sns_topic.notifications.arn
  source_type = "db-instance"
  source_ids  = concat([var.database_identifier], values(var.replica_identifiers))

  # Without "backup": it has two messages a day for each instance. A failed backup is a "failure".
  event_categories = [
    "availability",
    "configuration change",
    "creation",
    "deletion",
    "failover",
    "failure",
    "low storage",
    "maintenance",
    "notification",
    "read replica",
    "recovery",
    "restoration",
    "security",
    "security patching",
  ]

  tags = { Name = "${var.name}-instances" }

  depends_on = [aws_sns_topic_policy.notifications]
}

# Their parameters decide what the audit log holds. RDS reports a change before an instance applies it.
# Without source_ids: an instance may be in another group tomorrow, which nobody would watch.
resource "aws_db_event_subscription" "parameter_groups" {
  name             = "${var.name}-parameter-groups"
  sns_topic        = aws_sns_topic.notifications.arn
  source_type      = "db-parameter-group"
  event_categories = ["configuration change"]

  tags = { Name = "${var.name}-parameter-groups" }

  depends_on = [aws_sns_topic_policy.notifications]
}
