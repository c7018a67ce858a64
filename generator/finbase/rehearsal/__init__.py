"""Rehearse the life of a stack on the local AWS."""
