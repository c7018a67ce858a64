Feature: The stack holds what the design describes, and nothing else

  design.yaml lists every resource, data source and argument that a stack may hold, with the values
  that are allowed. Each line of it names a control. A resource or an argument that is not listed
  fails the control of its type, or D01. The scenarios are not applicable to a stack that finbase
  did not render.

  @F01 @high @noskip @part-gateways
  Scenario: Nothing beside the design of gateways and their addresses
    Given the planned stack
    Then the resources of F01 are as the design describes

  @F02 @medium @pci-1.2.5 @noskip
  Scenario: Nothing beside the design of security groups and rules
    Given the planned stack
    Then the resources of F02 are as the design describes

  @F03 @high @pci-2.2.7 @noskip
  Scenario: Nothing beside the design of parameter groups
    Given the planned stack
    Then the resources of F03 are as the design describes

  @F04a @high @pci-3.6.1.2 @noskip
  Scenario: Nothing beside the design of Performance Insights
    Given the planned stack
    Then the resources of F04a are as the design describes

  @F04b @medium @pci-2.2.1 @noskip
  Scenario: Nothing beside the design of storage
    Given the planned stack
    Then the resources of F04b are as the design describes

  @F04c @medium @pci-6.3.3 @noskip
  Scenario: Nothing beside the design of windows and backups
    Given the planned stack
    Then the resources of F04c are as the design describes

  @F04d @medium @pci-10.2.1 @noskip
  Scenario: Nothing beside the design of log exports
    Given the planned stack
    Then the resources of F04d are as the design describes

  @F04e @medium @pci-6.3.3 @noskip
  Scenario: Nothing beside the design of names, tags and upgrades
    Given the planned stack
    Then the resources of F04e are as the design describes

  @F05 @medium @pci-3.6.1.2 @part-replica @noskip
  Scenario: Nothing beside the design of replicas
    Given the planned stack
    Then the resources of F05 are as the design describes

  @F06a @low @pci-12.5.1 @noskip
  Scenario: Nothing beside the design of descriptions of secrets
    Given the planned stack
    Then the resources of F06a are as the design describes

  @F06b @medium @pci-8.6.2 @noskip
  Scenario: Nothing beside the design of fields of the connection secret
    Given the planned stack
    Then the resources of F06b are as the design describes

  @F06c @medium @noskip
  Scenario: Nothing beside the design of the host in the connection secret
    Given the planned stack
    Then the resources of F06c are as the design describes

  @F06d @medium @pci-7.2.5 @noskip
  Scenario: Nothing beside the design of the rotation
    Given the planned stack
    Then the resources of F06d are as the design describes

  @F07a @medium @pci-2.2.1 @part-cache @noskip
  Scenario: Nothing beside the design of limits of the cache
    Given the planned stack
    Then the resources of F07a are as the design describes

  @F07b @medium @pci-3.6.1.2 @part-cache @noskip
  Scenario: Nothing beside the design of the cache
    Given the planned stack
    Then the resources of F07b are as the design describes

  @F07c @medium @pci-2.2.1 @part-cache @noskip
  Scenario: Nothing beside the design of subnets of the cache
    Given the planned stack
    Then the resources of F07c are as the design describes

  @F08 @low @pci-3.6.1.4 @noskip
  Scenario: Nothing beside the design of regions of keys and secrets
    Given the planned stack
    Then the resources of F08 are as the design describes

  @F09 @low @pci-2.2.1 @noskip
  Scenario: Nothing beside the design of logs, alarms and events
    Given the planned stack
    Then the resources of F09 are as the design describes

  @F10 @high @pci-1.4.2 @noskip
  Scenario: Nothing beside the design of subnets, routes and network ACLs
    Given the planned stack
    Then the resources of F10 are as the design describes

  @B01 @high @pci-3.6.1.2 @noskip
  Scenario: Nothing beside the design of keys of stores
    Given the planned stack
    Then the resources of B01 are as the design describes

  @B02 @high @pci-1.3.1 @noskip
  Scenario: Nothing beside the design of public addresses
    Given the planned stack
    Then the resources of B02 are as the design describes

  @B04 @high @pci-12.10.1 @noskip
  Scenario: Nothing beside the design of protection from deletion
    Given the planned stack
    Then the resources of B04 are as the design describes

  @B05 @high @pci-12.10.1 @noskip
  Scenario: Nothing beside the design of backups
    Given the planned stack
    Then the resources of B05 are as the design describes

  @B06 @high @pci-12.10.1 @noskip
  Scenario: Nothing beside the design of standbys
    Given the planned stack
    Then the resources of B06 are as the design describes

  @B07 @high @pci-10.5.1 @noskip
  Scenario: Nothing beside the design of log groups
    Given the planned stack
    Then the resources of B07 are as the design describes

  @B08 @high @pci-3.7.4 @noskip
  Scenario: Nothing beside the design of keys and policies
    Given the planned stack
    Then the resources of B08 are as the design describes

  @B09 @high @pci-2.2.7 @part-cache @noskip
  Scenario: Nothing beside the design of users of the cache
    Given the planned stack
    Then the resources of B09 are as the design describes

  @B11 @high @pci-7.2.2 @noskip
  Scenario: Nothing beside the design of permissions
    Given the planned stack
    Then the resources of B11 are as the design describes

  @D01 @medium @pci-1.2.1 @pci-2.2.1 @pci-2.2.4 @noskip
  Scenario: Nothing beside the design
    Given the planned stack
    Then the resources of D01 are as the design describes

  @B03 @high @pci-1.3.1 @noskip
  Scenario: Nothing beside the design of data ports
    Given the planned stack
    Then the resources of B03 are as the design describes

  @B10 @high @pci-3.5.1 @noskip
  Scenario: Nothing beside the design of the audit log
    Given the planned stack
    Then the resources of B10 are as the design describes

  @B12 @medium @pci-2.2.4 @noskip
  Scenario: Nothing beside the design of programs and providers
    Given the planned stack
    Then the resources of B12 are as the design describes

  @B13 @high @pci-7.2.5 @noskip
  Scenario: Nothing beside the design of roles
    Given the planned stack
    Then the resources of B13 are as the design describes

  @B14 @high @pci-8.6.3 @noskip @part-roles
  Scenario: Nothing beside the design of secrets of roles
    Given the planned stack
    Then the resources of B14 are as the design describes

  @B15 @high @pci-10.2.1 @noskip @part-roles
  Scenario: Nothing beside the design of what the database gets
    Given the planned stack
    Then the resources of B15 are as the design describes
