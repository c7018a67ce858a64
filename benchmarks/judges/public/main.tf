# The staging stack as public modules let one write it, with every control that they offer
# switched on: what checkov and Trivy are given beside our own stack. Not meant to be applied.
#
# modules/ holds terraform-aws-modules at kms 4.2.0, vpc 6.6.0, security-group 5.3.1, rds 7.2.0,
# secrets-manager 2.0.1, elasticache 1.10.3, sns 7.1.0 and cloudwatch 5.7.2, each in the folder of
# its name. They have no event subscription and no dashboard: those are plain resources here. They
# have no rotation function either: this stack takes one by its ARN, so ours is measured with its
# function and without.

locals {
  name       = "ledger-staging"
  region     = "eu-west-1"
  account_id = "444455556666"
  zones      = ["eu-west-1a", "eu-west-1b"]

  instances = {
    primary   = module.database.db_instance_identifier
    reporting = module.replica_reporting.db_instance_identifier
  }
  of_each_instance = {
    CPUUtilization      = { above = true, threshold = 80 }
    DatabaseConnections = { above = true, threshold = 400 }
    FreeableMemory      = { above = false, threshold = 1024 * 1024 * 1024 }
    FreeStorageSpace    = { above = false, threshold = 15 * 1024 * 1024 * 1024 }
    ReadLatency         = { above = true, threshold = 0.05 }
    WriteLatency        = { above = true, threshold = 0.05 }
  }
}

provider "aws" {
  region = local.region

  default_tags {
    tags = { owner = "payments-platform" }
  }
}

module "key" {
  source   = "./modules/kms"
  for_each = toset(["database", "secrets", "cache", "notifications"])

  description             = "${local.name}: ${each.key}"
  aliases                 = ["${local.name}-${each.key}"]
  enable_key_rotation     = true
  deletion_window_in_days = 30
  multi_region            = false
  key_owners              = ["arn:aws:iam::${local.account_id}:root"]
}

module "logs_key" {
  source = "./modules/kms"

  description             = "${local.name}: log groups"
  aliases                 = ["${local.name}-logs"]
  enable_key_rotation     = true
  deletion_window_in_days = 30
  multi_region            = false
  key_owners              = ["arn:aws:iam::${local.account_id}:root"]

  key_statements = [{
    sid        = "LogGroupsOfThisAccount"
    actions    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    resources  = ["*"]
    principals = [{ type = "Service", identifiers = ["logs.${local.region}.amazonaws.com"] }]
    condition = [{
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:aws:logs:${local.region}:${local.account_id}:log-group:*"]
    }]
  }]
}

module "vpc" {
  source = "./modules/vpc"

  name             = local.name
  cidr             = "10.30.0.0/16"
  azs              = local.zones
  public_subnets   = ["10.30.0.0/24", "10.30.1.0/24"]
  private_subnets  = ["10.30.16.0/20", "10.30.32.0/20"]
  database_subnets = ["10.30.8.0/24", "10.30.9.0/24"]

  enable_nat_gateway                 = true
  one_nat_gateway_per_az             = true
  create_database_subnet_group       = true
  create_database_subnet_route_table = true
  map_public_ip_on_launch            = false

  manage_default_security_group  = true
  default_security_group_ingress = []
  default_security_group_egress  = []

  enable_flow_log                                 = true
  create_flow_log_cloudwatch_log_group            = true
  create_flow_log_cloudwatch_iam_role             = true
  flow_log_traffic_type                           = "ALL"
  flow_log_max_aggregation_interval               = 60
  flow_log_cloudwatch_log_group_retention_in_days = 400
  flow_log_cloudwatch_log_group_kms_key_id        = module.logs_key.key_arn
}

module "application_group" {
  source = "./modules/security-group"

  name            = "${local.name}-application"
  description     = "Clients of the database and the cache"
  use_name_prefix = false
  vpc_id          = module.vpc.vpc_id

