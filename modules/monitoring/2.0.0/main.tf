# Rendered by finbase from templates/modules/monitoring/main.tf.j2 (monitoring 2.0.0). Do not edit: change the template and release.

resource "aws_sns_topic" "notifications" {
  name              = "${var.name}-notifications"
  display_name      = "${var.name} database infrastructure"
  kms_master_key_id = var.notifications_key_arn

  tags = { Name = "${var.name}-notifications" }
}

resource "aws_sns_topic_policy" "notifications" {
  arn = aws_sns_topic.notifications.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AlarmsAndDatabaseEvents"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "events.rds.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.notifications.arn
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      },
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.notifications.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
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

  event_categories = [
    "availability",
    "backup",
    "configuration change",
    "deletion",
    "failover",
    "failure",
    "low storage",
    "maintenance",
    "notification",
    "read replica",
    "recovery",
  ]

  tags = { Name = "${var.name}-instances" }

  depends_on = [aws_sns_topic_policy.notifications]
}
