"""``finbase matrix``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finbase.console.speech import echo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from finbase.environment.model import Environment

__all__ = ["matrix"]


@click.command()
@click.option(
    "--affected-since",
    "since",
    metavar="REV",
    help="Only environments whose verdict can have changed since this commit.",
)
@click.option(
    "--shards",
    "most",
    metavar="N",
    type=click.IntRange(min=1),
    help="Distribute them over so many jobs; default: one for each.",
)
@click.option(
    "--shard",
    "number",
    metavar="I",
    type=click.IntRange(min=1),
    help="Print the names of this shard instead, in one line.",
)
@click.pass_obj
def matrix(project: Path | None, since: str | None, most: int | None, number: int | None) -> None:
    """Distribute environments over CI jobs of about the same cost, as JSON in one line.

    It is what GitHub takes as `strategy.matrix`: `include` has an entry for each shard, with its
    number as `shard` and its names as `environments`. It is empty where nothing is affected, and
    GitHub refuses a matrix of nothing: let the job depend on `include[0]`. With --shard, a job
    asks for its own share, and gets an empty line where there is none.

    \b
    Examples:
      finbase matrix --shards 4
      finbase matrix --affected-since origin/main
      finbase matrix --shards "$CI_NODE_TOTAL" --shard "$CI_NODE_INDEX"
    """
    from finbase.ci.shards import cost, shards
    from finbase.contract.registry import Registry
    from finbase.environment.load import load_environments
    from finbase.project.find import find_project

    if number and not most:
        raise click.UsageError("--shard is one of several, so it needs --shards")
    if number and most and number > most:
        raise click.UsageError(f"--shard {number} is none of {most} shards")
    root = find_project(project)
    loaded: Iterable[Environment] = load_environments(root, Registry(root), ())
    if since:
        wanted = _affected(root, since)
        loaded = [each for each in loaded if wanted is None or each.name in wanted]
    found = shards({each.name: cost(each, root) for each in loaded}, most)
    if number:
        mine = found[number - 1].environments if number <= len(found) else ()
        echo(" ".join(mine))
        return
    entries = [
        {"shard": shard.number, "environments": " ".join(shard.environments), "cost": shard.cost}
        for shard in found
    ]
    echo(json.dumps({"include": entries}))


def _affected(root: Path, since: str) -> set[str] | None:
    """Name the environments that a change can reach; None where it reaches them all."""
    from finbase.ci import affected as core
    from finbase.ci.shards import JUDGED_BY
    from finbase.project.git import Repository

    repository = Repository(root)
    commit = repository.commit(since)
    if repository.differs(commit, JUDGED_BY):
        return None
    before, now = repository.at(commit, core.is_read), repository.now(core.is_read)
    return {each.environment for each in core.affected(before, now)}
