"""Environments over jobs: what a change reaches, shards, verdicts joined."""
