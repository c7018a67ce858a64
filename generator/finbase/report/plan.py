"""What a plan does: as Markdown that a reviewer can paste and that reads well as it is, as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from finbase.plan.summary import Action, Step, Summary
from finbase.report import document

__all__ = ["SCHEMA_VERSION", "markdown", "render_json"]

SCHEMA_VERSION = 1
_ACTIONS: tuple[Action, ...] = ("add", "change", "replace", "destroy", "move", "forget")
_MARKS: dict[Action, str] = {
    "add": "+",
    "change": "~",
    "replace": "-/+",
    "destroy": "-",
    "move": ">",
    "forget": "x",
}


def markdown(environment: str, summary: Summary) -> str:
    """Sum a plan up: a heading, a table by module, every step that is no mere addition."""
    return "\n".join(_lines(environment, summary))


def render_json(environment: str, summary: Summary) -> str:
    """Return the JSON document as text."""
    return document.render(
        SCHEMA_VERSION,
        environment=environment,
        counts={action: summary.count(action) for action in _ACTIONS},
        steps=[{**vars(step), "arguments": list(step.arguments)} for step in summary.steps],
        data_loss=bool(summary.losses),
    )


def _lines(environment: str, summary: Summary) -> Iterator[str]:
    if not summary.steps:
        yield f"### {environment}: no changes"
        return
    used = [action for action in _ACTIONS if summary.count(action)]
    counted = ", ".join(f"{summary.count(action)} to {action}" for action in used)
    yield f"### {environment}: {counted}"
    yield ""
    yield f"| module | {' | '.join(used)} |"
    yield f"|---|{'---:|' * len(used)}"
    for module in summary.modules:
        numbers = (str(summary.count(action, module) or "") for action in used)
        yield f"| {_name(module)} | {' | '.join(numbers)} |"
    shown = [step for step in summary.steps if step.action != "add"]
    if shown:
        yield ""
    for step in shown:
        yield _step(step)
    if summary.losses:
        yield ""
    for step in summary.losses:
        yield f"**DATA LOSS**: `{step.address}`, to {step.action}: with it goes {step.loses}"


def _name(module: str) -> str:
    return f"`{module.removeprefix('module.')}`" if module else "the stack itself"


def _step(step: Step) -> str:
    text = f"- `{_MARKS[step.action]}` `{step.address}`"
    if step.moved_from:
        text += f", moved from `{step.moved_from}`"
    if step.arguments:
        why = "because of" if step.action == "replace" else "changes"
        text += f": {why} {', '.join(step.arguments)}"
    return text
