"""The requirements of the schema and of the reader, with reasons and examples.

``finbase explain`` and the page of rules show them beside the rules. ``bounds.yaml`` has the
reasons for the schema, ``reading.yaml`` those of the reader. The contract of an input states the
bound itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from finbase.contract.contract import Input, Schema
from finbase.contract.registry import Registry
from finbase.environment.refusals import code_of
from finbase.environment.rules.rule import Change
from finbase.environment.schema import TOP
from finbase.source.cache import load_yaml


@dataclass(frozen=True)
class Bound:
    """The values that the schema allows for one input.

    ``name`` is ``module.input``, or a field at the top of the file. ``accepted`` and ``refused``
    are examples, each complete.
    """

    name: str
    input: Input
    why: str
    source: str
    accepted: tuple[Change, ...]
    refused: tuple[Change, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of breaches, sorted, without the one for a wrong type."""
        return tuple(sorted(set(_codes(self.input.schema))))


@dataclass(frozen=True)
class Reading:
    """A reason to reject a file before the rules are checked; ``source`` may be empty.

    The examples are the text of a file, values by path, or a description.
    """

    code: str
    why: str
    accepted: str | Change
    refused: str | Change
    source: str = ""


def bounds(registry: Registry) -> tuple[Bound, ...]:
    """Return the bounds of the newest contracts: first the top of the file, then by module."""
    results: list[Bound] = []
    for name, entry in _data("bounds").items():
        if declared := find_input(registry, name):
            path = place(registry, name) + (f".{entry['at']}" if "at" in entry else "")
            accepted, refused = (
                tuple({**entry.get("with", {}), path: value} for value in entry[key])
                for key in ("accepted", "refused")
            )
            results.append(Bound(name, declared, entry["why"], entry["source"], accepted, refused))
    return tuple(results)


def readings() -> tuple[Reading, ...]:
    """Return every reason to reject a file before the rules are checked, by code."""
    return tuple(Reading(code, **entry) for code, entry in _data("reading").items())


def place(registry: Registry, name: str, instance: str = "reporting") -> str:
    """Return the path of an input in a file; for a ``many`` module, in one instance."""
    module, _, rest = name.partition(".")
    many = module in registry.names and registry.current(module).multiplicity == "many"
    return f"{module}.instances.{instance}.{rest}" if many else name


@cache
def _data(name: str) -> Mapping[str, Any]:
    data: Mapping[str, Any] = load_yaml(Path(__file__).with_name(f"{name}.yaml").read_bytes())
    return data


def find_input(registry: Registry, name: str) -> Input | None:
    """Return the input of that name, or the field at the top of the file, or a part of it."""
    first, _, rest = name.partition(".")
    if first in TOP.inputs:
        field = TOP.inputs[first]
        if not rest:
            return field
        part = field.schema["properties"][rest]
        return Input(rest, part, part["description"], part.get("rule"), required=True)
    if first not in registry.names:
        return None
    contract = registry.current(first)
    return next((i for i in (*contract.inputs, *contract.wiring) if i.name == rest), None)


def _codes(schema: Schema) -> Iterator[str]:
    """Yield the code of a breach of each keyword."""
    for keyword, value in schema.items():
        parts = [value] if keyword in ("items", "additionalProperties") else []
        parts = [*value.values()] if keyword == "properties" else parts
        parts = value if keyword == "allOf" else parts
        for part in parts:
            if isinstance(part, Mapping):
                yield from _codes(part)
        if keyword != "type" and (code := code_of(keyword)):
            yield code
