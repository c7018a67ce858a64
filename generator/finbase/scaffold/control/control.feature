Feature: @A_NOUN@ for every database

  @@ID@ @medium @noskip
  Scenario: Every database has the tag of its @NOUN@
    Given the planned stack
    Then @SENTENCE@
