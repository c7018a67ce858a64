"""A module's contract, its versions, and which of them are released."""
