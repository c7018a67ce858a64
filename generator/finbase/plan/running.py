"""The stack as it runs: what Terraform read from AWS before it planned, as a plan without changes.

The controls judge planned values. A plan that changes nothing plans what runs already, so the
same controls judge a running stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from finbase.errors import ComplianceError
from finbase.plan.addresses import block_of
from finbase.plan.model import blocks, managed_in_state

_ENTRY: Final = ("address", "mode", "type", "name", "index", "provider_name")
_OF_THE_RUN: Final = ("resource_drift", "relevant_attributes", "deferred_changes")


def as_it_runs(plan: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a plan of the stack as the state describes it, with the configuration of ``plan``.

    ``plan`` is a plan as ``terraform show -json`` prints it, made with a refresh; ``name`` names
    it in messages. Resources that the configuration lacks are left out: see ``unconfigured``.
    Raises ``ComplianceError`` if the state has no resources.
    """
    state = plan.get("prior_state", {}).get("values", {})
    if not any(True for _ in running(plan)):
        raise ComplianceError(
            f"the state of {name} has no resources, so nothing runs",
            "apply the stack first, or plan without -refresh=false on its own backend",
        )
    configured = _configured(plan)
    root = _module(state["root_module"], configured)
    outputs, changes = _outputs(plan, state.get("outputs", {}))
    return {
        **{key: value for key, value in plan.items() if key not in _OF_THE_RUN},
        "planned_values": {"outputs": outputs, "root_module": root},
        "resource_changes": [
            _unchanged(resource) for resource in managed_in_state({"values": {"root_module": root}})
        ],
        "output_changes": changes,
    }


def unconfigured(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the addresses of resources that run although the configuration lacks them."""
    configured = _configured(plan)
    return tuple(r["address"] for r in running(plan) if block_of(r["address"]) not in configured)


def unconfirmed(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the addresses of subscriptions that nobody has confirmed: they deliver nothing.

    ``pending_confirmation`` is from ``aws_sns_topic_subscription``.
    """
    return tuple(r["address"] for r in running(plan) if r["values"].get("pending_confirmation"))


def running(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return the managed resources of the refreshed state of a plan."""
    return managed_in_state(plan.get("prior_state", {}))


def _configured(plan: Mapping[str, Any]) -> set[str]:
    return {address for address, _ in blocks(plan["configuration"]["root_module"])}


def _module(module: Mapping[str, Any], configured: set[str]) -> dict[str, Any]:
    """Return a module of the state as a planned one: its configured resources, without data."""
    resources = [
        {key: value for key, value in resource.items() if key != "depends_on"}
        for resource in module.get("resources", ())
        if resource["mode"] == "managed" and block_of(resource["address"]) in configured
    ]
    children = [_module(child, configured) for child in module.get("child_modules", ())]
    return {**module, "resources": resources, "child_modules": children}


def _unchanged(resource: Mapping[str, Any]) -> dict[str, Any]:
    values, sensitive = resource["values"], resource.get("sensitive_values", {})
    change = {
        "actions": ["no-op"],
        "before": values,
        "after": values,
        "after_unknown": {},
        "before_sensitive": sensitive,
        "after_sensitive": sensitive,
    }
    return {**{key: resource[key] for key in _ENTRY if key in resource}, "change": change}


def _outputs(
    plan: Mapping[str, Any], applied: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configured outputs as planned values and as changes.

    The value of an output that was never applied is unknown.
    """
    outputs, changes = {}, {}
    for name, output in plan["configuration"]["root_module"].get("outputs", {}).items():
        if name in applied:
            value = applied[name].get("value")
            outputs[name] = applied[name]
            changes[name] = {"actions": ["no-op"], "before": value, "after": value}
        else:
            outputs[name] = {"sensitive": bool(output.get("sensitive"))}
            changes[name] = {"actions": ["create"], "before": None, "after_unknown": True}
    return outputs, changes