  egress_with_source_security_group_id = [
    {
      from_port                = 443
      to_port                  = 443
      protocol                 = "tcp"
      description              = "Calls of AWS services from applications"
      source_security_group_id = module.endpoints_group.security_group_id
    },
    {
      from_port                = 5432
      to_port                  = 5432
      protocol                 = "tcp"
      description              = "SQL from applications"
      source_security_group_id = module.database_group.security_group_id
    },
    {
      from_port                = 6379
      to_port                  = 6380
      protocol                 = "tcp"
      description              = "Cache traffic from applications"
      source_security_group_id = module.cache_group.security_group_id
    },
  ]
  egress_with_cidr_blocks = [{
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    description = "HTTPS to patches and partners"
    cidr_blocks = "0.0.0.0/0"
  }]
}

module "endpoints_group" {
  source = "./modules/security-group"

  name            = "${local.name}-endpoints"
  description     = "Interface endpoints of AWS services"
  use_name_prefix = false
  vpc_id          = module.vpc.vpc_id

  ingress_with_source_security_group_id = [{
    from_port                = 443
    to_port                  = 443
    protocol                 = "tcp"
    description              = "Calls of AWS services from applications"
    source_security_group_id = module.application_group.security_group_id
  }]
}

module "endpoints" {
  source = "./modules/vpc/modules/vpc-endpoints"

  vpc_id             = module.vpc.vpc_id
  subnet_ids         = module.vpc.private_subnets
  security_group_ids = [module.endpoints_group.security_group_id]

  endpoints = merge(
    {
      s3 = {
        service         = "s3"
        service_type    = "Gateway"
        route_table_ids = concat(module.vpc.private_route_table_ids, module.vpc.database_route_table_ids)
      }
    },
    { for name in ["kms", "logs", "monitoring", "secretsmanager", "sts"] : name => {
      service             = name
      private_dns_enabled = true
    } },
  )
}

module "database_group" {
  source = "./modules/security-group"

  name            = "${local.name}-database"
  description     = "PostgreSQL primary and replicas"
  use_name_prefix = false
  vpc_id          = module.vpc.vpc_id

  ingress_with_source_security_group_id = [{
    from_port                = 5432
    to_port                  = 5432
    protocol                 = "tcp"
    description              = "SQL from applications"
    source_security_group_id = module.application_group.security_group_id
  }]
}

module "cache_group" {
  source = "./modules/security-group"

  name            = "${local.name}-cache"
  description     = "Serverless cache"
  use_name_prefix = false
  vpc_id          = module.vpc.vpc_id

  ingress_with_source_security_group_id = [{
    from_port                = 6379
    to_port                  = 6380
    protocol                 = "tcp"
    description              = "Cache traffic from applications"
    source_security_group_id = module.application_group.security_group_id
  }]
}

variable "password" {
  type      = string
  ephemeral = true
  sensitive = true
}

module "database" {
  source = "./modules/rds"

  identifier           = local.name
  engine               = "postgres"
  engine_version       = "17"
  family               = "postgres17"
  major_engine_version = "17"
  instance_class       = "db.r7g.large"
  ca_cert_identifier   = "rds-ca-rsa2048-g1"

  db_name                     = "ledger"
  username                    = "ledger_owner"
  manage_master_user_password = false # RDS does not manage it where there are replicas.
  password_wo                 = var.password
  password_wo_version         = 1
  port                        = 5432

  iam_database_authentication_enabled = true

  storage_type          = "gp3"
  allocated_storage     = 100
  max_allocated_storage = 500
  storage_encrypted     = true
  kms_key_id            = module.key["database"].key_arn

  multi_az               = true
  publicly_accessible    = false
  db_subnet_group_name   = module.vpc.database_subnet_group_name
  vpc_security_group_ids = [module.database_group.security_group_id]

  create_db_option_group = false
  parameters = [
    { name = "rds.force_ssl", value = "1" },
    { name = "log_statement", value = "ddl" },
    { name = "log_connections", value = "1" },
    { name = "log_disconnections", value = "1" },
    { name = "log_duration", value = "1" },
  ]

  backup_retention_period    = 14
  backup_window              = "03:00-04:00"
  maintenance_window         = "mon:04:00-mon:05:00"
  auto_minor_version_upgrade = true
  copy_tags_to_snapshot      = true
  delete_automated_backups   = false
  deletion_protection        = true
  skip_final_snapshot        = false

