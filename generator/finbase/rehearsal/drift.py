"""Find changes in a plan although nobody changed anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finbase.plan.summary import ACTIONS, summarise
from finbase.rehearsal.model import Drift


def drifts(plan: Mapping[str, Any], name: str) -> tuple[Drift, ...]:
    """Return all changes of resources and outputs in the plan with that name.

    >>> drifts({"output_changes": {"host": {"actions": ["update"]}}}, "after the apply")
    (Drift(plan='after the apply', address='output.host', action='change', arguments=()),)
    """
    outputs = {
        output: ACTIONS.get(tuple(change["actions"]))
        for output, change in plan.get("output_changes", {}).items()
    }
    return (
        *(Drift(name, s.address, s.action, s.arguments) for s in summarise(plan).steps),
        *(Drift(name, f"output.{output}", action) for output, action in outputs.items() if action),
    )
