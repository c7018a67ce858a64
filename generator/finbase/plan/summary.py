"""Summarise a plan of an applied stack by module, with the data that it would lose.

Unlike ``effects``, which compares two plans of an empty state, this reads one plan that Terraform
made from a state, so the result is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from finbase.plan.model import Action, Change, loses, managed

ACTIONS: Mapping[tuple[str, ...], Action] = {
    ("create",): "add",
    ("update",): "change",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("delete",): "destroy",
    ("forget",): "forget",
}


@dataclass(frozen=True)
class Step:
    """The change of one resource.

    ``arguments`` are the top-level arguments that change, or those that force a replacement.
    ``loses`` says which data would be lost, or is empty.
    """

    address: str
    module: str
    action: Action
    arguments: tuple[str, ...] = ()
    moved_from: str = ""
    loses: str = ""


@dataclass(frozen=True)
class Summary:
    """All steps of a plan, in its order."""

    steps: tuple[Step, ...]

    @property
    def losses(self) -> tuple[Step, ...]:
        """The steps that lose something."""
        return tuple(step for step in self.steps if step.loses)

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules with changes, in the order of the plan."""
        return tuple(dict.fromkeys(step.module for step in self.steps))

    def count(self, action: Action, module: str | None = None) -> int:
        """Return the number of steps with an action, in one module or in all."""
        return sum(s.action == action and module in (None, s.module) for s in self.steps)


def summarise(plan: Mapping[str, Any]) -> Summary:
    """Return the summary of a plan as ``terraform show -json`` prints it."""
    steps = []
    for resource in managed(plan):
        change = resource["change"]
        action = ACTIONS.get(tuple(change["actions"]))
        moved_from = resource.get("previous_address", "")
        if action is None and moved_from:
            action = "move"
        if action is None:
            continue
        steps.append(
            Step(
                resource["address"],
                resource.get("module_address", ""),
                action,
                tuple(_arguments(change)),
                moved_from,
                loses(resource) if action in ("replace", "destroy") else "",
            )
        )
    return Summary(tuple(steps))


def _arguments(change: Change) -> list[str]:
    if paths := change.get("replace_paths"):
        return sorted({str(path[0]) for path in paths if path})
    if tuple(change["actions"]) != ("update",):
        return []
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown = change.get("after_unknown") or {}
    return sorted(
        name
        for name in {*before, *after, *unknown}
        if before.get(name) != after.get(name) or unknown.get(name) is True
    )
