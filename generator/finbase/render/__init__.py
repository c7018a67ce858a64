"""Contracts, templates and environments → HCL."""
