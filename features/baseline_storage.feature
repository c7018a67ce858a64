Feature: Baseline: stored data is encrypted, kept and recoverable

  The class of the data is the strictest DataClassification tag of the plan: restricted,
  confidential, internal or public. A plan without such a tag is judged as confidential.
  Performance Insights of instances (F04a, F05) and the key of a serverless cache (F07b) are
  judged by the controls of the review.

  @B01 @high @pci-3.6.1.2 @noskip
  Scenario: Every store is encrypted with a key of the stack
    Given the planned stack
    Then every store is encrypted with a key of the stack that has no other class of data
      | store                                       | class         | switch                      | key                             |
      | aws_db_instance                             | database      | storage_encrypted           | kms_key_id                      |
      | aws_rds_cluster                             | database      | storage_encrypted           | kms_key_id                      |
      | aws_rds_global_cluster                      | database      | storage_encrypted           |                                 |
      | aws_docdb_cluster                           | database      | storage_encrypted           | kms_key_id                      |
      | aws_neptune_cluster                         | database      | storage_encrypted           | kms_key_arn                     |
      | aws_redshift_cluster                        | database      | encrypted                   | kms_key_id                      |
      | aws_rds_cluster_instance                    | database      |                             | performance_insights_kms_key_id |
      | aws_db_snapshot_copy                        | database      |                             | kms_key_id                      |
      | aws_db_instance_automated_backups_replication | database    |                             | kms_key_id                      |
      | aws_backup_vault                            | database      |                             | kms_key_arn                     |
      | aws_elasticache_replication_group           | cache         | at_rest_encryption_enabled  | kms_key_id                      |
      | aws_memorydb_cluster                        | cache         |                             | kms_key_arn                     |
      | aws_secretsmanager_secret                   | secrets       |                             | kms_key_id                      |
      | aws_cloudwatch_log_group                    | logs          |                             | kms_key_id                      |
      | aws_sns_topic                               | notifications |                             | kms_master_key_id               |
      | aws_sqs_queue                               | notifications |                             | kms_master_key_id               |
      | aws_ebs_volume                              | files         | encrypted                   | kms_key_id                      |
      | aws_efs_file_system                         | files         | encrypted                   | kms_key_id                      |

  @B04 @high @pci-12.10.1 @noskip
  Scenario: A deleted database leaves a snapshot and its backups
    Given the planned stack
    Then restricted and confidential databases are protected from deletion

  @B04 @high @pci-12.10.1 @noskip
  Scenario: A deleted secret or key can be restored
    Given the planned stack
    Then a deleted secret or key can be restored as long as the class of the data requires
      | class        | days of a secret | days of a key |
      | restricted   | 7                | 30            |
      | confidential | 7                | 30            |
      | internal     | 0                | 7             |
      | public       | 0                | 7             |

  @B05 @high @pci-12.10.1 @noskip
  Scenario: Automatic backups are kept
    Given the planned stack
    Then every database keeps its backups as long as the class of the data requires
      | class        | days |
      | restricted   | 7    |
      | confidential | 7    |
      | internal     | 1    |
      | public       | 1    |

  @B06 @high @pci-12.10.1 @noskip
  Scenario: A standby in another zone
    Given the planned stack
    Then restricted and confidential databases have a standby in another zone