  enabled_cloudwatch_logs_exports        = ["postgresql", "upgrade"]
  create_cloudwatch_log_group            = true
  cloudwatch_log_group_retention_in_days = 400
  cloudwatch_log_group_kms_key_id        = module.logs_key.key_arn

  create_monitoring_role                = true
  monitoring_role_name                  = "${local.name}-monitoring"
  monitoring_interval                   = 60
  performance_insights_enabled          = true
  performance_insights_retention_period = 7
  performance_insights_kms_key_id       = module.key["database"].key_arn
}

module "replica_reporting" {
  source = "./modules/rds"

  identifier           = "${local.name}-reporting"
  replicate_source_db  = module.database.db_instance_identifier
  engine               = "postgres"
  engine_version       = "17"
  family               = "postgres17"
  major_engine_version = "17"
  instance_class       = "db.r7g.large"
  ca_cert_identifier   = "rds-ca-rsa2048-g1"
  port                 = 5432

  iam_database_authentication_enabled = true

  storage_type          = "gp3"
  max_allocated_storage = 500
  storage_encrypted     = true

  publicly_accessible    = false
  vpc_security_group_ids = [module.database_group.security_group_id]

  create_db_option_group    = false
  create_db_parameter_group = false
  parameter_group_name      = module.database.db_parameter_group_id

  backup_retention_period    = 7
  maintenance_window         = "tue:04:00-tue:05:00"
  auto_minor_version_upgrade = true
  copy_tags_to_snapshot      = true
  deletion_protection        = true
  skip_final_snapshot        = true

  enabled_cloudwatch_logs_exports        = ["postgresql", "upgrade"]
  create_cloudwatch_log_group            = true
  cloudwatch_log_group_retention_in_days = 400
  cloudwatch_log_group_kms_key_id        = module.logs_key.key_arn

  monitoring_interval                   = 60
  monitoring_role_arn                   = module.database.enhanced_monitoring_iam_role_arn
  performance_insights_enabled          = true
  performance_insights_retention_period = 7
  performance_insights_kms_key_id       = module.key["database"].key_arn
}

variable "rotation_function_arn" {
  type = string
}

module "secret" {
  source = "./modules/secrets-manager"

  name                    = "${local.name}/database/connection"
  description             = "Credentials of ledger_owner on the database ${local.name}"
  kms_key_id              = module.key["secrets"].key_arn
  recovery_window_in_days = 30
  block_public_policy     = true

  secret_string_wo = jsonencode({
    engine   = "postgres"
    host     = module.database.db_instance_address
    port     = 5432
    dbname   = "ledger"
    username = "ledger_owner"
    password = var.password
  })
  secret_string_wo_version = 1

  enable_rotation     = true
  rotation_lambda_arn = var.rotation_function_arn
  rotation_rules      = { automatically_after_days = 30 }
}

module "cache" {
  source = "./modules/elasticache/modules/serverless-cache"

  cache_name               = local.name
  description              = "Serverless cache of ${local.name}"
  engine                   = "valkey"
  major_engine_version     = "8"
  daily_snapshot_time      = "02:00"
  snapshot_retention_limit = 7
  kms_key_id               = module.key["cache"].key_arn
  security_group_ids       = [module.cache_group.security_group_id]
  subnet_ids               = module.vpc.database_subnets

  cache_usage_limits = {
    data_storage    = { maximum = 10 }
    ecpu_per_second = { maximum = 5000 }
  }
}

module "notifications" {
  source = "./modules/sns"

  name              = "${local.name}-notifications"
  display_name      = "${local.name} database infrastructure"
  kms_master_key_id = module.key["notifications"].key_arn
  tracing_config    = "Active"

  enable_default_topic_policy = false
  topic_policy_statements = {
    AlarmsAndDatabaseEvents = {
      actions = ["sns:Publish"]
      principals = [{
        type        = "Service"
        identifiers = ["cloudwatch.amazonaws.com", "events.rds.amazonaws.com"]
      }]
      condition = [{
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }]
    }
    OnlyOverTls = {
      effect     = "Deny"
      actions    = ["sns:Publish"]
      principals = [{ type = "AWS", identifiers = ["*"] }]
      condition = [{
        test     = "Bool"
        variable = "aws:SecureTransport"
        values   = ["false"]
      }]
    }
  }

