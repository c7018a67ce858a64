# Rendered by finbase from templates/modules/monitoring/dashboard.tf.j2 (monitoring 4.0.0). Do not edit: change the template and release.

locals {
  database_metrics = [
    "CPUUtilization",
    "DatabaseConnections",
    "FreeableMemory",
    "FreeStorageSpace",
    "ReadLatency",
    "WriteLatency",
  ]
}

resource "aws_cloudwatch_dashboard" "main" {
  for_each = var.dashboards

  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for index, metric in local.database_metrics : {
        type   = "metric"
        x      = 8 * (index % 3)
        y      = 6 * floor(index / 3)
        width  = 8
        height = 6
        properties = {
          title   = metric
          region  = var.region
          stat    = "Average"
          period  = 300
          metrics = [for identifier in local.instances : ["AWS/RDS", metric, "DBInstanceIdentifier", identifier]]
        }
      }
    ]
  })
}
