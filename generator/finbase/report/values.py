"""The values of an environment, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from finbase.render.values import Value
from finbase.report import document

__all__ = ["SCHEMA_VERSION", "render_json", "table"]

SCHEMA_VERSION = 1
_LONGEST = 60


def table(values: Sequence[Value]) -> str:
    """Write a line for each value: name, value, where it comes from."""
    names = max(len(value.name) for value in values)
    texts = min(max(len(_text(value)) for value in values), _LONGEST)
    return "\n".join(
        f"{value.name:{names}}  {_text(value):{texts}}  {_origin(value)}".rstrip()
        for value in values
    )


def render_json(environment: str, values: Sequence[Value]) -> str:
    """Return the JSON document as text."""
    return document.render(
        SCHEMA_VERSION, environment=environment, values=[vars(value) for value in values]
    )


def _text(value: Value) -> str:
    if value.secret:
        return "(secret)"
    return "-" if value.origin == "unset" else value.text


def _origin(value: Value) -> str:
    match value.origin:
        case "given":
            return f"{value.source}:{value.line}"
        case "wired":
            return f"wired from {value.source}"
        case "default":
            return f"default of {value.source}"
        case "unset":
            return f"unset; {value.source} has no default"