  subscriptions = {
    oncall = { protocol = "email", endpoint = "database-oncall@ledger.example" }
  }
}

resource "aws_db_event_subscription" "instances" {
  name        = "${local.name}-instances"
  sns_topic   = module.notifications.topic_arn
  source_type = "db-instance"
  source_ids  = values(local.instances)

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
}

module "instance_alarm" {
  source = "./modules/cloudwatch/modules/metric-alarm"
  for_each = {
    for pair in setproduct(keys(local.instances), keys(local.of_each_instance)) :
    "${pair[0]}-${pair[1]}" => { instance = pair[0], metric = pair[1] }
  }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.metric} of ${each.value.instance}"
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { DBInstanceIdentifier = local.instances[each.value.instance] }
  statistic           = "Average"
  comparison_operator = local.of_each_instance[each.value.metric].above ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = local.of_each_instance[each.value.metric].threshold
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [module.notifications.topic_arn]
  ok_actions          = [module.notifications.topic_arn]
}

module "failed_logins" {
  source = "./modules/cloudwatch/modules/log-metric-filter"

  name                            = "${local.name}-failed-logins"
  log_group_name                  = module.database.db_instance_cloudwatch_log_groups["postgresql"].name
  pattern                         = "\"password authentication failed\""
  metric_transformation_name      = "${local.name}-failed-logins"
  metric_transformation_namespace = "Finbase"
}

module "alarm" {
  source = "./modules/cloudwatch/modules/metric-alarm"
  for_each = {
    transaction-ids = {
      namespace  = "AWS/RDS", metric = "MaximumUsedTransactionIDs", statistic = "Maximum", threshold = 1000000000
      dimensions = { DBInstanceIdentifier = local.instances["primary"] }
    }
    replica-lag = {
      namespace  = "AWS/RDS", metric = "ReplicaLag", statistic = "Maximum", threshold = 60
      dimensions = { DBInstanceIdentifier = local.instances["reporting"] }
    }
    failed-logins = {
      namespace  = "Finbase", metric = "${local.name}-failed-logins", statistic = "Sum", threshold = 10
      dimensions = {}
    }
    cache-throttled = {
      namespace  = "AWS/ElastiCache", metric = "ThrottledCmds", statistic = "Sum", threshold = 0
      dimensions = { clusterId = local.name }
    }
    cache-data = {
      namespace  = "AWS/ElastiCache", metric = "BytesUsedForCache", statistic = "Maximum", threshold = 8000000000
      dimensions = { clusterId = local.name }
    }
    cache-work = {
      namespace  = "AWS/ElastiCache", metric = "ElastiCacheProcessingUnits", statistic = "Sum", threshold = 1200000
      dimensions = { clusterId = local.name }
    }
    rotation-errors = {
      namespace  = "AWS/Lambda", metric = "Errors", statistic = "Sum", threshold = 0
      dimensions = { FunctionName = "${local.name}-rotation" }
    }
    rotation-throttles = {
      namespace  = "AWS/Lambda", metric = "Throttles", statistic = "Sum", threshold = 0
      dimensions = { FunctionName = "${local.name}-rotation" }
    }
  }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.metric} is above ${each.value.threshold}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.notifications.topic_arn]
  ok_actions          = [module.notifications.topic_arn]
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = local.name

  dashboard_body = jsonencode({
    widgets = [
      for index, metric in keys(local.of_each_instance) : {
        type   = "metric"
        x      = 8 * (index % 3)
        y      = 6 * floor(index / 3)
        width  = 8
        height = 6
        properties = {
          title   = metric
          region  = local.region
          stat    = "Average"
          period  = 300
          metrics = [for identifier in values(local.instances) : ["AWS/RDS", metric, "DBInstanceIdentifier", identifier]]
        }
      }
    ]
  })
}
