"""The parts of a plan's JSON that finbase reads, and the actions of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from finbase.aws.replacements import replacements

Action: TypeAlias = Literal["add", "change", "replace", "destroy", "move", "forget", "import"]


class Change(TypedDict):
    """The values of a resource before and after an apply."""

    actions: list[str]
    before: NotRequired[dict[str, Any] | None]
    after: NotRequired[dict[str, Any] | None]
    after_unknown: NotRequired[dict[str, Any]]
    before_sensitive: NotRequired[dict[str, Any] | bool]
    after_sensitive: NotRequired[dict[str, Any] | bool]
    replace_paths: NotRequired[list[list[str | int]]]
    importing: NotRequired[dict[str, Any]]


class ResourceChange(TypedDict):
    """An entry of ``resource_changes``."""

    address: str
    mode: Literal["managed", "data"]
    type: str
    module_address: NotRequired[str]
    previous_address: NotRequired[str]
    change: Change


def managed(plan: Mapping[str, Any]) -> Iterator[ResourceChange]:
    """Yield the managed resources of a plan, in its order."""
    resources: list[ResourceChange] = plan.get("resource_changes", [])
    return (resource for resource in resources if resource["mode"] == "managed")


def loses(resource: ResourceChange) -> str:
    """Return what the replacement or destruction of a resource would lose, or an empty string.

    Terraform only forgets what has ``skip_destroy``, such as a log group; AWS keeps it.
    """
    known = replacements().get(resource["type"])
    values = resource["change"].get("before") or resource["change"].get("after") or {}
    return known.loses if known and values.get("skip_destroy") is not True else ""


def managed_in_state(state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the managed resources of a state, or of the ``prior_state`` of a plan."""
    queue = [state.get("values", {}).get("root_module", {})]
    while queue:
        module = queue.pop()
        queue += module.get("child_modules", ())
        yield from (r for r in module.get("resources", ()) if r["mode"] == "managed")


def blocks(module: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each block of a configuration's module and of the modules that it calls.

    The address has no keys: a configuration names blocks, not their instances.

    >>> child = {"module": {"resources": [{"address": "aws_vpc.main"}]}}
    >>> dict(blocks({"module_calls": {"network": child}}))
    {'module.network.aws_vpc.main': {'address': 'aws_vpc.main'}}
    """
    for block in module.get("resources", ()):
        yield f"{above}{block['address']}", block
    for name, call in module.get("module_calls", {}).items():
        yield from blocks(call.get("module", {}), f"{above}module.{name}.")
