Feature: Keys are explicitly limited to one region

  @F08 @low @pci-3.6.1.4 @noskip
  Scenario: Every key sets multi_region explicitly
    Given the planned stack
    Then every key sets multi_region to false
