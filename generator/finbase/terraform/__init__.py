"""Terraform and its provider: find, run, keep apart."""
