Feature: Applications log in with roles of their own, and the database has its audit

  The module `roles` declares the roles and extensions of the database, and a function of it makes
  them. These scenarios judge the declaration and the secrets. What the database really has, the
  function compares twice a day; an alarm reports a difference.

  @B13 @high @pci-7.2.5 @noskip
  Scenario: Applications log in with roles of their own
    Given the planned stack
    Then every declared role has a secret of its own, and none holds the master user

  @B13 @high @pci-7.2.5 @noskip
  Scenario: Only the functions and named readers read the connection secret
    Given the planned stack
    Then only the functions and named principals may read the connection secret
    And no reader of a role's secret reads the connection secret, except while it moves

  @B14 @high @pci-8.6.3 @noskip @part-roles
  Scenario: Secrets of roles are rotated on a schedule, and once at the start
    Given the planned stack
    Then a function rotates the secret of every role at the start and at least every 90 days

  @B14 @high @pci-7.2.5 @noskip @part-roles
  Scenario: Only the function and named readers read the secret of a role
    Given the planned stack
    Then only the function and named principals may read the secret of a role

  @B15 @high @pci-10.2.1 @noskip @part-roles
  Scenario: The extensions of the audit and of statistics are created
    Given the planned stack
    Then the database gets the extensions pgaudit and pg_stat_statements
    And the function gets the declaration, and Terraform calls it when that changes
