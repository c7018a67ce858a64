"""A plan on what is applied → what it does, by module, and what would be lost with it.

Unlike ``effects``, which compares two plans from nothing, this reads one plan that Terraform made
from a state: its own word on what is replaced, moved and destroyed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from finbase.aws.replacements import replacements

__all__ = ["Action", "Step", "Summary", "summarise"]

Action: TypeAlias = Literal["add", "change", "replace", "destroy", "move", "forget"]

_ACTIONS: Mapping[tuple[str, ...], Action] = {
    ("create",): "add",
    ("update",): "change",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("delete",): "destroy",
    ("forget",): "forget",
}


@dataclass(frozen=True)
class Step:
    """What happens to one resource.

    ``arguments`` are the ones that change at the top level, or, of a replacement, that demand
    it. ``loses`` says what would be lost, and is empty where nothing would.
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
        """The modules that something happens in, in the order of the plan."""
        return tuple(dict.fromkeys(step.module for step in self.steps))

    def count(self, action: Action, module: str | None = None) -> int:
        """Count the steps of an action, in one module or in all."""
        return sum(s.action == action and module in (None, s.module) for s in self.steps)


def summarise(plan: Mapping[str, Any]) -> Summary:
    """Read the plan, as ``terraform show -json`` gives it."""
    steps = []
    for resource in plan.get("resource_changes", ()):
        if resource["mode"] != "managed":
            continue
        change = resource["change"]
        action = _ACTIONS.get(tuple(change["actions"]))
        moved_from = resource.get("previous_address", "")
        if action is None and moved_from:
            action = "move"
        if action is None:
            continue
        known = replacements().get(resource["type"])
        loses = known.loses if known and action in ("replace", "destroy") else ""
        steps.append(
            Step(
                resource["address"],
                resource.get("module_address", ""),
                action,
                tuple(_arguments(change)),
                moved_from,
                loses,
            )
        )
    return Summary(tuple(steps))


def _arguments(change: Mapping[str, Any]) -> list[str]:
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
