Feature: Private subnets reach the internet, each zone by itself

  Patches, AWS services and the rotation of passwords need a way out, and nobody may get in by
  it. No zone depends on another one.

  @F01 @high @pci-1.3.2 @pci-1.4.5 @noskip
  Scenario: As many NAT gateways as availability zones
    Given the planned stack
    Then every availability zone has a NAT gateway in a public subnet of its own

  @F01 @high @pci-1.4.5 @noskip
  Scenario: As many elastic IPs as NAT gateways
    Given the planned stack
    Then every NAT gateway has an elastic IP of its own

  @F10 @high @pci-1.3.2 @pci-6.3.3 @noskip
  Scenario: From each private subnet to the NAT gateway of its zone
    Given the planned stack
    Then every private subnet reaches the internet through a NAT gateway of its own zone
    And no route table is shared by private subnets of two zones

  @F10 @high @pci-1.3.2 @noskip
  Scenario: From each public subnet to the internet gateway
    Given the planned stack
    Then every public subnet reaches the internet through the internet gateway
