Feature: The secret holds the whole connection, and its password changes by itself

  @F06a @low @pci-12.5.1 @noskip
  Scenario: Every secret says whose credentials it holds
    Given I have aws_secretsmanager_secret defined
    Then it must contain description
    And its value must not be null
    And its value must match the ".*[A-Za-z].*" regex

  @F06b @medium @pci-8.6.2 @noskip
  Scenario: All that a client needs to connect
    Given the planned stack
    Then the connection secret has the fields engine, host, port, dbname, username and password and no others

  @F06b @medium @pci-8.6.2 @noskip
  Scenario: What the secret says is what the database is
    Given the planned stack
    Then the public part of the connection secret names the engine postgres
    And the public part of the connection secret agrees with the primary
      | field    | argument |
      | port     | port     |
      | dbname   | db_name  |
      | username | username |

  @F06c @medium @pci-8.6.2 @noskip
  Scenario: The secret is written when the primary has an address
    Given the planned stack
    Then the host in the connection secret is the address of the primary
    And the host is not known before the primary is
    And the rotation of the connection secret waits for its first version

  @F06d @medium @pci-8.6.3 @noskip
  Scenario: The password changes on a schedule
    Given the planned stack
    Then the connection secret is rotated by a function at least every 90 days
    And the rotation waits until its function may be called and may act

  @F06d @medium @pci-7.2.5 @noskip
  Scenario: Only Secrets Manager calls the rotation function
    Given the planned stack
    Then Secrets Manager alone may call the rotation function, for the connection secret alone
    And the rotation function runs in private subnets with a security group of its own

  @F06d @medium @pci-7.2.5 @noskip
  Scenario: The rotation function may do what it needs and no more
    Given the planned stack
    Then the rotation function runs under a role that lambda.amazonaws.com alone may assume
    And the policies of that role name the secret, its key and its instance, and no other
    And as far as their text is planned, they allow these actions and no others
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
