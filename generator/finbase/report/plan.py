"""The changes of a plan, as Markdown that reads well in a terminal and in a review."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from finbase.plan.model import Action
from finbase.plan.summary import Step, Summary
from finbase.report.markdown import code, table

MARKS: dict[Action, str] = {
    "add": "+",
    "change": "~",
    "replace": "-/+",
    "destroy": "-",
    "move": ">",
    "forget": "x",
}


@dataclass(frozen=True)
class PlanReport:
    """The summary of an environment's plan."""

    command: ClassVar[str] = "plan"
    environment: str
    summary: Summary

    def text(self) -> str:
        """Return a heading, a table by module, and a line per change other than an addition."""
        return "\n".join(self._lines())

    def document(self) -> dict[str, Any]:
        """Return the counts of the actions, and all steps."""
        return {
            "environment": self.environment,
            "counts": {action: self.summary.count(action) for action in MARKS},
            "steps": [asdict(step) for step in self.summary.steps],
            "data_loss": bool(self.summary.losses),
        }

    def _lines(self) -> Iterator[str]:
        summary = self.summary
        if not summary.steps:
            yield f"### {self.environment}: no changes"
            return
        used = [action for action in MARKS if summary.count(action)]
        counts = ", ".join(f"{summary.count(action)} to {action}" for action in used)
        yield f"### {self.environment}: {counts}"
        yield ""
        rows = [
            (_name(module), *(str(summary.count(action, module) or "") for action in used))
            for module in summary.modules
        ]
        yield table(("module", *used), rows, numbers=True)
        listed = [step for step in summary.steps if step.action != "add"]
        if listed:
            yield ""
        yield from map(_step, listed)
        if summary.losses:
            yield ""
        for step in summary.losses:
            yield f"**DATA LOSS**: `{step.address}`, to {step.action}, loses {step.loses}"


def _name(module: str) -> str:
    return code(module.removeprefix("module.")) or "the stack itself"


def _step(step: Step) -> str:
    text = f"- `{MARKS[step.action]}` `{step.address}`"
    if step.moved_from:
        text += f", moved from `{step.moved_from}`"
    if step.arguments:
        why = "because of" if step.action == "replace" else "changes"
        text += f": {why} {', '.join(step.arguments)}"
    return text
