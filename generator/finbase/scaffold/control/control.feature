Feature: An owner for every database

  @@ID@ @medium @noskip
  Scenario: Every database has the tag of its owner
    Given the planned stack
    Then @SENTENCE@
