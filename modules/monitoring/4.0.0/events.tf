# Rendered by finbase from templates/modules/monitoring/events.tf.j2 (monitoring 4.0.0). Do not edit: change the template and release.

# Events of CloudTrail: EventBridge receives them if the account has a trail of management events.
resource "aws_cloudwatch_event_rule" "key_deletion" {
  name        = "${var.name}-key-deletion"
  description = "Somebody disables a key or schedules its deletion"

  event_pattern = jsonencode({
    source      = ["aws.kms"]
    detail-type = ["AWS API Call via CloudTrail"]
    detail      = { eventName = ["DisableKey", "ScheduleKeyDeletion"] }
  })

  tags = { Name = "${var.name}-key-deletion" }
}

resource "aws_cloudwatch_event_target" "key_deletion" {
  rule      = aws_cloudwatch_event_rule.key_deletion.name
  target_id = "notifications"
  arn       = aws_sns_topic.notifications.arn

  depends_on = [aws_sns_topic_policy.notifications]
}

resource "aws_cloudwatch_event_rule" "failed_rotation" {
  name        = "${var.name}-failed-rotation"
  description = "Secrets Manager gives up the rotation of a secret"

  event_pattern = jsonencode({
    source      = ["aws.secretsmanager"]
    detail-type = ["AWS Service Event via CloudTrail"]
    detail      = { eventName = ["RotationAbandoned", "RotationFailed"] }
  })

  tags = { Name = "${var.name}-failed-rotation" }
}

resource "aws_cloudwatch_event_target" "failed_rotation" {
  rule      = aws_cloudwatch_event_rule.failed_rotation.name
  target_id = "notifications"
  arn       = aws_sns_topic.notifications.arn

  depends_on = [aws_sns_topic_policy.notifications]
}
