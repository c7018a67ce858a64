"""Verdicts of several jobs, as ``finbase check --json`` writes them → the verdicts of all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from finbase.errors import FinbaseError
from finbase.judge.verdict import Verdict
from finbase.source.scalars import listed

__all__ = ["Part", "merge"]


@dataclass(frozen=True)
class Part:
    """What one job found; ``path`` is the file that says it, ``tool`` the finbase that wrote it."""

    path: str
    tool: str
    verdicts: tuple[Verdict, ...]


def merge(parts: Sequence[Part], expected: Collection[str] | None = None) -> tuple[Verdict, ...]:
    """Join the verdicts of all parts, by name of the environment.

    Raises ``FinbaseError`` where an environment is in two of them, or is not in any although it
    is ``expected``, or the other way round; and where the parts were made by different versions
    of finbase, or measured by different catalogues.
    """
    first = parts[0]
    homes: dict[str, str] = {}
    for part in parts:
        if part.tool != first.tool:
            raise FinbaseError(
                f"{part.path} was written by finbase {part.tool}, {first.path} by {first.tool}",
                "run all jobs with the same version",
            )
        for verdict in part.verdicts:
            if other := homes.get(verdict.environment):
                raise FinbaseError(
                    f"{verdict.environment} is in {other} and in {part.path}, and only one of "
                    "the verdicts can count",
                    "give every environment to one job: `finbase matrix` does",
                )
            homes[verdict.environment] = part.path
    _expect(homes, expected)
    verdicts = [verdict for part in parts for verdict in part.verdicts]
    for verdict in verdicts:
        if _catalogue(verdict) != _catalogue(verdicts[0]):
            raise FinbaseError(
                f"{homes[verdict.environment]} is measured by another catalogue than "
                f"{homes[verdicts[0].environment]}",
                "run all jobs on the same commit",
            )
    return tuple(sorted(verdicts, key=lambda verdict: verdict.environment))


def _catalogue(verdict: Verdict) -> list[tuple[str, ...]]:
    return [(each.id, each.severity, each.title, each.requirement) for each in verdict.failures]


def _expect(homes: Mapping[str, str], expected: Collection[str] | None) -> None:
    if expected is None:
        return
    if lost := sorted({*expected} - homes.keys()):
        raise FinbaseError(
            f"there is no verdict on {listed(lost)}",
            "see what became of the job that was to check it, and run that again",
        )
    if more := sorted(homes.keys() - {*expected}):
        raise FinbaseError(
            f"{homes[more[0]]} has a verdict on {listed(more)}, which is not to be merged",
            "merge the files of one run only",
        )
