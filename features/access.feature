Feature: Every allowed flow stands by itself and says what it is for

  @F02 @medium @pci-1.2.5 @noskip
  Scenario: No rules within security groups
    Given the planned stack
    Then no security group carries a rule in itself

  @F02 @medium @pci-1.2.5 @noskip
  Scenario: Separate rules for every security group
    Given the planned stack
    Then every security group has rules of their own
    And every flow between two groups is allowed at both ends

  @F02 @medium @pci-1.2.7 @noskip
  Scenario: A description for every rule
    Given the planned stack
    Then every rule says what it is for
