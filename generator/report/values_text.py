"""The values of an environment, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from generator.values import Value

__all__ = ["render_json", "table"]

_LONGEST = 60


def table(values: Sequence[Value]) -> str:
    """Write a line for each value: name, value, where it comes from."""
    names = max(len(value.name) for value in values)
    texts = min(max(len(_text(value)) for value in values), _LONGEST)
    return "\n".join(
        f"{value.name:{names}}  {_text(value):{texts}}  {_origin(value)}".rstrip()
        for value in values
    )


def render_json(values: Sequence[Value]) -> str:
    """Write the values as a JSON list."""
    return json.dumps([vars(value) for value in values], indent=2, ensure_ascii=False) + "\n"


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
