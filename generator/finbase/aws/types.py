"""The types of the AWS provider: of resources, of data sources and of ephemeral resources."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from functools import cache
from pathlib import Path


@cache
def types() -> frozenset[str]:
    """Return every type of the provider, from ``types.txt``."""
    return frozenset((Path(__file__).parent / "types.txt").read_text(encoding="ascii").split())


def meant(name: str, planned: Collection[str]) -> str:
    """Return the type that a mistyped name means; empty if the name is a type, or like none.

    ``planned`` are the types of a plan, which come first.

    >>> meant("aws_db_instnce", ()), meant("aws_db_instance", ()), meant("aws_new_kind", ())
    ('aws_db_instance', '', '')
    """
    if name in types() or name in planned:
        return ""
    for known in (planned, types()):
        if similar := get_close_matches(name, sorted(known), n=1, cutoff=0.9):
            return similar[0]
    return ""
