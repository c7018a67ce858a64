"""The commands: each file parses its options, calls one core function and prints the result."""
