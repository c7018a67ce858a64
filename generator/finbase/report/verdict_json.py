"""Write verdicts as a JSON document, and read them back to merge them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib import metadata
from typing import Any

from finbase.ci.merge import Part
from finbase.errors import FinbaseError
from finbase.judge.catalogue import Failure
from finbase.judge.verdict import FailureRow, Scenario, Verdict
from finbase.report.documents import dump, read

_CATALOGUED = ("id", "section", "severity", "title", "requirement")
"""What the document has of a failure of the catalogue."""
_SCENARIO = (
    *("feature", "name", "location", "tags", "failure_ids", "severity", "requirements", "status"),
    *("step", "evidence"),
)
"""What the document has of a scenario."""


def document(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Return the content: ``environments`` in the order of the verdicts."""
    environments = [_environment(verdict) for verdict in verdicts]
    return {
        "finbase_version": metadata.version("finbase"),
        "passed": all(environment["passed"] for environment in environments),
        "environments": environments,
    }


def render(verdicts: Iterable[Verdict]) -> bytes:
    """Return the document of ``finbase check --json``."""
    return dump("check", document(verdicts))


def _environment(verdict: Verdict) -> dict[str, Any]:
    rows = verdict.by_failure()
    states = Counter(scenario.status for scenario in verdict.scenarios)
    return {
        "name": verdict.environment,
        "passed": verdict.passed,
        "from_cache": verdict.cached_at.isoformat() if verdict.cached_at else None,
        "counts": {
            "failures": len(rows),
            "failures_absent": sum(row.status == "passed" for row in rows),
            "failures_not_applicable": sum(row.status == "not applicable" for row in rows),
            "scenarios": len(verdict.scenarios),
            "scenarios_passed": states["passed"],
            "scenarios_failed": states["failed"],
            "scenarios_skipped": states["skipped"],
        },
        "failures": [_failure(row) for row in rows],
        "scenarios": [_scenario(scenario) for scenario in verdict.scenarios],
        "not_judged": list(verdict.not_judged),
    }


def _failure(row: FailureRow) -> dict[str, Any]:
    return {
        **{key: getattr(row, key) for key in (*_CATALOGUED, "requirements", "status")},
        "evidence": row.evidence.splitlines(),
        "scenarios": [scenario.location for scenario in row.scenarios],
    }


def _scenario(scenario: Scenario) -> dict[str, Any]:
    return {key: getattr(scenario, key) for key in _SCENARIO} | {
        "step": scenario.step or None,
        "evidence": scenario.evidence.splitlines(),
    }


def read_part(data: bytes, path: str) -> Part:
    """Read a file that ``finbase check --json`` wrote.

    Raises ``FinbaseError`` if it is damaged or has judged nothing (no environment, or an
    environment without a judged scenario), and ``OtherFormatError`` for another format.
    """
    hint = "write it with `finbase check --json FILE` of the same version of finbase"
    document = read("check", data, path, hint)
    try:
        verdicts = tuple(map(_read_verdict, document["environments"]))
        if all(verdict.passed for verdict in verdicts) is not document["passed"]:
            raise ValueError("`passed` contradicts the environments")
    except ValueError as error:
        raise FinbaseError(f"{path} contradicts itself: {error}", hint) from error
    if not verdicts:
        raise FinbaseError(f"{path} has no verdict", "find the job that wrote it, and run it again")
    for verdict in verdicts:
        if all(scenario.status == "skipped" for scenario in verdict.scenarios):
            raise FinbaseError(
                f"{path}: the verdict on {verdict.environment} has judged nothing",
                "find the job that wrote it, and run it again",
            )
    return Part(path, str(document["finbase_version"]), verdicts)


def _read_verdict(data: Mapping[str, Any]) -> Verdict:
    cached_at = data["from_cache"]
    verdict = Verdict(
        environment=str(data["name"]),
        scenarios=tuple(map(_read_scenario, data["scenarios"])),
        failures=tuple(map(_read_failure, data["failures"])),
        cached_at=datetime.fromisoformat(cached_at) if cached_at else None,
        not_judged=tuple(map(str, data["not_judged"])),
    )
    if verdict.passed is not data["passed"]:
        raise ValueError(f"`passed` of {verdict.environment} contradicts its scenarios")
    return verdict


def _read_failure(data: Mapping[str, Any]) -> Failure:
    return Failure(**{key: data[key] for key in _CATALOGUED}, overlaps=())


def _read_scenario(data: Mapping[str, Any]) -> Scenario:
    fields = {k: tuple(v) if isinstance(v := data[k], list) else v for k in _SCENARIO}
    lines = {"step": data["step"] or "", "evidence": "\n".join(data["evidence"])}
    return Scenario(**(fields | lines))
