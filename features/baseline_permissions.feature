Feature: Baseline: keys rotate, and nobody has more permissions than needed

  @B08 @high @pci-3.7.4 @noskip
  Scenario: Every key rotates at least once a year
    Given the planned stack
    Then every key is enabled and rotates at least every 365 days

  @B08 @high @pci-7.2.2 @noskip
  Scenario: No key, secret or topic is open to everybody
    Given the planned stack
    Then no policy of a key, secret or topic allows everybody
      | type                             | argument        |
      | aws_kms_key                      | policy          |
      | aws_kms_external_key             | policy          |
      | aws_kms_key_policy               | policy          |
      | aws_secretsmanager_secret        | policy          |
      | aws_secretsmanager_secret_policy | policy          |
      | aws_sns_topic                    | policy          |
      | aws_sns_topic_policy             | policy          |
      | aws_sqs_queue                    | policy          |
      | aws_sqs_queue_policy             | policy          |
      | aws_cloudwatch_log_resource_policy | policy_document |

  @B08 @high @pci-3.6.1.3 @pci-7.2.2 @noskip
  Scenario: Only the own account administers keys
    Given the planned stack
    Then only the own account may administer a key

  @B08 @high @pci-8.6.2 @noskip
  Scenario: No output shows a secret
    Given the planned stack
    Then no output of the stack shows a secret

  @B09 @high @pci-2.2.7 @pci-4.2.1 @pci-8.3.1 @part-cache @noskip
  Scenario: The cache requires TLS and a login
    Given the planned stack
    Then every cache requires TLS and authenticates its users

  @B09 @high @pci-8.3.1 @part-cache @noskip
  Scenario: Every user of a cache logs in with IAM or a password
    Given the planned stack
    Then every user of a cache needs IAM or a password

  @B11 @high @pci-7.2.2 @pci-7.2.5 @noskip
  Scenario: No wildcards on actions that change data
    Given the planned stack
    Then no IAM policy has a wildcard on actions that change data

  @B12 @medium @pci-2.2.4 @noskip
  Scenario: No provider but AWS, and no program that runs during an apply
    Given the planned stack
    Then the only provider of the stack is hashicorp/aws
    And no resource has a provisioner
