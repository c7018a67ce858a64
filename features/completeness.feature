Feature: No part of the design is missing

  A type of which nothing is planned passes every check of it in silence. The types that a
  failure of its own asks for are missed by the scenarios of that failure: gateways, routes,
  rules, instances, parameter groups, secrets, the rotation, the cache and the keys. All others
  are listed here.

  @F09 @low @pci-6.5.1 @noskip
  Scenario: The network has its base, its endpoints and its log
    Given the planned stack
    Then each of these resource types is planned at least once
      | type                       |
      | aws_vpc                    |
      | aws_default_security_group |
      | aws_vpc_endpoint           |
      | aws_flow_log               |
      | aws_iam_role_policy        |

  @F09 @low @pci-6.5.1 @noskip
  Scenario: Data has its place, its key aliases and its access policy
    Given the planned stack
    Then each of these resource types is planned at least once
      | type                              |
      | aws_db_subnet_group               |
      | aws_kms_alias                     |
      | aws_secretsmanager_secret_policy  |

  @F09 @low @pci-6.5.1 @noskip
  Scenario: Somebody is told when something goes wrong
    Given the planned stack
    Then each of these resource types is planned at least once
      | type                             |
      | aws_cloudwatch_log_group         |
      | aws_cloudwatch_log_metric_filter |
      | aws_cloudwatch_metric_alarm      |
      | aws_cloudwatch_dashboard         |
      | aws_db_event_subscription        |
      | aws_sns_topic                    |
      | aws_sns_topic_policy             |

  @F09 @low @pci-6.5.1 @noskip
  Scenario: The provider does not change by itself
    Given the planned stack
    Then the stack requires the provider hashicorp/aws in a version
