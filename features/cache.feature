Feature: The cache is limited, described, encrypted and backed up

  @F07a @medium @pci-2.2.1 @part-cache @noskip
  Scenario: Data and requests have limits, each in its own block
    Given the planned stack
    Then every cache sets a maximum for data_storage
    And every cache sets a maximum for ecpu_per_second

  @F07b @medium @pci-3.6.1.2 @part-cache @noskip
  Scenario: The cache has a description, an engine version and a key
    Given the planned stack
    Then every aws_elasticache_serverless_cache has description with a letter
    And every aws_elasticache_serverless_cache sets major_engine_version
    And every aws_elasticache_serverless_cache takes kms_key_id from aws_kms_key.cache

  @F07b @medium @pci-12.10.1 @part-cache @noskip
  Scenario: The cache has daily snapshots with a limited retention
    Given the planned stack
    Then every aws_elasticache_serverless_cache sets daily_snapshot_time
    And no cache takes its snapshot in the business hours of its region
    And every aws_elasticache_serverless_cache has snapshot_retention_limit of 1 or more

  @F07c @medium @pci-2.2.1 @part-cache @noskip
  Scenario: No subnet group, because a serverless cache ignores it
    Given the planned stack
    Then no aws_elasticache_subnet_group is beside an aws_elasticache_serverless_cache

  @F07c @medium @pci-2.2.1 @part-cache @noskip
  Scenario: The cache lists its subnets directly
    Given the planned stack
    Then every aws_elasticache_serverless_cache takes subnet_ids from aws_subnet.database
