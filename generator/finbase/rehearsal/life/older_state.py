"""Makes a state as an older provider wrote it; a plan with it must show no changes.

Only one version of the provider is pinned, so there is no such state to record. For each type whose
schema the provider upgrades, this undoes the last upgrade in a current state. What an upgrade does
is in `*_migrate.go` of the provider's source.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, TypeAlias

_Values: TypeAlias = dict[str, Any]


def _id_was_identifier(values: _Values) -> None:
    """Since version 2, the id of an instance is its resource id."""
    values["id"] = values["identifier"]


def _state_was_flag(values: _Values) -> None:
    """Since version 1, a rule has a state instead of a flag."""
    values["is_enabled"] = values.pop("state") == "ENABLED"


def _bus_was_missing(values: _Values) -> None:
    """Since version 1, a target names its event bus."""
    del values["event_bus_name"]


# Type → the version before the current one of its schema, and what undoes the upgrade.
_OLDER: dict[str, tuple[int, Callable[[_Values], None]]] = {
    "aws_db_instance": (1, _id_was_identifier),
    "aws_cloudwatch_event_rule": (0, _state_was_flag),
    "aws_cloudwatch_event_target": (0, _bus_was_missing),
}


def older(state: bytes) -> bytes:
    """Return a state file in which these types have the schema before the current one."""
    document = json.loads(state)
    for resource in document["resources"]:
        if resource["type"] not in _OLDER or resource["mode"] != "managed":
            continue
        version, undo = _OLDER[resource["type"]]
        for instance in resource["instances"]:
            instance["schema_version"] = version
            undo(instance["attributes"])
            instance["private"] = _private(instance["private"], version)
    return json.dumps(document).encode()


def versions(state: bytes) -> dict[tuple[str, str], set[int]]:
    """Return the versions of the schemas in a state file, by module and type, of these types."""
    found: dict[tuple[str, str], set[int]] = {}
    for resource in json.loads(state)["resources"]:
        if resource["type"] in _OLDER and resource["mode"] == "managed":
            found.setdefault((resource.get("module", ""), resource["type"]), set()).update(
                instance["schema_version"] for instance in resource["instances"]
            )
    return found


def _private(text: str, version: int) -> str:
    """Return what the provider keeps for itself, where it repeats the version as a text."""
    private = json.loads(base64.b64decode(text))
    private["schema_version"] = str(version)
    return base64.b64encode(json.dumps(private).encode()).decode()
