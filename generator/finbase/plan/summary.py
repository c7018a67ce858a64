"""Summarise a plan of an applied stack by module, with what a reviewer must not miss.

That is the data and evidence that would be lost, every change of access (permissions, keys,
policies, security groups, routes), and everything that ``refusals`` finds.
Unlike ``effects``, which compares two plans of an empty state, this reads one plan that Terraform
made from a state, so the result is exact.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from finbase.aws.review import controls_access, shortened
from finbase.errors import FinbaseError
from finbase.plan.effects import Argument, differences
from finbase.plan.model import Action, Change, ResourceChange, loses, managed
from finbase.plan.refusals import Refusal, refusals
from finbase.system.printable import printable

ACTIONS: Mapping[tuple[str, ...], Action] = {
    ("create",): "add",
    ("update",): "change",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("delete",): "destroy",
    ("forget",): "forget",
}


# A key between quotes can contain spaces. A quote without a partner goes to the end of the text.
_ADDRESS = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*(?:"|\Z))+')


@dataclass(frozen=True)
class Step:
    """The change of one resource.

    ``arguments`` are the top-level arguments that change, or those that force a replacement.
    ``loses`` says which data or evidence would be lost, or is empty. ``access`` holds the values
    that change if the resource decides who can reach or read what; it is None for other resources.
    ``imported`` is the id of a resource on the account that the state takes over.
    """

    address: str
    module: str
    action: Action
    arguments: tuple[str, ...] = ()
    moved_from: str = ""
    loses: str = ""
    access: tuple[Argument, ...] | None = None
    imported: str = ""


@dataclass(frozen=True)
class Summary:
    """All steps of a plan, in its order, and the reasons why it must not be applied."""

    steps: tuple[Step, ...]
    refused: tuple[Refusal, ...] = ()

    def updates(self, argument: str) -> bool:
        """Return whether the plan changes an argument of a resource that exists."""
        return any(step.action == "change" and argument in step.arguments for step in self.steps)

    @property
    def losses(self) -> tuple[Step, ...]:
        """The steps that lose something."""
        return tuple(step for step in self.steps if step.loses)

    def unaccepted(self, accepted: Collection[str]) -> tuple[Step, ...]:
        """Return the steps that lose something and are not among the accepted addresses."""
        return tuple(step for step in self.losses if step.address not in accepted)

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules with changes, in the order of the plan."""
        return tuple(dict.fromkeys(step.module for step in self.steps))

    def count(self, action: Action, module: str | None = None) -> int:
        """Return the number of steps with an action, in one module or in all."""
        return sum(s.action == action and module in (None, s.module) for s in self.steps)


def addresses(text: str) -> tuple[str, ...]:
    """Return the addresses of resources in a text, which spaces separate.

    >>> addresses('module.a.b["x y"]  module.a.c')
    ('module.a.b["x y"]', 'module.a.c')
    """
    return tuple(_ADDRESS.findall(text))


def summarise(plan: Mapping[str, Any]) -> Summary:
    """Return the summary of a plan as ``terraform show -json`` prints it.

    Raises ``FinbaseError`` if the plan has an action that a reviewer would not see.
    """
    steps = []
    for resource in managed(plan):
        change = resource["change"]
        action = ACTIONS.get(tuple(change["actions"]))
        if action is None and not {*change["actions"]} <= {"no-op", "read"}:
            what = f"finbase does not know what Terraform does to {printable(resource['address'])}"
            raise FinbaseError(what, f"its actions are {printable(str(change['actions']))}")
        moved_from = resource.get("previous_address", "")
        imported = _imported(change)
        if action is None and (moved_from or imported):
            action = "import" if imported else "move"
        if action is None:
            continue
        steps.append(
            Step(
                resource["address"],
                resource.get("module_address", ""),
                action,
                tuple(_arguments(change)),
                moved_from,
                _loses(resource, action),
                _access(resource, action),
                imported,
            )
        )
    return Summary(tuple(steps), tuple(refusals(plan)))


def _imported(change: Change) -> str:
    importing = change.get("importing")
    if importing is None:
        return ""
    return str(importing.get("id") or importing.get("identity") or "(known after apply)")


def _access(resource: ResourceChange, action: Action) -> tuple[Argument, ...] | None:
    """Return the values that change access; a type that controls access shows all its values."""
    if controls_access(resource["type"]):
        return differences(resource["change"])
    if action not in ("change", "replace"):
        return None
    changed = differences(resource["change"])
    return tuple(a for a in changed if controls_access(a.name.partition(".")[0])) or None


def _loses(resource: ResourceChange, action: Action) -> str:
    if action in ("replace", "destroy"):
        return loses(resource)
    if action != "change":
        return ""
    change = resource["change"]
    return shortened(
        resource["type"],
        change.get("before") or {},
        change.get("after") or {},
        change.get("after_unknown") or {},
    )


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
