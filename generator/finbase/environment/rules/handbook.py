"""Every demand on an environment file, with its reason and examples, for people to look up.

Rules carry theirs with them. Those of the schema and of the reader stand in ``bounds.yaml`` and
``reading.yaml``; the words of a bound are its input's own, in the contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from finbase.contract.contract import Input, Schema
from finbase.contract.registry import Registry
from finbase.environment.refusals import code_of
from finbase.environment.rules.rule import Change
from finbase.environment.schema import TOP

__all__ = ["Bound", "Reading", "bounds", "find_input", "place", "readings"]

_HERE: Final = Path(__file__).parent
_NESTED: Final = ("items", "additionalProperties")


@dataclass(frozen=True)
class Bound:
    """What one input is held to by its schema.

    ``name`` is ``module.input``, or a field at the top of the file. ``codes`` are those that a
    breach may be told with. Each of ``accepted`` and ``refused`` is a whole change.
    """

    name: str
    given: Input
    why: str
    source: str
    accepted: tuple[Change, ...]
    refused: tuple[Change, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of its breaches, sorted; that of a wrong type goes without saying."""
        return tuple(sorted(set(_codes(self.given.schema))))


@dataclass(frozen=True)
class Reading:
    """Why a file is refused before any rule is asked; ``source`` may be empty.

    The examples are text of a file, or changes, or words.
    """

    code: str
    why: str
    source: str
    accepted: str | Change
    refused: str | Change


def bounds(registry: Registry) -> tuple[Bound, ...]:
    """Every bound of the newest contracts: first those of the file's top, then by module."""
    found: list[Bound] = []
    for name, entry in _data("bounds").items():
        if given := find_input(registry, name):
            at = f"{place(registry, name)}.{entry['at']}" if "at" in entry else None
            way, beside = at or place(registry, name), entry.get("with", {})
            accepted, refused = (
                tuple({**beside, way: value} for value in entry[key])
                for key in ("accepted", "refused")
            )
            found.append(Bound(name, given, entry["why"], entry["source"], accepted, refused))
    return tuple(found)


def readings() -> tuple[Reading, ...]:
    """Every reason to refuse a file before any rule is asked, in the order of the codes."""
    return tuple(
        Reading(code, entry["why"], entry.get("source", ""), entry["accepted"], entry["refused"])
        for code, entry in _data("reading").items()
    )


def place(registry: Registry, name: str, instance: str = "reporting") -> str:
    """The way to an input in a file; for a module of many instances, in one of them."""
    module, _, rest = name.partition(".")
    many = module in registry.names and registry.current(module).multiplicity == "many"
    return f"{module}.instances.{instance}.{rest}" if many else name


@cache
def _data(name: str) -> Mapping[str, Any]:
    text = (_HERE / f"{name}.yaml").read_bytes()
    data: Mapping[str, Any] = yaml.safe_load(text)
    return data


def find_input(registry: Registry, name: str) -> Input | None:
    """The input of that name, or the field at the top of the file, or a part of one."""
    first, _, rest = name.partition(".")
    if first in TOP.inputs:
        field = TOP.inputs[first]
        if not rest:
            return field
        part = field.schema["properties"][rest]
        return Input(rest, part, part["description"], part.get("rule"), True, False, False)
    if first not in registry.names:
        return None
    return next((i for i in registry.current(first).inputs if i.name == rest), None)


def _codes(schema: Schema) -> Iterator[str]:
    """The code that a breach of each keyword is told with."""
    for keyword, value in schema.items():
        if keyword in _NESTED and isinstance(value, Mapping):
            yield from _codes(value)
        elif keyword == "properties":
            for part in value.values():
                yield from _codes(part)
        elif keyword == "allOf":
            for part in value:
                yield from _codes(part)
        elif keyword != "type" and (code := code_of(keyword)):
            yield code
