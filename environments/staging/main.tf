# Rendered by finbase from environments/staging.yaml. Do not edit: change that file and run make render.

locals {
  name        = "ledger-staging"
  project     = "ledger"
  environment = "staging"
  region      = "eu-west-1"
  account_id  = "444455556666"
}

# Customer-managed keys, one for each class of data.
module "kms" {
  source = "../../modules/kms/2.0.0"

  name       = local.name
  region     = local.region
  account_id = local.account_id
}

# VPC with public, private and database subnets in every zone.
module "network" {
  source = "../../modules/network/2.0.0"

  cidr = "10.30.0.0/16"
  zones = {
    "eu-west-1a" = {
      public_cidr   = "10.30.0.0/24"
      private_cidr  = "10.30.16.0/20"
      database_cidr = "10.30.8.0/24"
    }
    "eu-west-1b" = {
      public_cidr   = "10.30.1.0/24"
      private_cidr  = "10.30.32.0/20"
      database_cidr = "10.30.9.0/24"
    }
  }

  name         = local.name
  region       = local.region
  account_id   = local.account_id
  logs_key_arn = module.kms.logs_key_arn
}

# Serverless Valkey cache with limits, snapshots and a key of its own.
module "cache" {
  source = "../../modules/cache/2.1.0"

  name                = local.name
  vpc_id              = module.network.vpc_id
  database_subnet_ids = module.network.database_subnet_ids
  cache_key_arn       = module.kms.cache_key_arn
}

# PostgreSQL primary with forced TLS, an audit log and a password nobody has seen.
module "database" {
  source = "../../modules/database/3.2.0"

  engine_version          = "17"
  instance_class          = "db.r7g.large"
  database_name           = "ledger"
  username                = "ledger_owner"
  allocated_storage       = 100
  max_allocated_storage   = 500
  backup_retention_period = 14

  name                = local.name
  account_id          = local.account_id
  vpc_id              = module.network.vpc_id
  database_subnet_ids = module.network.database_subnet_ids
  database_key_arn    = module.kms.database_key_arn
  secrets_key_arn     = module.kms.secrets_key_arn
  logs_key_arn        = module.kms.logs_key_arn
}

# Terraform refuses any plan that destroys or replaces this database, as long as deletion_protection is true.
resource "terraform_data" "keep_database" {
  triggers_replace = module.database.arn

  lifecycle {
    prevent_destroy = true
  }
}

# Read replica of the primary, in the same region.
module "replica_reporting" {
  source = "../../modules/replica/2.1.0"

  instance_class = "db.r7g.large"

  name                                  = local.name
  instance                              = "reporting"
  source_identifier                     = module.database.identifier
  backup_window                         = module.database.backup_window
  primary_maintenance_window            = module.database.maintenance_window
  port                                  = module.database.port
  allocated_storage                     = module.database.configured_storage
  max_allocated_storage                 = module.database.max_allocated_storage
  iops                                  = module.database.iops
  storage_throughput                    = module.database.storage_throughput
  security_group_id                     = module.database.security_group_id
  parameter_group_name                  = module.database.parameter_group_name
  ca_cert_identifier                    = module.database.ca_cert_identifier
  log_exports                           = module.database.log_exports
  log_retention_in_days                 = module.database.log_retention_in_days
  keep_logs                             = module.database.keep_logs
  logs_key_arn                          = module.kms.logs_key_arn
  monitoring_interval                   = module.database.monitoring_interval
  monitoring_role_arn                   = module.database.monitoring_role_arn
  performance_insights_retention_period = module.database.performance_insights_retention_period
  performance_insights_key_arn          = module.kms.database_key_arn
}

# Connection secret of the database, and the function that rotates it.
module "secret" {
  source = "../../modules/secret/2.2.0"

  readers = [
    "arn:aws:iam::444455556666:role/finbase-ledger-staging-apply",
    "arn:aws:iam::444455556666:role/finbase-ledger-staging-plan",
  ]

  name                = local.name
  region              = local.region
  account_id          = local.account_id
  vpc_id              = module.network.vpc_id
  private_subnet_ids  = module.network.private_subnet_ids
  database_arn        = module.database.arn
  database_host       = module.database.address
  database_port       = module.database.port
  database_name       = module.database.database_name
  username            = module.database.username
  initial_secret_id   = module.database.initial_secret_id
  initial_version_id  = module.database.initial_version_id
  password_generation = module.database.password_generation
  secrets_key_arn     = module.kms.secrets_key_arn
  logs_key_arn        = module.kms.logs_key_arn
}

# Every allowed flow of the stack, in one file.
module "access" {
  source = "../../modules/access/3.0.0"

  name                        = local.name
  vpc_id                      = module.network.vpc_id
  endpoints_security_group_id = module.network.endpoints_security_group_id
  s3_prefix_list_id           = module.network.s3_prefix_list_id
  database_security_group_id  = module.database.security_group_id
  database_port               = module.database.port
  rotation_security_group_id  = module.secret.rotation_security_group_id
  cache_security_group_ids = {
    cache = module.cache.security_group_id
  }
}

# Alarms, database events and a dashboard for every instance, the cache and the rotation.
module "monitoring" {
  source = "../../modules/monitoring/4.0.0"

  email_addresses               = ["database-oncall@ledger.example"]
  freeable_memory_threshold_mib = 1024
  load_threshold                = 4

  name                       = local.name
  region                     = local.region
  account_id                 = local.account_id
  notifications_key_arn      = module.kms.notifications_key_arn
  database_identifier        = module.database.identifier
  database_allocated_storage = module.database.allocated_storage
  replica_identifiers = {
    reporting = module.replica_reporting.identifier
  }
  cache_names = {
    cache = module.cache.name
  }
  cache_data_storage_maximum_gb = {
    cache = module.cache.data_storage_maximum_gb
  }
  cache_ecpu_per_second_maximum = {
    cache = module.cache.ecpu_per_second_maximum
  }
  nat_gateway_ids        = module.network.nat_gateway_ids
  rotation_function_name = module.secret.rotation_function_name
}

# Roles, extensions and privileges inside the database, and a secret for each role.
module "roles" {
  source = "../../modules/roles/1.3.0"

  roles = {
    app = {
      kind    = "read-write"
      schemas = ["ledger"]
      readers = ["arn:aws:iam::444455556666:role/ledger-app"]
    }
    migrator = {
      kind                      = "owner"
      schemas                   = ["ledger"]
      connection_limit          = 5
      statement_timeout_seconds = 3600
      readers = [
        "arn:aws:iam::444455556666:role/ledger-migrations",
      ]
    }
  }
  pipeline_readers = [
    "arn:aws:iam::444455556666:role/finbase-ledger-staging-apply",
    "arn:aws:iam::444455556666:role/finbase-ledger-staging-plan",
  ]
  log_retention_in_days = 365

  name                        = local.name
  region                      = local.region
  account_id                  = local.account_id
  vpc_id                      = module.network.vpc_id
  private_subnet_ids          = module.network.private_subnet_ids
  endpoints_security_group_id = module.network.endpoints_security_group_id
  database_port               = module.database.port
  database_security_group_id  = module.database.security_group_id
  connection_secret_arn       = module.secret.arn
  connection_version_id       = module.secret.version_id
  connection_readers          = module.secret.readers
  secrets_key_arn             = module.kms.secrets_key_arn
  logs_key_arn                = module.kms.logs_key_arn
  topic_arn                   = module.monitoring.topic_arn
}
