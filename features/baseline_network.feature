Feature: Baseline: the network does not reach the data from outside

  @B02 @high @pci-1.3.1 @pci-1.4.4 @noskip
  Scenario: No instance or snapshot is public
    Given the planned stack
    Then no database instance or snapshot is public

  @B02 @high @pci-1.3.2 @pci-1.4.4 @noskip
  Scenario: No route leads from the data to the internet
    Given the planned stack
    Then no subnet of the data has a route to the internet

  @B02 @high @pci-1.4.4 @noskip
  Scenario: No public addresses outside public subnets
    Given the planned stack
    Then only public subnets assign public addresses

  @B03 @high @pci-1.3.1 @pci-1.4.4 @noskip
  Scenario: The data has security groups of the stack
    Given the planned stack
    Then every store of data is in security groups of the stack

  @B03 @high @pci-1.3.1 @pci-1.4.4 @noskip
  Scenario: Data ports are open only inside the VPC and to named private networks
    Given the planned stack
    Then no group lets the internet in, and data ports are open only to the VPC and to private ranges with a reason
      | port  | of                   |
      | 5432  | PostgreSQL           |
      | 3306  | MySQL and MariaDB    |
      | 1433  | SQL Server           |
      | 1521  | Oracle               |
      | 6379  | Valkey and Redis     |
      | 6380  | the cache's reader   |
      | 11211 | Memcached            |
      | 27017 | DocumentDB           |
