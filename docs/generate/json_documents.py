"""Generate the page of the JSON documents that commands write, from their JSON Schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from docs.generate.markdown import page as joined
from finbase.render.markdown import code, table

SHAPES: Final = Path(__file__).resolve().parents[2] / "generator" / "finbase" / "report" / "shapes"
"""The folder of JSON Schemas; each file is named after the command that writes the document."""

_INTRODUCTION = """# JSON documents

After this page, you can read the JSON of every command in a program of your own.

With `--json FILE`, a command writes its result as one JSON document. With `--json -` the document
goes to standard output and the text to standard error. `schema_version` grows when a key changes
its meaning or is removed. New keys do not raise it, so readers should ignore unknown keys.
The JSON Schema of each document is in `generator/finbase/report/shapes/`."""


def page() -> str:
    """Return the page: every document with its version and all keys."""
    return joined(_INTRODUCTION, *map(_section, sorted(SHAPES.glob("*.json"))))


def _section(path: Path) -> str:
    shape: dict[str, Any] = json.loads(path.read_bytes())
    return joined(
        f"## finbase {path.stem.replace('-', ' ')}",
        f"{shape['title']}.",
        table(("key", "type", "meaning"), _rows(shape, "")),
    )


def _rows(shape: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    """Yield a row for each key below an object, or below the items of a list."""
    required = shape.get("required", ())
    for name, below in shape.get("properties", {}).items():
        key_path = f"{path}.{name}" if path else name
        description = below.get("description", "")
        absent = "" if name in required else "may be absent"
        yield code(key_path), _type(below), " ".join(filter(None, (description, absent)))
        yield from _rows(below, key_path)
    for key, mark in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(below := shape.get(key), Mapping):
            yield from _rows(below, path + mark)
    for below in shape.get("anyOf", ()):
        yield from _rows(below, path)


def _type(shape: Mapping[str, Any]) -> str:
    """Return the JSON type in words, or the allowed values."""
    if "const" in shape:
        return code(json.dumps(shape["const"]))
    if "enum" in shape:
        return ", ".join(code(json.dumps(value)) for value in shape["enum"])
    if "anyOf" in shape:
        return " or ".join(dict.fromkeys(_type(below) for below in shape["anyOf"]))
    types = shape.get("type", "any")
    name = types if isinstance(types, str) else " or ".join(types)
    return f"{name} of {_type(shape['items'])}" if name == "array" and "items" in shape else name
