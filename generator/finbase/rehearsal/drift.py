"""Changes that a plan finds though nobody changed anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finbase.rehearsal.model import Drift

__all__ = ["ALLOWED", "Allowed", "changes", "drifts"]


@dataclass(frozen=True)
class Allowed:
    """A drift that is the local AWS's fault and cannot be mended there.

    It covers changes of nothing but ``arguments`` of resources of ``type``.
    """

    type: str
    arguments: frozenset[str]
    reason: str


ALLOWED: tuple[Allowed, ...] = ()
"""Every drift that is passed over; five at most, or the local AWS is too far from AWS."""


def changes(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the managed resources that a plan does something to, in its order."""
    return [
        change
        for change in plan.get("resource_changes", ())
        if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
    ]


def drifts(
    plan: Mapping[str, Any], when: str, allowed: Sequence[Allowed] = ALLOWED
) -> tuple[Drift, ...]:
    """Give what a plan that should find nothing wants to change, outputs included."""
    found = [_drift(change, when, allowed) for change in changes(plan)]
    found += [
        Drift(when, f"output.{name}", "/".join(change["actions"]), ())
        for name, change in plan.get("output_changes", {}).items()
        if change["actions"] != ["no-op"]
    ]
    return tuple(found)


def _drift(change: Mapping[str, Any], when: str, allowed: Sequence[Allowed]) -> Drift:
    before, after = change["change"]["before"] or {}, change["change"]["after"] or {}
    unknown = change["change"].get("after_unknown") or {}
    arguments = {
        name
        for name in {*before, *after, *unknown}
        if before.get(name) != after.get(name) or unknown.get(name) is True
    }
    updated = change["change"]["actions"] == ["update"]
    excuses = [
        a.reason
        for a in allowed
        if updated and a.type == change["type"] and arguments <= a.arguments
    ]
    action = "/".join(change["change"]["actions"])
    return Drift(when, change["address"], action, tuple(sorted(arguments)), "; ".join(excuses))
