"""The JSON that commands write, from the JSON Schemas of the documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from docs.generate.markdown import code, table
from docs.generate.markdown import page as joined

__all__ = ["SHAPES", "page"]

SHAPES: Final = Path(__file__).resolve().parents[2] / "generator" / "finbase" / "report" / "shapes"
"""A JSON Schema for each command that writes a document, called as the command."""

_INTRODUCTION = """# JSON documents

A command with `--json FILE` writes what it found as one JSON document; `-` is standard output, and
what people read then goes to standard error. `schema_version` is raised when a key changes its
meaning or goes; a new key does not raise it, so readers should pass over keys that they do not
know. `generator/finbase/report/shapes/` has the JSON Schema of each document; this page is written
from it."""


def page() -> str:
    """Each document with its version and all its keys, in Markdown."""
    return joined(_INTRODUCTION, *map(_section, sorted(SHAPES.glob("*.json"))))


def _section(path: Path) -> str:
    shape: dict[str, Any] = json.loads(path.read_bytes())
    return joined(
        f"## finbase {path.stem.replace('-', ' ')}",
        f"{shape['title']}.",
        table(("key", "type", "what it is"), _rows(shape, "")),
    )


def _rows(shape: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    """The keys below a part of a document: those of an object, or of what a list holds."""
    required = shape.get("required", ())
    for name, below in shape.get("properties", {}).items():
        way = f"{path}.{name}" if path else name
        about = below.get("description", "")
        absent = "" if name in required else "may be absent"
        yield code(way), _type(below), " ".join(filter(None, (about, absent)))
        yield from _rows(below, way)
    for key, mark in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(below := shape.get(key), Mapping):
            yield from _rows(below, path + mark)
    for below in shape.get("anyOf", ()):
        yield from _rows(below, path)


def _type(shape: Mapping[str, Any]) -> str:
    """The type in words that JSON has, or the values where there are few."""
    if "const" in shape:
        return code(json.dumps(shape["const"]))
    if "enum" in shape:
        return ", ".join(code(json.dumps(value)) for value in shape["enum"])
    if "anyOf" in shape:
        return " or ".join(dict.fromkeys(_type(below) for below in shape["anyOf"]))
    types = shape.get("type", "any")
    words = types if isinstance(types, str) else " or ".join(types)
    return f"{words} of {_type(shape['items'])}" if words == "array" and "items" in shape else words
