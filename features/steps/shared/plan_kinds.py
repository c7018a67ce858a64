"""Recognise plans that no scenario can judge, and plans of stacks that finbase rendered.

This file imports only the standard library. The package has the same answers in
``finbase.plan.kinds``, which refuses such a plan before the scenarios run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_GONE = {"delete", "forget"}
_RENDERED = re.compile(r"(?:.*/)?modules/([\w-]+)/\d+\.\d+\.\d+")


def is_rendered(plan: Mapping[str, Any]) -> bool:
    """Return whether a root module calls a released module, as every rendered stack does.

    >>> call = {"source": "../../modules/network/1.0.0"}
    >>> is_rendered({"configuration": {"root_module": {"module_calls": {"network": call}}}})
    True
    """
    calls = plan["configuration"]["root_module"].get("module_calls", {})
    return any(_RENDERED.fullmatch(str(call.get("source"))) for call in calls.values())


def leaves_out(plan: Mapping[str, Any], part: str) -> bool:
    """Return whether a rendered stack has no part: a module, or what an input of it lists.

    >>> call = {"source": "../../modules/alarms/1.0.0"}
    >>> call |= {"expressions": {"dashboards": {"constant_value": []}}}
    >>> plan = {"configuration": {"root_module": {"module_calls": {"alarms": call}}}}
    >>> [leaves_out(plan, part) for part in ("cache", "alarms", "alarms.dashboards")]
    [True, False, True]
    """
    calls = plan["configuration"]["root_module"].get("module_calls", {})
    pairs = [(_RENDERED.fullmatch(str(call.get("source"))), call) for call in calls.values()]
    modules = [(match[1], call.get("expressions", {})) for match, call in pairs if match]
    name, _, item = part.partition(".")
    lists = [arguments.get(item, {}) for module, arguments in modules if module == name]
    if not item:
        return bool(modules) and not lists
    return bool(lists) and all(value.get("constant_value") == [] for value in lists)


def why_not_judged(plan: Mapping[str, Any]) -> str:
    """Return why no scenario can judge a plan, and what to plan instead; empty if one can."""
    if plan.get("errored"):
        return (
            "the plan is incomplete, because the run of Terraform failed; "
            "fix the errors that Terraform reports, and plan again"
        )
    if plan.get("complete") is False or plan.get("deferred_changes"):
        return (
            "the plan is incomplete: Terraform left out or deferred a part of the stack; "
            "plan without -target and -exclude, and make sure that no change is deferred"
        )
    if any(True for _ in _managed(plan["planned_values"]["root_module"])):
        return ""
    changes = [c for c in plan.get("resource_changes", ()) if "deposed" not in c]
    gone = [c for c in changes if c.get("mode") != "data"]
    actions = {action for c in gone for action in c["change"].get("actions", ())}
    if actions == {"forget"}:
        return (
            f"the plan forgets all {len(gone)} resources, so it leaves no stack to judge; "
            "judge the stack that manages them from now on"
        )
    if gone and actions <= _GONE:
        return (
            f"the plan removes all {len(gone)} resources, so it leaves no stack to judge; "
            "review what it deletes with `terraform show`, or plan without -destroy"
        )
    prior = plan.get("prior_state", {}).get("values", {}).get("root_module", {})
    if not gone and any(True for _ in _managed(prior)):
        return (
            "the plan is refresh-only, so it contains no planned values to judge; "
            "plan without -refresh-only"
        )
    configured = [*_configured(plan["configuration"]["root_module"])]
    if not plan.get("resource_changes") and any(r["mode"] == "managed" for r in configured):
        return (
            "the plan has no resource, as with -destroy, -refresh-only or count = 0; "
            "plan without these options, and a block that creates something"
        )
    if not gone and not is_rendered(plan) and not configured:
        return (
            "the plan is empty: the configuration has no resources; "
            "plan in the folder of the stack, such as environments/production"
        )
    return ""


def _managed(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the managed resources of a planned module, except the ones that are only forgotten."""
    yield from (
        resource
        for resource in module.get("resources", ())
        if resource["mode"] == "managed" and "values" in resource
    )
    for child in module.get("child_modules", ()):
        yield from _managed(child)


def _configured(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", ())
    for call in module.get("module_calls", {}).values():
        yield from _configured(call.get("module", {}))
