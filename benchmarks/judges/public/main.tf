# The staging stack as public modules let one write it, with every control that they offer
# switched on: what checkov and Trivy are given beside our own stack. Not meant to be applied.
#
# modules/ holds terraform-aws-modules at kms 4.2.0, vpc 6.6.0, security-group 5.3.1, rds 7.2.0,
# secrets-manager 2.0.1 and elasticache 1.10.3, each in the folder of its name. The functions of a
# rotation are not part of them, so both stacks' rotation function is left out of the comparison.

locals {
  name       = "ledger-staging"
  region     = "eu-west-1"
  account_id = "444455556666"
  zones      = ["eu-west-1a", "eu-west-1b"]
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
