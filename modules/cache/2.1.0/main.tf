# Rendered by finbase from templates/modules/cache/main.tf.j2 (cache 2.1.0). Do not edit: change the template and release.

resource "aws_security_group" "cache" {
  name        = "${var.name}-cache"
  description = "Serverless cache"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-cache" }
}

# Applications log in as this user with a token of IAM, so no password exists. IAM requires that the
# id and the name of the user are equal. The user cannot flush the cache or change its settings.
resource "aws_elasticache_user" "application" {
  user_id       = var.name
  user_name     = var.name
  engine        = "valkey"
  access_string = "on ~* +@all -@dangerous +info"

  authentication_mode {
    type = "iam"
  }

  tags = { Name = var.name }
}

resource "aws_elasticache_user_group" "main" {
  user_group_id = var.name
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.application.user_id]

  tags = { Name = var.name }
}

resource "aws_elasticache_serverless_cache" "main" {
  name                 = var.name
  description          = var.description
  engine               = "valkey"
  major_engine_version = var.major_engine_version
  kms_key_id           = var.cache_key_arn
  user_group_id        = coalesce(var.user_group_id, aws_elasticache_user_group.main.user_group_id)

  # ElastiCache Serverless takes two or three subnets, each in a zone of its own. They cannot change in
  # place: a zone more would replace the cache, so it keeps the subnets that it was created in.
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

  lifecycle {
    ignore_changes = [subnet_ids]
  }
}
