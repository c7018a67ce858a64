Feature: Keys stay in their region, and the source says so

  @F08 @low @pci-3.6.1 @noskip
  Scenario: No key is replicated
    Given I have aws_kms_key defined
    Then it must contain multi_region
    And its value must be false

  @F08 @low @pci-3.6.1 @noskip
  Scenario: No key leaves that to a default
    Given the planned stack
    Then every key sets multi_region to false
