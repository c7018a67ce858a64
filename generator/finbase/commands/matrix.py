"""``finbase matrix``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finbase.commands._project import pass_root
from finbase.console.options import Whole, environments_argument
from finbase.console.speech import echo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from finbase.environment.model import Environment


@click.command()
@environments_argument
@click.option(
    "--affected-since",
    "since",
    metavar="REV",
    help="Include only environments whose verdict can differ from this commit's.",
)
@click.option(
    "--shards",
    "most",
    metavar="N",
    type=Whole(min=1),
    help="Distribute them over at most N jobs; default: one job each.",
)
@click.option(
    "--shard",
    "number",
    metavar="I",
    type=Whole(min=1),
    help="Print only the names of shard I, on one line.",
)
@pass_root
def matrix(
    root: Path,
    environments: tuple[str, ...],
    since: str | None,
    most: int | None,
    number: int | None,
) -> None:
    """Distribute each ENV over CI jobs of about the same cost, as one line of JSON; default: all.

    The JSON is a `strategy.matrix` for GitHub: `include` has an entry per shard, with its number as
    `shard` and its names as `environments`. It is empty if no environment is affected; GitHub
    refuses an empty matrix, so make the job depend on `include[0]`. With --shard, the output is the
    names of one shard, or an empty line.

    \b
    Examples:
      finbase matrix --shards 4
      finbase matrix --affected-since origin/main
      finbase matrix --shards "$CI_NODE_TOTAL" --shard "$CI_NODE_INDEX"
    """
    from finbase.ci.shards import cost, shards
    from finbase.contract.registry import Registry
    from finbase.environment.load import load_environments

    if number and not most:
        raise click.UsageError("--shard requires --shards")
    if number and most and number > most:
        raise click.UsageError(f"--shard {number} is larger than --shards {most}")
    loaded: Iterable[Environment] = load_environments(root, Registry(root), environments)
    if since:
        names = _affected(root, since)
        loaded = [e for e in loaded if names is None or e.name in names]
    split = shards({e.name: cost(e, root) for e in loaded}, most)
    if number:
        echo(" ".join(split[number - 1].environments) if number <= len(split) else "")
        return
    entries = [
        {"shard": shard.number, "environments": " ".join(shard.environments), "cost": shard.cost}
        for shard in split
    ]
    echo(json.dumps({"include": entries}))


def _affected(root: Path, since: str) -> set[str] | None:
    """Return the affected environments, or None if what judges them all has changed."""
    from finbase.ci.affected import affected, is_read
    from finbase.ci.shards import JUDGED_BY
    from finbase.project.git import Repository

    repository = Repository(root)
    commit = repository.commit(since)
    if repository.differs(commit, JUDGED_BY):
        return None
    before, now = repository.at(commit, is_read), repository.now(is_read)
    return {change.environment for change in affected(before, now)}
