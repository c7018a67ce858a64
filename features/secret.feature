Feature: The connection secret is complete and rotated automatically

  @F06a @low @pci-12.5.1 @noskip
  Scenario: Every secret has a description
    Given the planned stack
    Then every aws_secretsmanager_secret has description with a letter

  @F06b @medium @pci-8.6.2 @noskip
  Scenario: The connection secret has all fields that a client needs
    Given the planned stack
    Then the connection secret has exactly the fields engine, host, port, dbname, username and password

  @F06b @medium @pci-8.6.2 @noskip
  Scenario: The connection secret matches the database
    Given the planned stack
    Then the public part of the connection secret has the engine postgres
    And the public part of the connection secret matches the primary
      | field    | argument |
      | port     | port     |
      | dbname   | db_name  |
      | username | username |

  @F06c @medium @noskip
  Scenario: The host in the secret is the address of the primary
    Given the planned stack
    Then the host in the connection secret is the address of the primary
    And the output of the host has the address of the primary as its value
    And the rotation depends on the first version of the connection secret

  @F06d @medium @pci-8.6.3 @noskip
  Scenario: The password is rotated on a schedule
    Given the planned stack
    Then a function rotates the connection secret at least every 90 days
    And the rotation depends on the permissions and policies of its function

  @F06d @medium @pci-7.2.5 @noskip
  Scenario: Only Secrets Manager may call the rotation function
    Given the planned stack
    Then only Secrets Manager may call the rotation function, and only for the connection secret
    And the rotation function runs in private subnets with its own security group

  @F06d @medium @pci-7.2.5 @noskip
  Scenario: The rotation function has no more permissions than it needs
    Given the planned stack
    Then only lambda.amazonaws.com may assume the role of the rotation function
    And the policies of that role name the secret, its key and its instance, and nothing else
    And the policies whose text is planned allow these actions and no others
      | action                                  | on           | needed |
      | secretsmanager:DescribeSecret           | the secret   | yes    |
      | secretsmanager:GetSecretValue           | the secret   | yes    |
      | secretsmanager:ListSecretVersionIds     | the secret   | yes    |
      | secretsmanager:PutSecretValue           | the secret   | yes    |
      | secretsmanager:UpdateSecretVersionStage | the secret   | yes    |
      | kms:Decrypt                             | its key      | yes    |
      | kms:GenerateDataKey                     | its key      | yes    |
      | rds:DescribeDBInstances                 | its instance | yes    |
      | logs:CreateLogStream                    | its log      | yes    |
      | logs:PutLogEvents                       | its log      | yes    |
      | ec2:AssignPrivateIpAddresses            | anything     | yes    |
      | ec2:CreateNetworkInterface              | anything     | yes    |
      | ec2:DeleteNetworkInterface              | anything     | yes    |
      | ec2:DescribeNetworkInterfaces           | anything     | yes    |
      | ec2:UnassignPrivateIpAddresses          | anything     | yes    |
      | xray:PutTelemetryRecords                | anything     | no     |
      | xray:PutTraceSegments                   | anything     | no     |
