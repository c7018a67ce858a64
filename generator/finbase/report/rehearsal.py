"""A rehearsal as text for people, and as values for machines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from finbase.rehearsal.model import Rehearsal
from finbase.report import document

__all__ = ["SCHEMA_VERSION", "data", "render_json", "text"]

SCHEMA_VERSION = 1


def text(rehearsal: Rehearsal, width: int) -> str:
    """Return the report, without a newline at its end."""
    return "\n".join(_lines(rehearsal, width))


def render_json(rehearsal: Rehearsal) -> str:
    """Return the JSON document as text."""
    return document.render(SCHEMA_VERSION, **data(rehearsal))


def data(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return the report as plain values."""
    return {
        "environment": rehearsal.environment,
        "passed": rehearsal.passed,
        "seconds": round(rehearsal.seconds, 1),
        "calls": rehearsal.calls,
        "steps": [asdict(step) | {"seconds": round(step.seconds, 1)} for step in rehearsal.steps],
        "drifts": [asdict(drift) for drift in rehearsal.drifts],
        "kept_by_aws": list(rehearsal.kept),
        "search": asdict(rehearsal.search),
    }


def _lines(rehearsal: Rehearsal, width: int) -> Iterator[str]:
    names = max(len("step"), *(len(step.name) for step in rehearsal.steps))
    yield f"{'step':<{names}}  resources  seconds  calls  "
    margin = " " * (names + 28)
    for step in rehearsal.steps:
        resources = str(step.resources or "")
        head = f"{step.name:<{names}}  {resources:>9}  {step.seconds:>7.1f}  {step.calls:>5}  "
        verdict = ["FAIL"] if step.problems else []
        told = textwrap.fill(
            "; ".join([*verdict, *step.told]),
            max(width, len(margin) + 30),
            initial_indent=head,
            subsequent_indent=margin,
        )
        yield told or head.rstrip()
    excused = [drift for drift in rehearsal.drifts if drift.excuse]
    if excused:
        yield ""
        yield "drift that is the local AWS's fault, not the stack's:"
        for drift in excused:
            yield f"  {drift.address} {', '.join(drift.arguments)}: {drift.excuse}"
    if rehearsal.kept:
        yield ""
        yield "kept by AWS itself after the destroy:"
        yield from (f"  {thing}" for thing in rehearsal.kept)
    if rehearsal.problems:
        yield ""
        yield "wrong:"
        for problem in rehearsal.problems:
            yield textwrap.fill(problem, width, initial_indent="  ", subsequent_indent="    ")
    yield ""
    outcome = "passed" if rehearsal.passed else f"failed: {len(rehearsal.problems)} problems"
    minutes, seconds = divmod(round(rehearsal.seconds), 60)
    yield (
        f"rehearsal of {rehearsal.environment} {outcome}, {minutes}:{seconds:02} minutes, "
        f"{rehearsal.calls} calls of the API"
    )
