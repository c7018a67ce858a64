"""Moved from report.drawing.canvas."""

from __future__ import annotations

import re

__all__ = ["name_of", "place_of"]


_ADDRESS = re.compile(
    r'^(?P<module>(?:module\.[\w-]+(?:\[(?:"(?:[^"\\]|\\.)*"|\d+)\])?\.)*)'
    r"(?P<type>\w+)\.(?P<name>[\w-]+)(?:\[.*\])?$"
)


def name_of(address: str) -> str:
    """Return what a resource is called in its module; anything else as it is."""
    match = _ADDRESS.match(address)
    return match["name"] if match else address


def place_of(address: str) -> str:
    """Return the module that a resource is in, as ``module.access``; else nothing."""
    match = _ADDRESS.match(address)
    return match["module"].removesuffix(".") if match else ""
