Feature: Private subnets reach the internet within their own zone

  Patches, AWS services and the password rotation need outgoing connections. A NAT gateway allows
  these and refuses incoming ones. Each zone has its own gateway, so no zone depends on another.

  @F01 @high @noskip @part-gateways
  Scenario: A NAT gateway in every availability zone
    Given the planned stack
    Then every availability zone has a NAT gateway in its public subnet

  @F01 @high @noskip @part-gateways
  Scenario: An elastic IP for every NAT gateway
    Given the planned stack
    Then every NAT gateway has its own elastic IP

  @F10 @high @pci-1.4.2 @noskip
  Scenario: A route from every private subnet to the NAT gateway of its zone
    Given the planned stack
    Then every private subnet reaches the internet through a NAT gateway in its own zone
    And no route table serves private subnets of two zones

  @F10 @high @noskip @part-gateways
  Scenario: A route from every public subnet to the internet gateway
    Given the planned stack
    Then every public subnet reaches the internet through the internet gateway
