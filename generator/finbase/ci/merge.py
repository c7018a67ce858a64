"""Merge the verdicts that several jobs wrote with ``finbase check --json``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from finbase.errors import FinbaseError
from finbase.judge.catalogue import Failure
from finbase.judge.verdict import Verdict
from finbase.source.scalars import listed


@dataclass(frozen=True)
class Part:
    """The verdicts of one job; ``tool`` is the version of finbase that wrote the file ``path``."""

    path: str
    tool: str
    verdicts: tuple[Verdict, ...]


def merge(
    parts: Sequence[Part],
    expected: Collection[str] | None = None,
    catalogue: Collection[Failure] = (),
) -> tuple[Verdict, ...]:
    """Return the verdicts of all parts, sorted by environment.

    ``catalogue`` lists the controls that each verdict must have judged. Raises ``FinbaseError`` if
    one of them is missing or has another severity, if an environment is in two parts, if the
    environments are not the ``expected`` ones, or if the parts come from different versions of
    finbase or catalogues.
    """
    first = parts[0]
    paths: dict[str, str] = {}
    for part in parts:
        if part.tool != first.tool:
            raise FinbaseError(
                f"{part.path} was written by finbase {part.tool}, {first.path} by {first.tool}",
                "run all jobs with the same version of finbase",
            )
        for verdict in part.verdicts:
            if other := paths.get(verdict.environment):
                raise FinbaseError(
                    f"both {other} and {part.path} have a verdict on {verdict.environment}",
                    "check each environment in one job, as `finbase matrix` distributes them",
                )
            paths[verdict.environment] = part.path
    _expect(paths, expected)
    verdicts = [verdict for part in parts for verdict in part.verdicts]
    for verdict in verdicts:
        if _catalogue(verdict) != _catalogue(verdicts[0]):
            raise FinbaseError(
                f"{paths[verdict.environment]} was checked with another catalogue than "
                f"{paths[verdicts[0].environment]}",
                "run all jobs on the same commit",
            )
        _require(verdict, paths[verdict.environment], catalogue)
    return tuple(sorted(verdicts, key=lambda verdict: verdict.environment))


def _require(verdict: Verdict, path: str, catalogue: Collection[Failure]) -> None:
    judged = {failure.id: failure.severity for failure in verdict.failures}
    lost = [failure.id for failure in catalogue if judged.get(failure.id) != failure.severity]
    if lost:
        raise FinbaseError(
            f"{path} does not judge {listed(lost)} as finbase does",
            "restore the features of the project, or merge with --own-catalogue",
        )


def _catalogue(verdict: Verdict) -> list[tuple[str, ...]]:
    return [(f.id, f.severity, f.title, f.requirement) for f in verdict.failures]


def _expect(paths: Mapping[str, str], expected: Collection[str] | None) -> None:
    if expected is None:
        return
    if lost := sorted({*expected} - paths.keys()):
        raise FinbaseError(
            f"no verdict on {listed(lost)}",
            "find the job that checks it, and run it again",
        )
    if more := sorted(paths.keys() - {*expected}):
        raise FinbaseError(
            f"{paths[more[0]]} has an unexpected verdict on {listed(more)}",
            "merge files of the same run only",
        )
