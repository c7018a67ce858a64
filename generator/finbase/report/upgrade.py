"""The effects of an upgrade."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from finbase.plan.effects import Argument, Effect
from finbase.plan.model import Action
from finbase.report.documents import Report
from finbase.report.plan import MARKS
from finbase.upgrade.preview import InputChange, Upgrade

_ACTIONS: tuple[Action, ...] = ("add", "change", "move", "replace", "destroy")
_LONGEST = 76


@dataclass(frozen=True)
class UpgradeReport(Report):
    """What an upgrade of an environment changes."""

    command: ClassVar[str] = "upgrade"
    upgrade: Upgrade

    def document(self) -> dict[str, Any]:
        """Return the modules with their changes, the problems, and the effects of the plan."""
        upgrade = self.upgrade
        return {
            "environment": upgrade.before.name,
            "modules": [
                {
                    "name": module.name,
                    "before": str(module.before),
                    "after": str(module.after),
                    "inputs": [asdict(change) for change in module.inputs],
                    "notes": [
                        {"before": str(n.before), "after": str(n.after), "text": n.text}
                        for n in module.notes
                    ],
                }
                for module in upgrade.modules
            ],
            "problems": [str(problem) for problem in upgrade.problems],
            "effects": [asdict(effect) for effect in upgrade.effects],
            "data_loss": bool(upgrade.losses),
        }

    def _lines(self) -> Iterator[str]:
        upgrade = self.upgrade
        for module in upgrade.modules:
            yield f"{upgrade.before.name}: {module.name} {module.before} -> {module.after}"
            for change in module.inputs:
                yield f"  input {change.name}: {_input(change)}"
            for note in module.notes:
                yield f"  from {note.before} to {note.after}"
                yield from (f"    {line}".rstrip() for line in note.text.splitlines())
        yield ""
        if upgrade.after is None:
            yield f"{upgrade.before.document.path} is not valid with the new versions:"
            yield from map(str, upgrade.problems)
            return
        yield from effect_lines(upgrade.effects)


@dataclass(frozen=True)
class NoUpgradeReport(Report):
    """An environment that already has the newest releases."""

    command: ClassVar[str] = "upgrade"
    environment: str
    module: str

    def document(self) -> dict[str, Any]:
        """Return the document of an upgrade without changes."""
        lists = dict.fromkeys(("modules", "problems", "effects"), ())
        return {"environment": self.environment, **lists, "data_loss": False}

    def _lines(self) -> Iterator[str]:
        yield f"{self.environment} has the newest release of {self.module or 'every module'}"


def effect_lines(effects: Sequence[Effect]) -> Iterator[str]:
    """Yield the lines of effects: counts, each effect, restarts, and data loss at the end."""
    counts = Counter(effect.action for effect in effects)
    yield "plan: " + ", ".join(f"{counts[action]} to {action}" for action in _ACTIONS)
    for effect in effects:
        yield from _effect(effect)
    for effect in effects:
        if effect.restarts:
            yield f"RESTART: {effect.address}; clients lose their connections"
    for effect in effects:
        if effect.loses:
            yield f"DATA LOSS: {effect.address}, to {effect.action}, loses {effect.loses}"


def _input(change: InputChange) -> str:
    text = change.what
    if change.before and change.after:
        text += f", {change.after} instead of {change.before}"
    elif change.after:
        text += f", default {change.after}"
    return f"{text} (the environment sets it)" if change.overridden else text


def _effect(effect: Effect) -> Iterator[str]:
    moved = f" (moved from {effect.moved_from})" if effect.moved_from else ""
    yield f"  {MARKS[effect.action]:3} {effect.address}{moved}"
    for argument in effect.arguments:
        yield f"        {_argument(argument)}"


def _argument(argument: Argument) -> str:
    before, after = (_short(value) for value in (argument.before, argument.after))
    return f"{argument.name}: {before} -> {after}"


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
