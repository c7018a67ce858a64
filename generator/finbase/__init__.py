"""finbase: YAML environments → versioned Terraform → a verdict on a real plan."""
