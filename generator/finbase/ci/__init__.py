"""Distribute environments over CI jobs, and merge the verdicts of the jobs."""
