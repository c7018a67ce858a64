Feature: The plan has every resource type of the design

  A check of every resource of a type passes if the plan has no such resource. The scenarios of
  the other controls therefore fail if their own types are missing: gateways, routes, rules,
  instances, parameter groups, secrets, the rotation, the cache and the keys. This feature lists
  all other types.

  @F09 @low @pci-2.2.1 @part-network @noskip
  Scenario: The network has a VPC, endpoints and a flow log
    Given the planned stack
    Then the network of the stack has at least one resource of each type
      | type                       |
      | aws_vpc                    |
      | aws_default_security_group |
      | aws_vpc_endpoint           |
      | aws_flow_log               |
      | aws_iam_role_policy        |

  @F09 @low @pci-2.2.1 @noskip
  Scenario: The data has subnets, key aliases and an access policy
    Given the planned stack
    Then the plan has at least one resource of each type
      | type                              |
      | aws_db_subnet_group               |
      | aws_kms_alias                     |
      | aws_secretsmanager_secret_policy  |

  @F09 @low @pci-2.2.1 @noskip
  Scenario: Alarms and events are reported
    Given the planned stack
    Then the plan has at least one resource of each type
      | type                             |
      | aws_cloudwatch_log_group         |
      | aws_cloudwatch_log_metric_filter |
      | aws_cloudwatch_metric_alarm      |
      | aws_db_event_subscription        |
      | aws_sns_topic                    |
      | aws_sns_topic_policy             |

  @F09 @low @pci-2.2.1 @part-monitoring.dashboards @noskip
  Scenario: A dashboard shows the load of the instances
    Given the planned stack
    Then the plan has a dashboard

  @F09 @low @pci-2.2.1 @noskip
  Scenario: The version of the AWS provider is limited
    Given the planned stack
    Then the stack has a version constraint for the provider hashicorp/aws
