# Rendered by finbase from environments/development.yaml. Do not edit: change that file and run make render.

locals {
  name        = "ledger-development"
  project     = "ledger"
  environment = "development"
  region      = "eu-west-1"
  account_id  = "777788889999"
}

# Customer-managed keys, one for each class of data.
module "kms" {
  source = "../../modules/kms/2.0.0"

  deletion_window_in_days = 7

  name       = local.name
  region     = local.region
  account_id = local.account_id
}

# VPC with public, private and database subnets in every zone.
module "network" {
  source = "../../modules/network/2.0.0"

  cidr = "10.40.0.0/20"
  zones = {
    "eu-west-1a" = {
      public_cidr   = "10.40.0.0/26"
      private_cidr  = "10.40.4.0/22"
      database_cidr = "10.40.1.0/26"
    }
    "eu-west-1b" = {
      public_cidr   = "10.40.0.64/26"
      private_cidr  = "10.40.8.0/22"
      database_cidr = "10.40.1.64/26"
    }
  }
  log_retention_in_days = 365

  name         = local.name
  region       = local.region
  account_id   = local.account_id
  logs_key_arn = module.kms.logs_key_arn
}

# Serverless Valkey cache with limits, snapshots and a key of its own.
module "cache" {
  source = "../../modules/cache/2.1.0"

  data_storage_maximum_gb = 1
  ecpu_per_second_maximum = 1000

  name                = local.name
  vpc_id              = module.network.vpc_id
  database_subnet_ids = module.network.database_subnet_ids
  cache_key_arn       = module.kms.cache_key_arn
}

# PostgreSQL primary with forced TLS, an audit log and a password nobody has seen.
module "database" {
  source = "../../modules/database/3.2.0"

  engine_version        = "17"
  instance_class        = "db.t4g.medium"
  database_name         = "ledger"
  username              = "ledger_owner"
  allocated_storage     = 20
  max_allocated_storage = 50
  log_retention_in_days = 365
  keep_logs             = false
  skip_final_snapshot   = true

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

# Connection secret of the database, and the function that rotates it.
module "secret" {
  source = "../../modules/secret/2.2.0"

  recovery_window_in_days = 0
  log_retention_in_days   = 365
  keep_logs               = false
  readers = [
    "arn:aws:iam::777788889999:role/finbase-ledger-development-apply",
    "arn:aws:iam::777788889999:role/finbase-ledger-development-plan",
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

  email_addresses               = ["database-dev@ledger.example"]
  connections_threshold         = 100
  freeable_memory_threshold_mib = 256
  load_threshold                = 4

  name                       = local.name
  region                     = local.region
  account_id                 = local.account_id
  notifications_key_arn      = module.kms.notifications_key_arn
  database_identifier        = module.database.identifier
  database_allocated_storage = module.database.allocated_storage
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
      readers = ["arn:aws:iam::777788889999:role/ledger-app"]
    }
    migrator = {
      kind                      = "owner"
      schemas                   = ["ledger"]
      connection_limit          = 5
      statement_timeout_seconds = 3600
      readers = [
        "arn:aws:iam::777788889999:role/ledger-migrations",
      ]
    }
  }
  pipeline_readers = [
    "arn:aws:iam::777788889999:role/finbase-ledger-development-apply",
    "arn:aws:iam::777788889999:role/finbase-ledger-development-plan",
  ]
  recovery_window_in_days = 0
  log_retention_in_days   = 365
  keep_logs               = false

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
