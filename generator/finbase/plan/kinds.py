"""Recognise plans that hold no stack to judge, and plans of stacks that finbase rendered.

``features/steps/shared/plan_kinds.py`` does the same for terraform-compliance, which runs
without this package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from finbase.plan.model import blocks

_RELEASED: Final = re.compile(r"(?:.*/)?modules/([\w-]+)/(\d+\.\d+\.\d+)")


class Call(NamedTuple):
    """A block that calls a released module: its label, the name and version, and arguments."""

    label: str
    module: str
    version: str
    arguments: Mapping[str, Any]


def released_calls(plan: Mapping[str, Any]) -> Iterator[Call]:
    """Yield each call of a released module in a root module."""
    for label, call in plan["configuration"]["root_module"].get("module_calls", {}).items():
        if match := _RELEASED.fullmatch(str(call.get("source", ""))):
            yield Call(label, match[1], match[2], call.get("expressions", {}))


def is_rendered(plan: Mapping[str, Any]) -> bool:
    """Return whether a root module calls a released module, as every rendered stack does.

    >>> call = {"source": "../../modules/network/1.0.0"}
    >>> is_rendered({"configuration": {"root_module": {"module_calls": {"network": call}}}})
    True
    """
    return any(True for _ in released_calls(plan))


def leaves_out(plan: Mapping[str, Any], part: str) -> bool:
    """Return whether a rendered stack has no part: a module, or what an input of it lists.

    >>> call = {"source": "../../modules/alarms/1.0.0"}
    >>> call |= {"expressions": {"dashboards": {"constant_value": []}}}
    >>> plan = {"configuration": {"root_module": {"module_calls": {"alarms": call}}}}
    >>> [leaves_out(plan, part) for part in ("cache", "alarms", "alarms.dashboards")]
    [True, False, True]
    """
    calls = [*released_calls(plan)]
    name, _, item = part.partition(".")
    lists = [call.arguments.get(item, {}) for call in calls if call.module == name]
    if not item:
        return bool(calls) and not lists
    return bool(lists) and all(value.get("constant_value") == [] for value in lists)


def absence_of_stack(plan: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why a plan holds no stack to judge, and what to plan instead; None if it holds one."""
    if managed_addresses(plan):
        return None
    changes = [c for c in plan.get("resource_changes", ()) if "deposed" not in c]
    gone = [c for c in changes if c["mode"] == "managed"]
    actions = {action for change in gone for action in change["change"]["actions"]}
    if actions == {"forget"}:
        return (
            f"forgets all {len(gone)} resources, so it leaves no stack to judge",
            "judge the stack that manages them from now on",
        )
    if gone and actions <= {"delete", "forget"}:
        return (
            f"removes all {len(gone)} resources, so it leaves no stack to judge",
            "review what it deletes with `terraform show`, or plan without -destroy",
        )
    if gone:
        return None
    prior = plan.get("prior_state", {}).get("values", {}).get("root_module", {})
    if any(True for _ in _managed(prior)):
        return (
            "is refresh-only, so it contains no planned values to judge",
            "plan without -refresh-only",
        )
    configured = [block for _, block in blocks(plan["configuration"]["root_module"])]
    if not plan.get("resource_changes") and any(r["mode"] == "managed" for r in configured):
        return (
            "has no resource, as with -destroy, -refresh-only or count = 0",
            "plan without these options, and a block that creates something",
        )
    if not is_rendered(plan) and not configured:
        return (
            "is empty: the configuration has no resources",
            "plan in the folder of the stack, such as environments/production",
        )
    return None


def managed_addresses(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the addresses of the planned resources, without those that are only forgotten.

    Terraform lists both a forgotten resource and one whose values are all unknown without values,
    so only the change shows which is which.
    """
    changes = [c for c in plan.get("resource_changes", ()) if "deposed" not in c]
    forgotten = {c["address"] for c in changes if c["change"].get("actions") == ["forget"]}
    found = _managed(plan["planned_values"]["root_module"])
    return tuple(address for address in found if address not in forgotten)


def _managed(module: Mapping[str, Any]) -> Iterator[str]:
    for resource in module.get("resources", ()):
        if resource["mode"] == "managed":
            yield resource["address"]
    for child in module.get("child_modules", ()):
        yield from _managed(child)
