Feature: Baseline: the audit trail is complete, and is kept

  @B07 @high @pci-10.5.1 @noskip
  Scenario: A log group of the stack for every log
    Given the planned stack
    Then every exported log and every function has a log group of the stack

  @B07 @high @pci-10.5.1 @noskip
  Scenario: Logs are kept, 12 months or longer for restricted and confidential data
    Given the planned stack
    Then every log group keeps its logs as long as the class of the data requires
      | class        | days |
      | restricted   | 365  |
      | confidential | 365  |
      | internal     | 90   |
      | public       | 90   |

  @B07 @high @pci-10.5.1 @noskip
  Scenario: Logs of restricted and confidential data are not deleted with the stack
    Given the planned stack
    Then the logs of restricted and confidential data outlive the stack

  @B10 @high @pci-10.2.1 @noskip
  Scenario: pgaudit is loaded and records changes of tables and roles
    Given the planned stack
    Then every parameter group of PostgreSQL lists these words
      | parameter                | words     | others |
      | shared_preload_libraries | pgaudit   | any    |
      | pgaudit.log              | ddl, role | none   |
    And every database of PostgreSQL uses a parameter group of the stack

  @B10 @high @pci-3.5.1 @pci-8.3.2 @pci-10.2.1 @noskip
  Scenario: TLS is forced, the log level is not lowered, passwords use SCRAM, statements and values stay out of the log
    Given the planned stack
    Then every parameter group of PostgreSQL has these values
      | parameter                            | values                                                                   | required |
      | rds.force_ssl                        | 1, on, true, yes                                                         | yes      |
      | log_min_messages                     | warning, notice, info, debug1, debug2, debug3, debug4, debug5            | yes      |
      | log_statement                        | none                                                                     | yes      |
      | log_min_error_statement              | panic                                                                    | yes      |
      | log_error_verbosity                  | terse                                                                    | yes      |
      | log_min_duration_statement           | -1                                                                       | no       |
      | log_min_duration_sample              | -1                                                                       | no       |
      | log_transaction_sample_rate          | 0                                                                        | no       |
      | debug_print_parse                    | 0, off, false, no                                                        | no       |
      | debug_print_rewritten                | 0, off, false, no                                                        | no       |
      | debug_print_plan                     | 0, off, false, no                                                        | no       |
      | pgaudit.log_level                    | log                                                                      | yes      |
      | pgaudit.log_parameter                | 0, off, false, no                                                        | yes      |
      | pgaudit.log_statement                | 1, on, true, yes                                                         | no       |
      | pgaudit.log_client                   | 0, off, false, no                                                        | no       |
      | log_parameter_max_length             | 0                                                                        | yes      |
      | log_parameter_max_length_on_error    | 0                                                                        | yes      |
      | auto_explain.log_parameter_max_length | 0                                                                       | with auto_explain from 16 |
      | auto_explain.log_min_duration        | -1, 1000 or more                                                         | no       |
      | session_preload_libraries            | pgaudit, pg_stat_statements                                              | no       |
      | local_preload_libraries              | pgaudit, pg_stat_statements                                              | no       |
      | pg_stat_statements.track_utility     | 0, off, false, no                                                        | no       |
      | password_encryption                  | scram-sha-256                                                            | yes      |
      | rds.accepted_password_auth_method    | scram                                                                    | yes      |
