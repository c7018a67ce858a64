"""Find changes in a plan although nobody changed anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finbase.rehearsal.model import Drift

__all__ = ["changes", "drifts"]


def changes(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the changes of managed resources in a plan, without no-ops."""
    return [
        change
        for change in plan.get("resource_changes", ())
        if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
    ]


def drifts(plan: Mapping[str, Any], name: str) -> tuple[Drift, ...]:
    """Return all changes of resources and outputs in the plan with that name.

    >>> drifts({"output_changes": {"host": {"actions": ["update"]}}}, "after the apply")
    (Drift(plan='after the apply', address='output.host', action='update', arguments=()),)
    """
    outputs = plan.get("output_changes", {}).items()
    return (
        *(
            Drift(name, change["address"], _action(change["change"]), _arguments(change["change"]))
            for change in changes(plan)
        ),
        *(
            Drift(name, f"output.{output}", _action(change), ())
            for output, change in outputs
            if change["actions"] != ["no-op"]
        ),
    )


def _action(change: Mapping[str, Any]) -> str:
    return "/".join(change["actions"])


def _arguments(change: Mapping[str, Any]) -> tuple[str, ...]:
    before, after = change["before"] or {}, change["after"] or {}
    unknown = change.get("after_unknown") or {}
    return tuple(
        name
        for name in sorted({*before, *after, *unknown})
        if before.get(name) != after.get(name) or unknown.get(name) is True
    )
