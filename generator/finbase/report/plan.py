"""The changes of a plan, as Markdown that reads well in a terminal and in a review."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, ClassVar

from finbase.plan.effects import Argument
from finbase.plan.model import Action
from finbase.plan.summary import Step, Summary
from finbase.render.markdown import code, table
from finbase.report.documents import Report

MARKS: dict[Action, str] = {
    "add": "+",
    "change": "~",
    "replace": "-/+",
    "destroy": "-",
    "move": ">",
    "forget": "x",
    "import": "=",
}


# Other names contain keys of maps, which anybody writes.
_PLAIN = re.compile(r"[\w.]*", re.ASCII)
_MOST_VALUES = 400
_MOST_TEXT = 2000
"""More than a policy of AWS can have: in CI, nobody can run `terraform show` to read the rest."""


@dataclass(frozen=True)
class PlanReport(Report):
    """The summary of an environment's plan; ``accepted`` are the addresses of accepted losses."""

    command: ClassVar[str] = "plan"
    environment: str
    summary: Summary
    accepted: frozenset[str] = frozenset()

    def document(self) -> dict[str, Any]:
        """Return the counts of the actions, and all steps."""
        return {
            "environment": self.environment,
            "counts": {action: self.summary.count(action) for action in MARKS},
            "steps": [asdict(step) for step in self.summary.steps],
            "data_loss": bool(self.summary.losses),
            "refused": [asdict(refusal) for refusal in self.summary.refused],
        }

    def _lines(self) -> Iterator[str]:
        summary = self.summary
        if not summary.steps:
            yield f"### {self.environment}: no changes"
        else:
            yield from self._changes()
        for warnings in _warnings(summary, self.accepted):
            yield from ("", *warnings) if warnings else ()

    def _changes(self) -> Iterator[str]:
        summary = self.summary
        used = [action for action in MARKS if summary.count(action)]
        counts = ", ".join(f"{summary.count(action)} to {action}" for action in used)
        yield f"### {self.environment}: {counts}"
        yield ""
        rows = [
            (_name(module), *(str(summary.count(action, module) or "") for action in used))
            for module in summary.modules
        ]
        yield table(("module", *used), rows, numbers=True)
        access = [step for step in summary.steps if step.access is not None]
        others = [step for step in summary.steps if step.access is None]
        for title, steps in (
            ("Changes of access: permissions, keys, policies, secrets, network", access),
            ("Other changes", others),
        ):
            if steps:
                yield ""
                yield f"**{title}**"
                yield ""
            for step in steps:
                yield _step(step)
                yield from _values(step.access or ())


def _warnings(summary: Summary, accepted: frozenset[str]) -> Iterator[list[str]]:
    """Yield a paragraph for each kind of refusal, and one for the losses."""
    for _, refused in groupby(summary.refused, key=lambda refusal: refusal.kind):
        yield [f"**{r.kind}**: {code(r.address)} {r.why}; {r.fix}" for r in refused]
    yield [
        f"**DATA LOSS**: {code(step.address)}, to {step.action}, loses {step.loses}"
        f"{'; accepted by its name' * (step.address in accepted)}"
        for step in summary.losses
    ]


def _name(module: str) -> str:
    return code(module.removeprefix("module.")) or "the stack itself"


def _step(step: Step) -> str:
    text = f"- {code(MARKS[step.action])} {code(step.address)}"
    if step.moved_from:
        text += f", moved from {code(step.moved_from)}"
    if step.imported:
        text += f", imported from {code(step.imported)}"
    if step.arguments:
        why = "because of" if step.action == "replace" else "changes"
        text += f": {why} {', '.join(step.arguments)}"
    return text


def _values(arguments: Sequence[Argument]) -> Iterator[str]:
    for argument in arguments[:_MOST_VALUES]:
        before, after = (_shortened(text) for text in (argument.before, argument.after))
        change = code(after) if argument.before == "null" else f"{code(before)} → {code(after)}"
        name = argument.name if _PLAIN.fullmatch(argument.name) else code(argument.name)
        yield f"  - {name} = {change}"
    if len(arguments) > _MOST_VALUES:
        yield f"  - and {len(arguments) - _MOST_VALUES} more values: see `terraform show`"


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
