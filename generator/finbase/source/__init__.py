"""Parse YAML into plain values, and keep the position of each."""
