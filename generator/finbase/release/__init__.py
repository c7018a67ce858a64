"""Prepare releases of modules, compare their versions, and verify that releases never change."""
