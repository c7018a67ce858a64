"""How two environments differ, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from finbase.environment.difference import Difference, Side
from finbase.report import document

__all__ = ["SCHEMA_VERSION", "render_json", "text"]

SCHEMA_VERSION = 1
"""Raised when a key changes its meaning or goes; a new key does not raise it."""


def text(differences: Sequence[Difference], left: str, right: str) -> str:
    """Say each difference in a paragraph, and how many there are in the last line."""
    if not differences:
        return f"{left} and {right} are equal but for the name"
    return "\n".join(_lines(differences, left, right))


def render_json(differences: Sequence[Difference], left: str, right: str) -> str:
    """Return the JSON document as text, ASCII only, with a newline at its end."""
    return document.render(
        SCHEMA_VERSION,
        environments=[left, right],
        equal=not differences,
        differences=[
            {"name": each.name, "sides": [_document(each.left), _document(each.right)]}
            for each in differences
        ],
    )


def _lines(differences: Sequence[Difference], left: str, right: str) -> Iterator[str]:
    width = max(len(left), len(right))
    for each in differences:
        yield each.name
        yield f"  {left:{width}}  {_words(each.left)}"
        yield f"  {right:{width}}  {_words(each.right)}"
    count = f"{len(differences)} difference{'' if len(differences) == 1 else 's'}"
    yield f"{count} between {left} and {right}"


def _words(side: Side) -> str:
    value = "(secret)" if side.secret else json.dumps(side.value, ensure_ascii=False)
    match side.kind:
        case "given":
            return f"{value}  {side.path}:{side.line}"
        case "default":
            return f"{value}  (the default of {side.contract})"
        case "unset":
            return f"not set, and {side.contract} has no default for it"
        case "unknown":
            return f"{side.contract} has no such input"
        case "absent":
            return "not there"


def _document(side: Side) -> dict[str, Any]:
    return {
        "kind": side.kind,
        "value": side.value,
        "secret": side.secret,
        "file": side.path or None,
        "line": side.line or None,
        "contract": side.contract or None,
    }
