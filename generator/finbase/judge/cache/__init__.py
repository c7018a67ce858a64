"""Verdicts of earlier runs."""
