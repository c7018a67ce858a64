"""Rehearse a year in the life of a stack: changes, an upgrade, resets, a restore, a new start."""
