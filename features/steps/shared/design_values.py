"""Values of a plan as the design profile writes them, and the arguments that have them."""

from __future__ import annotations

from typing import Any, NamedTuple

from stack_graph import UNKNOWN, Resource


class Argument(NamedTuple):
    """One argument of one resource, with its planned value."""

    resource: Resource
    path: str
    value: Any
    module: str
    version: str = "0.0.0"


class Deviation(NamedTuple):
    """One difference between the plan and the design, and the control that fails for it."""

    control: str
    text: str


def text(value: Any) -> str:
    """Write a planned value as the profile writes it.

    >>> text(True), text(8000000000.0), text(None)
    ('true', '8000000000', 'not set')
    """
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def listed(value: Any) -> list[Any]:
    """Return a value as a list, as policies allow both."""
    return [] if value is None else value if isinstance(value, list) else [value]


def merged(value: Any, unknown: Any) -> Any:
    """Return a planned value in which ``UNKNOWN`` stands for what is known only after apply."""
    if unknown is True:
        return UNKNOWN
    if not unknown:  # Most values: all of them is known.
        return value
    if isinstance(unknown, dict):
        parts = value if isinstance(value, dict) else {}
        return {k: merged(parts.get(k), unknown.get(k)) for k in {**parts, **unknown}}
    if isinstance(unknown, list):
        items = value if isinstance(value, list) else []
        size = max(len(items), len(unknown))
        return [
            merged(items[i] if i < len(items) else None, unknown[i] if i < len(unknown) else None)
            for i in range(size)
        ]
    return value
