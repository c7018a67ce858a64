"""Find and run Terraform and its provider, offline or on an account."""
