"""Check that a plan agrees with itself.

A plan repeats each fact: planned values, changes and configuration all describe the same
resources. A plan that was cut or edited in one place disagrees with another place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any, Final

from finbase.plan.addresses import block_of

_STEP: Final = re.compile(r'module\.([\w-]+)(?:\[(?:"(?:[^"\\]|\\.)*"|[0-9]+)\])?')
_IDENTITY: Final = ("mode", "type", "name")
_GONE: Final = frozenset({"delete", "forget"})


def disagreements(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield each contradiction between two parts of a plan."""
    planned: dict[str, Mapping[str, Any]] = {}
    root, values = plan["configuration"]["root_module"], plan["planned_values"]
    changes = [change for change in plan.get("resource_changes", ()) if "deposed" not in change]
    changed = {block_of(change["address"]) for change in changes if not _is_gone(change)}
    yield from _module(values["root_module"], root, "", planned, changed)
    yield from _changes(planned, changes)
    outputs = values.get("outputs", {})
    yield from _outputs(outputs, root.get("outputs", {}), plan.get("output_changes", {}))


def _module(
    planned: Mapping[str, Any],
    configured: Mapping[str, Any],
    address: str,
    planned_resources: dict[str, Mapping[str, Any]],
    changed: Set[str],
) -> Iterator[str]:
    """Compare a planned module with its configuration, and collect its planned resources.

    A block without an instance is a contradiction if ``changed`` has one of its instances.
    Otherwise the plan does not show whether it has none: Terraform omits a ``for_each`` of
    constants, such as ``toset([])``, from the configuration.
    """
    prefix = f"{address}." if address else ""
    configured_resources = {_identity(r): r for r in configured.get("resources", ())}
    if len(configured_resources) < len(configured.get("resources", ())):
        yield f"a resource of {address or 'the stack'} is configured twice"
    here = set()
    for resource in planned.get("resources", ()):
        address = resource["address"]
        # Terraform lists a resource that it only forgets, without values.
        if "values" not in resource and _identity(resource) not in configured_resources:
            continue
        if address in planned_resources:
            yield f"{address} is planned twice"
        planned_resources[address] = resource
        here.add(_identity(resource))
        if not _has_own_address(resource, prefix):
            yield f"{address} is not the address of {prefix}{resource['type']}.{resource['name']}"
        if _identity(resource) not in configured_resources:
            yield f"{address} is planned, but not configured"
    for identity, resource in configured_resources.items():
        block = f"{prefix}{resource['type']}.{resource['name']}"
        if identity in here or identity[0] != "managed" or not _is_one(resource):
            continue
        if block_of(block) in changed:
            yield f"{block} is configured, but not planned"
    yield from _children(planned, configured, prefix, planned_resources, changed)


def _children(
    planned: Mapping[str, Any],
    configured: Mapping[str, Any],
    prefix: str,
    planned_resources: dict[str, Mapping[str, Any]],
    changed: Set[str],
) -> Iterator[str]:
    calls, here = configured.get("module_calls", {}), set()
    for child in planned.get("child_modules", ()):
        step = _STEP.fullmatch(child["address"].removeprefix(prefix))
        if step is None or step[1] not in calls:
            if not _is_forgotten(child):
                yield f"{child['address']} is planned, but not configured"
            continue
        here.add(step[1])
        yield from _module(
            child, calls[step[1]]["module"], child["address"], planned_resources, changed
        )
    for name, call in calls.items():
        arguments = call.get("expressions", {})
        for variable, declaration in call["module"].get("variables", {}).items():
            if "default" not in declaration and variable not in arguments:
                yield f"{prefix}module.{name} lacks {variable}, which has no default"
        if name not in here and _is_one(call):  # Valid if it has no resources.
            address = f"{prefix}module.{name}"
            yield from _module({}, call["module"], address, planned_resources, changed)


def _changes(
    planned: Mapping[str, Mapping[str, Any]], changes: list[Mapping[str, Any]]
) -> Iterator[str]:
    """Compare planned values with changes: the same resources, and the same values."""
    changed = set()
    for entry in changes:
        address, change = entry["address"], entry["change"]
        if address in changed:
            yield f"{address} is changed twice"
        changed.add(address)
        if _is_gone(entry):
            if address in planned and "delete" in change["actions"]:
                yield f"{address} is planned, and deleted as well"
            continue
        if address not in planned:
            yield f"{address} is in resource_changes, but not in planned_values"
        elif any(entry.get(key) != planned[address].get(key) for key in (*_IDENTITY, "index")):
            yield f"{address} has another type, name or key in resource_changes"
        elif (change.get("after") or {}) != planned[address].get("values", {}):
            yield f"{address} has other values in planned_values than in resource_changes"
    for address in planned:
        if address not in changed:
            yield f"{address} is in planned_values, but not in resource_changes"


def _outputs(
    planned: Mapping[str, Mapping[str, Any]],
    configured: Mapping[str, Any],
    changes: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    for name, change in changes.items():
        if change.get("actions") == ["delete"]:
            continue
        if name not in planned or name not in configured:
            yield f"the output {name} is in output_changes, but not everywhere else"
        elif "value" not in planned[name]:
            if not change.get("after_unknown"):
                yield f"the output {name} has no value in planned_values"
        elif planned[name]["value"] != change.get("after"):
            yield f"the output {name} has another value in planned_values than in output_changes"
    for name in {*planned, *configured}:
        if name not in changes:
            yield f"the output {name} is not in output_changes"


def _is_forgotten(module: Mapping[str, Any]) -> bool:
    """Return whether Terraform only forgets the resources of a module: it lists no values."""
    children = module.get("child_modules", ())
    return not any("values" in r for r in module.get("resources", ())) and all(
        map(_is_forgotten, children)
    )


def _identity(resource: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(resource[key] for key in _IDENTITY)


def _has_own_address(resource: Mapping[str, Any], prefix: str) -> bool:
    """Return whether an address fits its type, name and key; keys may be escaped."""
    address, key = resource["address"], resource.get("index")
    data = "data." if resource["mode"] == "data" else ""
    own = f"{prefix}{data}{resource['type']}.{resource['name']}"
    if isinstance(key, str):
        return bool(address.startswith(f'{own}["') and address.endswith('"]'))
    return bool(address == (own if key is None else f"{own}[{key}]"))


def _is_one(configured: Mapping[str, Any]) -> bool:
    """Return whether the plan shows neither a ``count`` nor a ``for_each``."""
    return not configured.keys() & {"count_expression", "for_each_expression"}


def _is_gone(change: Mapping[str, Any]) -> bool:
    actions = change["change"].get("actions")
    return bool(actions) and _GONE.issuperset(actions)
