"""Plans of a few resources, written as ``terraform show -json`` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def reference(*names: str) -> dict[str, Any]:
    """An expression that refers to other resources."""
    return {"references": [part for name in names for part in (f"{name}.id", name)]}


def resource(
    address: str,
    values: Mapping[str, Any] | None = None,
    expressions: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A resource that will be made; what it takes from others is known after apply only."""
    type_, name = address.split(".")
    written = {
        key: [{k: {"constant_value": v} for k, v in each.items()} for each in value]
        if isinstance(value, list) and value and isinstance(value[0], dict)
        else {"constant_value": value}
        for key, value in (values or {}).items()
    }
    return {
        "address": address,
        "mode": "managed",
        "type": type_,
        "name": name,
        "values": dict(values or {}),
        "unknown": {"id": True, **dict.fromkeys(expressions or {}, True)},
        "expressions": {**written, **(expressions or {})},
    }


def plan(*resources: Mapping[str, Any]) -> dict[str, Any]:
    """A plan that makes these resources in the root module."""
    keys = ("address", "mode", "type", "name")
    made: dict[str, Any] = {
        "planned_values": {
            "root_module": {"resources": [{k: r[k] for k in (*keys, "values")} for r in resources]}
        },
        "resource_changes": [
            {"address": r["address"], "change": {"after_unknown": r["unknown"]}} for r in resources
        ],
        "configuration": {
            "root_module": {
                "resources": [{k: r[k] for k in (*keys, "expressions")} for r in resources]
            }
        },
    }
    copy: dict[str, Any] = json.loads(json.dumps(made))
    return copy
