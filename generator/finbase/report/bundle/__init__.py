"""The evidence bundle: one archive with a verdict, what it is about, and a signed statement."""
