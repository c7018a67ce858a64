"""The parts of a plan's JSON that finbase reads, and the actions of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from finbase.aws.replacements import replacements

Action: TypeAlias = Literal["add", "change", "replace", "destroy", "move", "forget"]


class Change(TypedDict):
    """The values of a resource before and after an apply."""

    actions: list[str]
    before: NotRequired[dict[str, Any] | None]
    after: NotRequired[dict[str, Any] | None]
    after_unknown: NotRequired[dict[str, Any]]
    before_sensitive: NotRequired[dict[str, Any] | bool]
    after_sensitive: NotRequired[dict[str, Any] | bool]
    replace_paths: NotRequired[list[list[str | int]]]


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
    """Return what the replacement or destruction of a resource would lose, or an empty string."""
    known = replacements().get(resource["type"])
    return known.loses if known else ""
