"""Verdicts on supplied plans and on environments, for the commands that need them."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

from finbase.commands._project import load_environment
from finbase.commands._rendered import (
    PENDING,
    load_rendered,
    note_difference,
    print_breaches,
    print_unrendered,
    refuse_planted,
    refuse_unfaithful,
)
from finbase.console.options import FOUND
from finbase.console.speech import note, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from finbase.judge.check import Judge, StackJudge
    from finbase.judge.verdict import Verdict

_UNREAD = (
    "not judged: locals, functions around references, lifecycle and the backend, because the HCL "
    "of the stack was not read; put the plan file beside the stack's main.tf"
)


def judge(
    root: Path,
    plan_file: Path | None,
    environments: Sequence[str],
    planned: Callable[[str, bytes, str], None],
    remarks: list[str],
    *,
    jobs: int = 1,
    cache: bool = False,
) -> Iterable[Verdict]:
    """Yield the verdict on a plan that the user supplies, or on environments, all by default.

    ``planned`` receives the name, the plan and the SHA-256 of its file; ``remarks`` gets lines for
    people. Exits with 1 if files of the project differ from what finbase renders or released.
    Raises ``FinbaseError`` if the plan contradicts the file of the environment.
    """
    if plan_file:
        yield _judge_plan(root, plan_file, environments, planned, remarks)
    else:
        yield from _judge_environments(root, environments, planned, jobs=jobs, cache=cache)


def _judge_plan(
    root: Path,
    plan_file: Path,
    environments: Sequence[str],
    planned: Callable[[str, bytes, str], None],
    remarks: list[str],
) -> Verdict:
    from finbase.judge import compliance
    from finbase.judge.features import folder_of_stack
    from finbase.judge.shown import demand_same, read_shown
    from finbase.plan.kinds import is_rendered

    if len(environments) > 1:
        raise click.UsageError("--plan checks one plan, so name at most one environment")
    name = environments[0] if environments else plan_file.name
    plan = compliance.read_on_one_line(plan_file)  # Read it once only: it may be a pipe.
    planned(name, plan.text, plan.digest)
    if environments and (root / "environments" / f"{name}.yaml").is_file():
        demand_same(
            read_shown(plan.content),
            load_environment(root, name),
            "name no environment of the project",
        )
    folder = None
    if is_rendered(plan.content):
        folder, differs = folder_of_stack(plan.content, plan_file, root, name)
        if differs:
            remarks.append(f"the HCL beside the plan is of another version: {differs}")
        remarks.append(f"judged with the HCL in {folder}" if folder else _UNREAD)
        remarks += filter(None, [_unproven(plan.text)])
    return compliance.run(plan, root / "features", environment=name, stack=folder)


def _judge_environments(
    root: Path,
    environments: Sequence[str],
    planned: Callable[[str, bytes, str], None],
    *,
    jobs: int,
    cache: bool,
) -> Iterator[Verdict]:
    import hashlib

    from finbase.judge.check import check
    from finbase.project.journal import is_pending

    refuse_planted(root)
    standing = load_rendered(root, environments)
    refuse_unfaithful(standing)
    if is_pending(root):
        note(PENDING)
    if standing.breaches or standing.unrendered:
        print_breaches(standing.breaches, diffs=True)
        print_unrendered(standing.unrendered)
        sys.exit(FOUND)
    if not standing.changes.clean:
        note_difference(standing, "planned")

    notes: dict[str, None] = {}

    def watch_plan(name: str, plan: bytes) -> None:
        planned(name, plan, hashlib.sha256(plan).hexdigest())
        notes[_unproven(plan)] = None

    through = _open_cache() if cache else None
    names = [environment.name for environment in standing.environments]
    with progress(len(names)) as watch:
        yield from check(
            root, names, jobs=jobs, progress=watch, planned=watch_plan, through=through
        )
    for text in filter(None, notes):
        note(f"note: {text}")


def _unproven(plan: bytes) -> str:
    """Return a note if finbase was not run with the versions that a plan names."""
    from finbase.aws.supported import unproven

    version = re.search(rb'"terraform_version": ?"([^"]+)"', plan)
    provider = re.search(rb'"version_constraint": ?"=? ?([0-9.]+)[",]', plan)
    if not version:
        return ""
    return unproven(version[1].decode(), provider[1].decode() if provider else "")


def _open_cache() -> Callable[[StackJudge], Judge] | None:
    """Return what puts the verdict cache before a judge, or None without a usable folder."""
    from finbase.judge.cache.store import CachedJudge, CacheUnavailableError, VerdictCache

    try:
        cache = VerdictCache.open()
    except CacheUnavailableError as error:
        note(f"note: verdicts are not cached: {error}")
        return None
    return lambda judge: CachedJudge(judge, cache, lambda what: note(f"note: {what}"))
