"""States as if a stack had been applied, made from plans: for plans that must not ask AWS.

A resource goes into the state once a plan contains all that its configuration sets; what AWS would
compute is made up. That makes more known, and so the next plan more resources, until a plan of
the same stack from the state says that nothing is to be done.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finbase.terraform.workspace import Workspace

_MOST = 9


def fabricated(workspace: Workspace, stack: Path, project: Path) -> bytes:
    """Make a state of the stack; fails where that does not come to an end."""
    known: dict[str, dict[str, Any]] = {}
    for _ in range(_MOST):
        state = _state(known)
        plan = json.loads(workspace.plan(stack, project=project, state=state))
        added = dict(_complete(plan, known))
        if not added:
            assert actions(plan) == {"no-op"}, sorted(actions(plan))
            return state
        known |= added
    raise AssertionError(f"{stack} is not known after {_MOST} plans")


def actions(plan: Mapping[str, Any]) -> set[str]:
    """What a plan does to the resources of a stack; a move alone is a ``move``."""
    found = set()
    for resource in plan["resource_changes"]:
        if resource["mode"] == "managed":
            action = "-".join(resource["change"]["actions"])
            moved = "previous_address" in resource and action == "no-op"
            found.add("move" if moved else action)
    return found


def _complete(
    plan: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find the resources that are not in the state yet, and whose arguments are all known."""
    arguments = dict(_arguments(plan["configuration"]["root_module"], ""))
    versions = dict(_versions(plan["planned_values"]["root_module"]))
    for resource in plan["resource_changes"]:
        address, change = resource["address"], resource["change"]
        if resource["mode"] != "managed" or address in known:
            continue
        unknown = change["after_unknown"]
        if not any(
            _unknown(unknown.get(n)) for n in arguments[re.sub(r"\[[^\]]*\]$", "", address)]
        ):
            attributes = _made_up(change["after"], unknown, address, "")
            yield address, {**resource, "made_up": attributes, "schema": versions[address]}


def _arguments(module: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, list[str]]]:
    for resource in module.get("resources", ()):
        yield prefix + resource["address"], list(resource.get("expressions", {}))
    for name, call in module.get("module_calls", {}).items():
        yield from _arguments(call["module"], f"{prefix}module.{name}.")


def _versions(module: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for resource in module.get("resources", ()):
        yield resource["address"], resource["schema_version"]
    for child in module.get("child_modules", ()):
        yield from _versions(child)


def _unknown(part: Any) -> bool:
    if isinstance(part, dict):
        return any(map(_unknown, part.values()))
    return any(map(_unknown, part)) if isinstance(part, list) else part is True


def _made_up(value: Any, unknown: Any, address: str, name: str) -> Any:
    if unknown is True:
        digest = hashlib.sha256(address.encode()).hexdigest()[:17]
        if name == "arn":
            return f"arn:aws:iam::111122223333:fabricated/{digest}"
        return {"tags_all": {}, "id": f"fabricated-{digest}"}.get(name)
    if isinstance(value, dict) or isinstance(unknown, dict):
        value, unknown = value or {}, unknown or {}
        return {
            key: _made_up(value.get(key), unknown.get(key), address, key)
            for key in {**value, **unknown}
        }
    return value


def _state(known: Mapping[str, Mapping[str, Any]]) -> bytes:
    resources: dict[tuple[str, str, str], dict[str, Any]] = {}
    for resource in known.values():
        module = resource.get("module_address", "")
        entry = resources.setdefault(
            (module, resource["type"], resource["name"]),
            {
                **({"module": module} if module else {}),
                "mode": "managed",
                "type": resource["type"],
                "name": resource["name"],
                "provider": f'provider["{resource["provider_name"]}"]',
                "instances": [],
            },
        )
        entry["instances"].append(
            {
                **({"index_key": resource["index"]} if "index" in resource else {}),
                "schema_version": resource["schema"],
                "attributes": resource["made_up"],
                "sensitive_attributes": [],
            }
        )
    state = {"version": 4, "terraform_version": "1.11.0", "serial": 1, "lineage": "fabricated"}
    return json.dumps({**state, "outputs": {}, "resources": list(resources.values())}).encode()
