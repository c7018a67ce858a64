"""What an upgrade does, for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from finbase.plan.effects import Argument, Effect, Kind
from finbase.report import document
from finbase.upgrade.preview import InputChange, ModuleUpgrade, Upgrade

__all__ = ["SCHEMA_VERSION", "render_json", "render_nothing", "text"]

SCHEMA_VERSION = 1

_MARKS: dict[Kind, str] = {
    "added": "+",
    "changed": "~",
    "moved": ">",
    "replaced": "-/+",
    "destroyed": "-",
}
_MOST = 76


def text(upgrade: Upgrade) -> str:
    """Tell all that an upgrade does; what would be lost stands at the end, where it is seen."""
    return "\n".join(_lines(upgrade))


def _lines(upgrade: Upgrade) -> Iterator[str]:
    name = upgrade.before.name
    for module in upgrade.modules:
        yield f"{name}: {module.name} {module.before} -> {module.after}"
        yield from _inputs(module)
        for note in module.notes:
            yield f"  from {note.before} to {note.after}"
            yield from (f"    {line}".rstrip() for line in note.text.splitlines())
    if upgrade.after is None:
        yield ""
        yield f"{upgrade.before.document.path} does not fit yet; with the new pins it would say:"
        yield from map(str, upgrade.problems)
        return
    counts = Counter(effect.kind for effect in upgrade.effects)
    yield ""
    yield "plan: " + ", ".join(f"{counts[kind]} {kind}" for kind in _MARKS)
    for effect in upgrade.effects:
        yield from _effect(effect)
    for effect in upgrade.losses:
        yield f"DATA LOSS: {effect.address} is {effect.kind}, and with it goes {effect.loses}"


def _inputs(module: ModuleUpgrade) -> Iterator[str]:
    for change in module.inputs:
        yield f"  input {change.name}: {_input(change)}"


def _input(change: InputChange) -> str:
    said = change.what
    if change.before and change.after:
        said += f", {change.after} instead of {change.before}"
    elif change.after:
        said += f", default {change.after}"
    return f"{said} (the environment gives it)" if change.given else said


def _effect(effect: Effect) -> Iterator[str]:
    moved = f" (moved from {effect.moved_from})" if effect.moved_from else ""
    yield f"  {_MARKS[effect.kind]:3} {effect.address}{moved}"
    for argument in effect.arguments:
        yield f"        {_argument(argument)}"


def _argument(argument: Argument) -> str:
    before, after = (_short(value) for value in (argument.before, argument.after))
    return f"{argument.name}: {before} -> {after}"


def _short(value: str) -> str:
    return value if len(value) <= _MOST else f"{value[: _MOST - 1]}…"


def render_json(upgrade: Upgrade) -> str:
    """Return the JSON document as text."""
    return document.render(
        SCHEMA_VERSION,
        environment=upgrade.before.name,
        modules=[
            {
                "name": module.name,
                "before": str(module.before),
                "after": str(module.after),
                "inputs": [vars(change) for change in module.inputs],
                "notes": [
                    {"before": str(n.before), "after": str(n.after), "text": n.text}
                    for n in module.notes
                ],
            }
            for module in upgrade.modules
        ],
        problems=[str(problem) for problem in upgrade.problems],
        effects=[
            {**vars(effect), "arguments": [vars(each) for each in effect.arguments]}
            for effect in upgrade.effects
        ],
        data_loss=bool(upgrade.losses),
    )


def render_nothing(environment: str) -> str:
    """Return the same document for an environment that nothing newer is there for."""
    nothing: dict[str, list[str]] = {"modules": [], "problems": [], "effects": []}
    return document.render(SCHEMA_VERSION, environment=environment, **nothing, data_loss=False)
