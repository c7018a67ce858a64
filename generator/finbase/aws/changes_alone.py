"""The attributes that change on AWS by themselves, from ``changes_alone.yaml``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

from finbase.source.cache import load_yaml


def changes_alone(type_: str) -> Collection[str]:
    """Return the attributes of a resource type that change although nobody changes it."""
    known = _by_type()
    return known["*"] | known.get(type_, frozenset())


@cache
def _by_type() -> Mapping[str, frozenset[str]]:
    data = load_yaml(Path(__file__).with_suffix(".yaml").read_bytes())
    return {type_: frozenset(reasons) for type_, reasons in data.items()}
