"""The commands: a file for each, which parses, calls one core function and prints."""
