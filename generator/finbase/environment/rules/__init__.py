"""Check what a JSON Schema cannot express about an environment and a plan accepts."""
