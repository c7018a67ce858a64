# Rendered by finbase from templates/modules/cache/tests/cache.tftest.hcl.j2 (cache 2.1.0). Do not edit: change the template and release.

mock_provider "aws" {
}

variables {
  name                = "ledger-test"
  vpc_id              = "vpc-0123456789abcdef0"
  database_subnet_ids = ["subnet-a", "subnet-b"]
  cache_key_arn       = "arn:aws:kms:eu-west-1:111122223333:key/cache"
}

# A plan, before the cache exists.
run "four_subnets" {
  command = plan

  variables {
    database_subnet_ids = ["subnet-a", "subnet-b", "subnet-c", "subnet-d"]
  }

  assert {
    condition     = aws_elasticache_serverless_cache.main.subnet_ids == toset(["subnet-a", "subnet-b", "subnet-c"])
    error_message = "ElastiCache Serverless takes three subnets at most."
  }
}

run "the_cache_is_encrypted_and_limited" {
  assert {
    condition     = aws_elasticache_serverless_cache.main.kms_key_id == var.cache_key_arn
    error_message = "The cache is encrypted with the key made for it."
  }

  assert {
    condition     = aws_elasticache_serverless_cache.main.cache_usage_limits[0].data_storage[0].maximum == 10 && aws_elasticache_serverless_cache.main.cache_usage_limits[0].data_storage[0].unit == "GB"
    error_message = "What the cache may hold is limited."
  }

  assert {
    condition     = aws_elasticache_serverless_cache.main.cache_usage_limits[0].ecpu_per_second[0].maximum == 5000
    error_message = "What the cache may work is limited."
  }

  assert {
    condition     = aws_elasticache_serverless_cache.main.engine == "valkey" && aws_elasticache_serverless_cache.main.major_engine_version == "8"
    error_message = "Engine and major version are chosen, not left to AWS."
  }

  assert {
    condition     = length(aws_elasticache_serverless_cache.main.description) > 0
    error_message = "The cache says what it is for."
  }

  assert {
    condition     = aws_elasticache_serverless_cache.main.daily_snapshot_time == "02:00" && aws_elasticache_serverless_cache.main.snapshot_retention_limit == 7
    error_message = "A snapshot is taken each night and kept for a week."
  }
}

run "the_cache_is_in_the_database_subnets" {
  assert {
    condition     = aws_elasticache_serverless_cache.main.subnet_ids == toset(["subnet-a", "subnet-b"])
    error_message = "The cache takes its subnets directly."
  }

  assert {
    condition     = aws_elasticache_serverless_cache.main.security_group_ids == toset([output.security_group_id])
    error_message = "The cache has a security group of its own, and only that."
  }

  assert {
    condition     = length(aws_security_group.cache.ingress) == 0 && length(aws_security_group.cache.egress) == 0
    error_message = "The group of the cache has no rules inline: access holds them."
  }
}

run "only_a_user_with_a_token_of_iam_may_log_in" {
  assert {
    condition     = aws_elasticache_serverless_cache.main.user_group_id == "ledger-test"
    error_message = "The cache has the user group of this module."
  }

  assert {
    condition     = aws_elasticache_user_group.main.user_ids == toset(["ledger-test"]) && aws_elasticache_user_group.main.engine == "valkey"
    error_message = "The user group has only the user for applications."
  }

  assert {
    condition     = aws_elasticache_user.application.authentication_mode[0].type == "iam" && aws_elasticache_user.application.user_id == aws_elasticache_user.application.user_name
    error_message = "The user logs in with a token of IAM, for which id and name must be equal."
  }

  assert {
    condition     = output.user_name == "ledger-test"
    error_message = "Applications read the name of the user from an output."
  }
}

run "another_user_group" {
  variables {
    user_group_id = "ledger-applications"
  }

  assert {
    condition     = aws_elasticache_serverless_cache.main.user_group_id == "ledger-applications"
    error_message = "The cache has the user group of the input."
  }
}

run "another_zone_and_higher_limits" {
  variables {
    database_subnet_ids      = ["subnet-0", "subnet-a", "subnet-b"]
    data_storage_maximum_gb  = 50
    ecpu_per_second_maximum  = 30000
    snapshot_retention_limit = 35
  }

  assert {
    condition     = aws_elasticache_serverless_cache.main.subnet_ids == toset(["subnet-a", "subnet-b"])
    error_message = "The cache stays in its subnets when the network gets another zone."
  }

  assert {
    condition     = aws_elasticache_serverless_cache.main.cache_usage_limits[0].data_storage[0].maximum == 50 && output.data_storage_maximum_gb == 50
    error_message = "The limit of the data is the given one, for the cache and for its alarm."
  }

  assert {
    condition     = aws_elasticache_serverless_cache.main.cache_usage_limits[0].ecpu_per_second[0].maximum == 30000 && output.ecpu_per_second_maximum == 30000
    error_message = "The limit of the work is the given one, for the cache and for its alarm."
  }
}

run "refuses_a_cache_without_snapshots" {
  command = plan

  variables {
    daily_snapshot_time      = "2am"
    snapshot_retention_limit = 0
  }

  expect_failures = [var.daily_snapshot_time, var.snapshot_retention_limit]
}

run "refuses_limits_that_elasticache_does_not_know" {
  command = plan

  variables {
    data_storage_maximum_gb = 0
    ecpu_per_second_maximum = 500
  }

  expect_failures = [var.data_storage_maximum_gb, var.ecpu_per_second_maximum]
}
