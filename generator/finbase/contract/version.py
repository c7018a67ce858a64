"""Versions of modules, and version constraints of Terraform as comparable ranges."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_CONSTRAINT = re.compile(r"(>=|>|<=|<|=|!=|~>)?\s*v?(\d+(?:\.\d+){0,2})", re.ASCII)

_Edge: TypeAlias = tuple[tuple[float, ...], int]
"""A version, and whether the edge is just before it (-1), at it (0) or just after it (1)."""


@dataclass(frozen=True, order=True)
class Version:
    """A released version: ``major.minor.patch``.

    >>> Version.parse("1.10.0") > Version.parse("1.9.3")
    True
    """

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``1.2.3``; raises ``ValueError`` for any other text."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a version such as 1.0.0")
        return cls(*(int(part) for part in match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True)
class Range:
    """The versions that a constraint allows; ``without`` lists excluded versions."""

    low: _Edge = ((0, 0, 0), 0)
    high: _Edge = ((inf,), 0)
    without: frozenset[str] = frozenset()

    def includes(self, version: Version) -> bool:
        """Return whether the constraint allows a version; parts not understood exclude nothing.

        >>> version_range(">= 5.100, < 7").includes(Version(6, 13, 0))
        True
        >>> version_range(">= 5.100, < 7, != 6.1.0").includes(Version(6, 1, 0))
        False
        """
        edge = ((version.major, version.minor, version.patch), 0)
        return self.low <= edge <= self.high and str(version) not in self.without


def version_range(constraint: str) -> Range:
    """Read a constraint of Terraform; ``without`` keeps a part that is not understood.

    >>> version_range("~> 5.0") == version_range(">= 5.0, < 6")
    True
    >>> version_range(">= 1.9").low < version_range("> 1.9").low
    True
    """
    low, high, without = Range.low, Range.high, set()
    for part in filter(None, map(str.strip, constraint.split(","))):
        match = _CONSTRAINT.fullmatch(part)
        if match is None:
            without.add(part)  # Unknown syntax: any change of it counts as a narrower range.
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
