"""What a plan does, as Markdown that a reviewer can paste, and that reads well as it is."""

from __future__ import annotations

from collections.abc import Iterator

from generator.plan_summary import Action, Step, Summary

__all__ = ["markdown"]

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
