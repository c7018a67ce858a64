"""The changes of a plan, as Markdown that reads well in a terminal and in a review."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
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
            "provisioners": list(self.summary.provisioners),
            "stale_secrets": [asdict(stale) for stale in self.summary.stale],
            "lost_resets": list(self.summary.lost_resets),
            "refused_upgrades": [asdict(upgrade) for upgrade in self.summary.upgrades],
            "moved_replicas": list(self.summary.moved_replicas),
            "cache_settings": [asdict(cache) for cache in self.summary.cache_settings],
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
    """Yield a paragraph for each kind of change that a reviewer must not miss; most are empty."""
    yield [
        f"**PROVISIONER**: {code(address)} runs a program during the apply; "
        "remove it, since no plan shows what it does"
        for address in summary.provisioners
    ]
    yield [
        f"**STALE SECRET**: {code(stale.address)} keeps the old "
        f"{' and '.join(map(code, stale.fields))}, so clients and the rotation will fail; "
        "increase database.password_generation in the same change"
        for stale in summary.stale
    ]
    yield [
        f"**LOST RESET**: {code(address)} would get a password that the database does not "
        "have, because an earlier apply failed before it was set; "
        "increase database.password_generation once more, render and plan again"
        for address in summary.lost_resets
    ]
    yield [
        f"**MAJOR UPGRADE**: AWS refuses to change {code(upgrade.address)} from "
        f"{upgrade.before} to {upgrade.after}. Set database.previous_engine_version to "
        f'"{upgrade.before}" and database.allow_major_version_upgrade to true in the same '
        "change, apply it, wait until every instance is upgraded, then remove both and "
        "apply again: docs/how-to/upgrade-postgresql.md"
        for upgrade in summary.upgrades
    ]
    yield [
        f"**REPLICA**: the provider cannot change the source of {code(address)}, and the "
        "apply would stop half-way. Mark it for replacement with `terraform taint "
        f"{address}`, and plan again: docs/how-to/restore-a-snapshot.md"
        for address in summary.moved_replicas
    ]
    yield [
        f"**CACHE**: AWS refuses to change {', '.join(map(code, cache.settings))} of "
        f"{code(cache.address)} at once, and the apply would stop half-way. Change one, apply, "
        "then change the next: docs/how-to/change-the-cache.md"
        for cache in summary.cache_settings
    ]
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
