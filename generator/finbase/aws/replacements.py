"""What is lost if Terraform replaces or destroys a resource, from ``replacements.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from finbase.source.cache import load_yaml


@dataclass(frozen=True)
class Replacement:
    """What is lost with a resource of one type, and the arguments whose change replaces it.

    A change of one of ``restarts`` is made in place and interrupts the service.
    """

    loses: str
    arguments: frozenset[str]
    source: str
    restarts: frozenset[str] = frozenset()


@cache
def replacements() -> Mapping[str, Replacement]:
    """Return the known losses, by resource type."""
    data = load_yaml(Path(__file__).with_name("replacements.yaml").read_bytes())
    return {
        kind: Replacement(
            entry["loses"],
            frozenset(entry["arguments"]),
            entry["source"],
            frozenset(entry.get("restarts", ())),
        )
        for kind, entry in data.items()
    }
