"""The result of a rehearsal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from finbase.rehearsal.model import Rehearsal, Step
from finbase.report.columns import columns, counted
from finbase.report.documents import Report


@dataclass(frozen=True)
class RehearsalReport(Report):
    """A rehearsal; its text is wrapped at ``width``."""

    command: ClassVar[str] = "rehearse"
    rehearsal: Rehearsal
    width: int

    def document(self) -> dict[str, Any]:
        """Return the steps, drifts, remaining resources and the search for passwords."""
        rehearsal = self.rehearsal
        return {
            "environment": rehearsal.environment,
            "passed": rehearsal.passed,
            "seconds": round(rehearsal.seconds, 1),
            "calls": rehearsal.calls,
            "steps": [
                asdict(step) | {"seconds": round(step.seconds, 1)} for step in rehearsal.steps
            ],
            "drifts": [asdict(drift) for drift in rehearsal.drifts],
            "kept_by_aws": list(rehearsal.retained),
            "search": asdict(rehearsal.search),
        }

    def _lines(self) -> Iterator[str]:
        rehearsal = self.rehearsal
        head = ("step", "resources", "seconds", "calls", "")
        rows = [head, *map(_row, rehearsal.steps)]
        yield columns(rows, width=self.width, right=(1, 2, 3))
        if rehearsal.retained:
            yield "\nretained after the destroy:"
            yield from (f"  {resource}" for resource in rehearsal.retained)
        if rehearsal.problems:
            yield "\nproblems:"
            for problem in rehearsal.problems:
                yield textwrap.fill(
                    problem, self.width, initial_indent="  ", subsequent_indent="    "
                )
        count = len(rehearsal.problems)
        failed = f"failed: {counted(count, 'problem')}"
        minutes, seconds = divmod(round(rehearsal.seconds), 60)
        yield (
            f"\nrehearsal of {rehearsal.environment} {failed if count else 'passed'}, "
            f"{minutes}:{seconds:02} minutes, {rehearsal.calls} API calls"
        )


def step_line(step: Step) -> str:
    """Return a step on one line, and each of its problems on another.

    >>> print(step_line(Step("add a zone", 20.8, 646, 19, ("No changes",), ("no route",))))
    add a zone: 19 resources, 20.8 seconds, 646 calls; FAIL; No changes
      no route
    """
    name, resources, seconds, count, notes = _row(step)
    parts = [f"{resources} resources"] if resources else []
    line = f"{name}: {', '.join([*parts, f'{seconds} seconds', f'{count} calls'])}"
    return "\n  ".join(["; ".join([line, notes] if notes else [line]), *step.problems])


def _row(step: Step) -> tuple[str, ...]:
    notes = "; ".join([*(["FAIL"] if step.problems else []), *step.notes])
    return step.name, str(step.resources or ""), f"{step.seconds:.1f}", str(step.calls), notes
