# Rendered by finbase from templates/modules/roles/alarms.tf.j2 (roles 1.3.0). Do not edit: change the template and release.

resource "aws_cloudwatch_metric_alarm" "roles_errors" {
  alarm_name        = "${var.name}-roles-errors"
  alarm_description = "The function for roles failed: it could not set up, check or rotate"

  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.roles.function_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [var.topic_arn]
  ok_actions    = [var.topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "roles_throttles" {
  alarm_name        = "${var.name}-roles-throttles"
  alarm_description = "The function for roles was not started: no free execution"

  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.roles.function_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  alarm_actions = [var.topic_arn]
  ok_actions    = [var.topic_arn]
}

# The function measures these twice a day, so a day without a value is a breach.
resource "aws_cloudwatch_metric_alarm" "rotation_overdue" {
  for_each = var.roles

  alarm_name        = "${var.name}-rotation-overdue-${each.key}"
  alarm_description = "The secret of the role ${each.key} was not rotated for more than ${var.rotation_overdue_days} days, or nobody knows"

  namespace           = "finbase/${var.name}"
  metric_name         = "DaysSinceRotation"
  dimensions          = { Role = each.key }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.rotation_overdue_days
  period              = 86400
  evaluation_periods  = 1
  treat_missing_data  = "breaching"

  alarm_actions = [var.topic_arn]
  ok_actions    = [var.topic_arn]

  depends_on = [aws_lambda_invocation.apply]
}

resource "aws_cloudwatch_metric_alarm" "database_drift" {
  alarm_name        = "${var.name}-database-drift"
  alarm_description = "Roles, privileges or extensions of the database differ from the declaration, or nobody knows; the log of the function ${var.name}-roles lists them"

  namespace           = "finbase/${var.name}"
  metric_name         = "DatabaseDrift"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 86400
  evaluation_periods  = 1
  treat_missing_data  = "breaching"

  alarm_actions = [var.topic_arn]
  ok_actions    = [var.topic_arn]

  depends_on = [aws_lambda_invocation.apply]
}

locals {
  silent       = sort(setunion(var.pipeline_readers, var.moving_readers))
  silent_users = [for arn in local.silent : arn if strcontains(arn, ":user/")]
}

# A read of the connection secret, or of the one with the master user's first password, by others
# than the two functions, the roles that plan and apply, and applications that move. EventBridge
# receives it if the account has a trail of management events.
resource "aws_cloudwatch_event_rule" "connection_read" {
  name        = "${var.name}-connection-read"
  description = "Somebody reads a secret of the master user, which is for emergencies"
  state       = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"

  event_pattern = jsonencode({
    source      = ["aws.secretsmanager"]
    detail-type = ["AWS API Call via CloudTrail"]
    detail = {
      eventName = ["GetSecretValue"]
      requestParameters = {
        secretId = [
          { prefix = "${var.name}/database/" },
          { prefix = "arn:${data.aws_partition.current.partition}:secretsmanager:${var.region}:${var.account_id}:secret:${var.name}/database/" },
        ]
      }
      "$or" = concat(
        [{ userIdentity = { type = [{ anything-but = length(local.silent_users) == 0 ? ["AssumedRole"] : ["AssumedRole", "IAMUser"] }] } }],
        [{
          userIdentity = {
            sessionContext = {
              sessionIssuer = {
                arn = [{
                  anything-but = concat(
                    [for name in ["roles", "rotation"] : "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:role/${var.name}-${name}"],
                    [for arn in local.silent : arn if !contains(local.silent_users, arn)]
                  )
                }]
              }
            }
          }
        }],
        [for users in [local.silent_users] : { userIdentity = { type = ["IAMUser"], arn = [{ anything-but = users }] } } if length(users) > 0]
      )
    }
  })

  tags = { Name = "${var.name}-connection-read" }
}

resource "aws_cloudwatch_event_target" "connection_read" {
  rule      = aws_cloudwatch_event_rule.connection_read.name
  target_id = "notifications"
  arn       = var.topic_arn
}
