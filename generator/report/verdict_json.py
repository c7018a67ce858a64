"""Verdicts as a JSON document whose shape is versioned."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from generator.verdict import FailureRow, Scenario, Verdict

__all__ = ["SCHEMA_VERSION", "document", "render"]

SCHEMA_VERSION = 1
"""Raised when a key changes its meaning or goes; a new key does not raise it."""


def document(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Return the document: ``environments`` in the given order, with failures and scenarios."""
    environments = [_environment(verdict) for verdict in verdicts]
    return {
        "schema_version": SCHEMA_VERSION,
        "finbase_version": metadata.version("finbase"),
        "passed": all(environment["passed"] for environment in environments),
        "environments": environments,
    }


def render(verdicts: Iterable[Verdict]) -> str:
    """Return the document as text, ASCII only, with a newline at its end."""
    return json.dumps(document(verdicts), indent=2) + "\n"


def _environment(verdict: Verdict) -> dict[str, Any]:
    rows = verdict.by_failure()
    states = Counter(scenario.status for scenario in verdict.scenarios)
    return {
        "name": verdict.environment,
        "passed": verdict.passed,
        "from_cache": verdict.remembered.isoformat() if verdict.remembered else None,
        "counts": {
            "failures": len(rows),
            "failures_absent": sum(row.status == "passed" for row in rows),
            "scenarios": len(verdict.scenarios),
            "scenarios_passed": states["passed"],
            "scenarios_failed": states["failed"],
            "scenarios_skipped": states["skipped"],
        },
        "failures": [_failure(row) for row in rows],
        "scenarios": [_scenario(scenario) for scenario in verdict.scenarios],
    }


def _failure(row: FailureRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "severity": row.severity,
        "title": row.title,
        "requirement": row.requirement,
        "requirements": list(row.requirements),
        "status": row.status,
        "evidence": row.evidence.splitlines(),
        "scenarios": [scenario.location for scenario in row.scenarios],
    }


def _scenario(scenario: Scenario) -> dict[str, Any]:
    return {
        "feature": scenario.feature,
        "name": scenario.name,
        "location": scenario.location,
        "tags": list(scenario.tags),
        "failure_ids": list(scenario.failure_ids),
        "severity": scenario.severity,
        "requirements": list(scenario.requirements),
        "status": scenario.status,
        "step": scenario.step or None,
        "evidence": scenario.evidence.splitlines(),
    }
