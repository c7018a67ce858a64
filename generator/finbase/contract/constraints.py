"""Version constraints of Terraform and its providers, as ranges that can be compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

__all__ = ["Range", "version_range"]

_CONSTRAINT = re.compile(r"(>=|>|<=|<|=|!=|~>)?\s*v?(\d+(?:\.\d+){0,2})", re.ASCII)

_Edge: TypeAlias = tuple[tuple[float, ...], int]
"""A version, and whether the range ends just before it (-1), with it (0) or begins after it (1)."""


@dataclass(frozen=True)
class Range:
    """The versions that a constraint allows."""

    low: _Edge = ((0, 0, 0), 0)
    high: _Edge = ((inf,), 0)
    without: frozenset[str] = frozenset()


def version_range(constraint: str) -> Range:
    """Read a constraint of Terraform; a part that cannot be read is kept as text."""
    low, high, without = Range.low, Range.high, set()
    for part in filter(None, map(str.strip, constraint.split(","))):
        match = _CONSTRAINT.fullmatch(part)
        if match is None:
            without.add(part)  # what cannot be read has to stay as it is
            continue
        sign, numbers = match[1] or "=", [int(number) for number in match[2].split(".")]
        version = (*numbers, 0, 0)[:3]
        if sign == "!=":
            without.add(".".join(map(str, version)))
        if sign in (">=", ">", "=", "~>"):
            low = max(low, (version, 1 if sign == ">" else 0))
        if sign in ("<=", "<", "="):
            high = min(high, (version, -1 if sign == "<" else 0))
        if sign == "~>":
            *fixed, last = numbers[:-1] or numbers
            high = min(high, ((*fixed, last + 1, 0, 0)[:3], -1))
    return Range(low, high, frozenset(without))
