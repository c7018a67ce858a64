"""Distribute environments over shards of about the same cost, for parallel CI jobs.

The result does not depend on the order of the environments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from finbase.environment.model import Environment
from finbase.errors import FinbaseError
from finbase.project.files import is_real_file
from finbase.source.bounds import load_json
from finbase.source.hcl_scan import scan

_FIXED = 100
"""Fixed cost of an environment in resource blocks: the start of Terraform and its provider."""

JUDGED_BY = (
    *("features", "generator", "requirements", "pyproject.toml"),
    *("requirements.txt", "requirements.lock"),  # The finbase of a project of `finbase init`.
)
"""Verdicts depend on these too: if one changes, every environment is affected."""


@dataclass(frozen=True)
class Shard:
    """The environments that one job checks, at least one. ``number`` counts from 1."""

    number: int
    environments: tuple[str, ...]
    cost: int


def cost(environment: Environment, root: Path) -> int:
    """Return the cost of a check: the number of resource blocks of all instances of modules."""
    planned = 0
    for use in environment.modules:
        folder = root / "modules" / use.name / str(use.version)
        planned += _resources(folder) * len(use.instances)
    return _FIXED + planned


@cache  # A thousand environments pin the same few releases.
def _resources(folder: Path) -> int:
    paths = filter(is_real_file, folder.glob("*.tf"))
    files = [scan(path.read_text(encoding="utf-8")) for path in paths]
    return sum(block.type == "resource" for file in files for block in file.blocks)


def shards(costs: Mapping[str, int], most: int | None = None) -> tuple[Shard, ...]:
    """Distribute environments, which are mapped to their costs, over at most ``most`` shards.

    Without ``most``, each environment gets its own shard. Each environment, the most expensive
    first, goes to the cheapest shard so far; the largest shard costs at most a third more than
    in the best distribution.

    >>> [shard.environments for shard in shards({"a": 3, "b": 2, "c": 2}, 2)]
    [('a',), ('b', 'c')]
    """
    count = len(costs) if most is None else min(most, len(costs))
    loads = [0] * count
    names: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(costs, key=lambda name: (-costs[name], name)):
        least = loads.index(min(loads))
        loads[least] += costs[name]
        names[least].append(name)
    return tuple(
        Shard(number, tuple(sorted(group)), load)
        for number, (group, load) in enumerate(zip(names, loads, strict=True), 1)
    )


def read_shards(data: bytes, path: str) -> tuple[str, ...]:
    """Return the environments of a matrix; raises ``FinbaseError`` for any other content."""
    try:
        entries = load_json(data)["include"]
        return tuple(name for entry in entries for name in entry["environments"].split())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FinbaseError(
            f"{path} is not a matrix: it needs a list `include` with `environments` in each entry",
            "pass a file that `finbase matrix` wrote",
        ) from error
