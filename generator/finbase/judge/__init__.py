"""Plans → verdicts, by terraform-compliance; and the proof that they can fail."""
