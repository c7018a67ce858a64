"""Environments → shards of about the same cost, for CI jobs that run side by side.

The same environments always give the same shards, whatever order they come in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from finbase.environment.model import Environment
from finbase.errors import FinbaseError

__all__ = ["JUDGED_BY", "Shard", "cost", "read_shards", "shards"]

_RESOURCE = re.compile(rb'^resource "', re.MULTILINE)
_FIXED = 100
"""What any environment costs, in resource blocks: Terraform and its provider have to start."""

JUDGED_BY = ("features", "generator", "requirements", "pyproject.toml")
"""What a verdict depends on beside the plan: where it changes, every environment is affected."""


@dataclass(frozen=True)
class Shard:
    """What one job checks: at least one environment, by name. ``number`` counts from 1."""

    number: int
    environments: tuple[str, ...]
    cost: int


def cost(environment: Environment, root: Path) -> int:
    """Say what a check costs, in resource blocks: those of each instance of each module."""
    planned = 0
    for use in environment.modules:
        folder = root / "modules" / use.name / str(use.version)
        blocks = sum(len(_RESOURCE.findall(path.read_bytes())) for path in folder.glob("*.tf"))
        planned += blocks * len(use.instances)
    return _FIXED + planned


def shards(costs: Mapping[str, int], most: int | None = None) -> tuple[Shard, ...]:
    """Distribute environments with their costs over as many shards, none of them empty.

    Without ``most`` each gets a shard of its own. The dearest come first, each to the shard that
    is the cheapest until then; that is at most a third dearer than the best there can be.
    """
    count = len(costs) if most is None else min(most, len(costs))
    loads = [0] * count
    names: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(costs, key=lambda name: (-costs[name], name)):
        least = loads.index(min(loads))
        loads[least] += costs[name]
        names[least].append(name)
    return tuple(
        Shard(number, tuple(sorted(each)), load)
        for number, (each, load) in enumerate(zip(names, loads, strict=True), 1)
    )


def read_shards(data: bytes, path: str) -> tuple[str, ...]:
    """Name the environments of a matrix; raises ``FinbaseError`` where it is none."""
    try:
        entries = json.loads(data)["include"]
        return tuple(name for entry in entries for name in entry["environments"].split())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FinbaseError(
            f"{path} holds no matrix: {type(error).__name__}: {error}",
            "name what `finbase matrix` wrote",
        ) from error
