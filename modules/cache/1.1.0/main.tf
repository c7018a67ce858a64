# Rendered by finbase from templates/modules/cache/main.tf.j2 (cache 1.1.0). Do not edit: change the template and release.

resource "aws_security_group" "cache" {
  name        = "${var.name}-cache"
  description = "Serverless cache"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-cache" }
}

resource "aws_elasticache_serverless_cache" "main" {
  name                 = var.name
  description          = var.description
  engine               = "valkey"
  major_engine_version = var.major_engine_version
  kms_key_id           = var.cache_key_arn
  user_group_id        = var.user_group_id

  # ElastiCache Serverless takes two or three subnets, each in a zone of its own.
  subnet_ids         = slice(var.database_subnet_ids, 0, min(3, length(var.database_subnet_ids)))
  security_group_ids = [aws_security_group.cache.id]

  cache_usage_limits {
    data_storage {
      maximum = var.data_storage_maximum_gb
      unit    = "GB"
    }

    ecpu_per_second {
      maximum = var.ecpu_per_second_maximum
    }
  }

  daily_snapshot_time      = var.daily_snapshot_time
  snapshot_retention_limit = var.snapshot_retention_limit

  tags = { Name = var.name }
}
