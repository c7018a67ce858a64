Feature: Security group rules are separate and described

  @F02 @medium @pci-1.2.5 @noskip
  Scenario: No inline rules in security groups
    Given the planned stack
    Then no security group has inline rules

  @F02 @medium @pci-1.2.5 @noskip
  Scenario: Separate rules for every security group
    Given the planned stack
    Then every security group has separate rules
    And every flow between two groups is allowed by both groups

  @F02 @medium @pci-1.2.5 @noskip
  Scenario: A description for every rule
    Given the planned stack
    Then every rule has a description
