"""YAML text → plain values, with the place of each."""
