Feature: The database forces TLS, logs activity and is maintained

  @F03 @high @pci-2.2.7 @pci-4.2.1 @pci-8.3.2 @noskip
  Scenario: Connections require TLS
    Given the planned stack
    Then every instance uses a parameter group that sets rds.force_ssl to 1

  @F03 @high @pci-10.2.1 @noskip
  Scenario Outline: Activity is logged with <parameter>
    Given the planned stack
    Then every instance uses a parameter group that sets <parameter> to <value>

    Examples:
      | parameter          | value                 |
      | log_connections    | 1                     |
      | log_disconnections | 1                     |
      | log_statement      | none, ddl, mod or all |
      | log_duration       | 1                     |

  @F04a @high @pci-3.6.1.2 @noskip
  Scenario: The primary has encrypted Performance Insights
    Given the planned stack
    Then every primary sets performance_insights_enabled to true
    And every primary has performance_insights_retention_period of 7 or more
    And every primary takes performance_insights_kms_key_id from aws_kms_key.database

  @F04b @medium @pci-2.2.1 @noskip
  Scenario: The storage type is explicit
    Given the planned stack
    Then every instance sets storage_type to gp3

  @F04c @medium @pci-6.3.3 @noskip
  Scenario: Backup and maintenance windows are set and do not overlap
    Given the planned stack
    Then every primary sets backup_window
    And every primary sets maintenance_window
    And the backup and maintenance windows of every instance do not overlap

  @F04c @medium @pci-6.3.3 @noskip
  Scenario: Backup and maintenance are outside business hours
    Given the planned stack
    Then no window of any instance overlaps the business hours of its region

  @F04d @medium @pci-10.2.1 @noskip
  Scenario: The server log and the upgrade log are exported
    Given the planned stack
    Then every instance exports the logs postgresql and upgrade

  @F04e @medium @pci-6.3.3 @pci-12.5.1 @noskip
  Scenario: The database name, snapshot tags and minor upgrades are explicit
    Given the planned stack
    Then every primary sets db_name
    And every instance sets copy_tags_to_snapshot to true
    And every instance sets auto_minor_version_upgrade to true

  @F05 @medium @pci-3.6.1.2 @part-replica @noskip
  Scenario: Every replica has the Performance Insights settings of its primary
    Given the planned stack
    Then every replica sets performance_insights_enabled to true
    And every replica keeps Performance Insights data as long as its primary
    And every replica takes performance_insights_kms_key_id from aws_kms_key.database
