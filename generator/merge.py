"""Verdicts of several jobs, as ``finbase check --json`` writes them → the verdicts of all."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from generator.errors import FinbaseError
from generator.failures import Failure
from generator.report.verdict_json import SCHEMA_VERSION
from generator.sentences import listed
from generator.verdict import Scenario, Verdict

__all__ = ["Part", "merge", "read_part", "read_shards"]

_PCI = "PCI DSS "


@dataclass(frozen=True)
class Part:
    """What one job found; ``path`` is the file that says it, ``tool`` the finbase that wrote it."""

    path: str
    tool: str
    verdicts: tuple[Verdict, ...]


def read_part(data: bytes, path: str) -> Part:
    """Read a file of verdicts; raises ``FinbaseError`` where it is none that can be merged."""
    try:
        document = json.loads(data)
        version = document["schema_version"]
        if version != SCHEMA_VERSION:
            raise FinbaseError(
                f"{path} is of another format: schema_version {version}, not {SCHEMA_VERSION}",
                "write and merge the verdicts with the same finbase",
            )
        return Part(
            path, str(document["finbase_version"]), tuple(map(_verdict, document["environments"]))
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FinbaseError(
            f"{path} holds no verdicts: {type(error).__name__}: {error}",
            "merge what `finbase check --json FILE` wrote",
        ) from error


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


def _verdict(data: Mapping[str, Any]) -> Verdict:
    reached = data["from_cache"]
    verdict = Verdict(
        environment=str(data["name"]),
        scenarios=tuple(_scenario(each) for each in data["scenarios"]),
        failures=tuple(_failure(each) for each in data["failures"]),
        remembered=datetime.fromisoformat(reached) if reached else None,
    )
    if verdict.passed is not data["passed"]:
        raise ValueError(f"{verdict.environment} says that it passed, and its scenarios do not")
    return verdict


def _failure(data: Mapping[str, Any]) -> Failure:
    return Failure(
        id=data["id"],
        severity=data["severity"],
        title=data["title"],
        requirement=data["requirement"],
        pci=tuple(_bare(data["requirements"])),
        overlaps=(),
    )


def _bare(requirements: Iterable[str]) -> Iterable[str]:
    return (each.removeprefix(_PCI) for each in requirements if each.startswith(_PCI))


def _scenario(data: Mapping[str, Any]) -> Scenario:
    return Scenario(
        feature=data["feature"],
        name=data["name"],
        tags=tuple(data["tags"]),
        failure_ids=tuple(data["failure_ids"]),
        severity=data["severity"],
        requirements=tuple(data["requirements"]),
        status=data["status"],
        evidence="\n".join(data["evidence"]),
        location=data["location"],
        step=data["step"] or "",
    )
