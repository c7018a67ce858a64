"""Recognise plans that hold no stack to judge, and plans of stacks that finbase rendered.

The features do the same for terraform-compliance, without this package. So what they say is read
from the features that finbase was released with, not from those of a project.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any, Final, NamedTuple

from finbase.plan.graph import load_reader
from finbase.project.shipped import shipped

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
    return bool(_released().leaves_out(plan, part))


def absence_of_stack(plan: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why a plan holds no stack to judge, and what to plan instead; None if it holds one."""
    why, _, hint = _released().why_not_judged(plan).removeprefix("the plan ").partition("; ")
    return (why, hint) if why else None


@cache
def _released() -> ModuleType:
    module = load_reader(shipped("features"), "plan_kinds")
    assert module is not None  # noqa: S101
    return module


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
