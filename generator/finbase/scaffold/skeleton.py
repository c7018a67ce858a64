"""The least environment that is valid, made of the contracts and their examples."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from finbase.contract.contract import Contract, Schema
from finbase.contract.registry import Registry
from finbase.environment.composition import in_order
from finbase.environment.rules.index import RULES
from finbase.environment.rules.rule import Rule
from finbase.environment.schema import TOP
from finbase.scaffold.copying import renamed

__all__ = ["environment"]


def environment(name: str, registry: Registry) -> str:
    """Write the text of an environment that has every module it must have, and nothing more."""
    example = str(_example(TOP.inputs["environment"].schema))
    text = "\n".join([*_head(), *_modules(registry)])
    return f"# {name}: say here what it is for.\n{renamed(text, example, name)}"


def _head() -> Iterator[str]:
    for given in TOP.inputs.values():
        if given.name == "modules":
            continue
        yield f"# {given.description}"
        properties: Mapping[str, Schema] = given.schema.get("properties", {})
        for name, part in properties.items():
            if "enum" in part:
                yield f"# {name} is one of {', '.join(part['enum'])}."
        required = {name: _example(properties[name]) for name in given.schema.get("required", ())}
        yield _entry(given.name, required or _example(given.schema))
        if properties:
            yield ""


def _modules(registry: Registry) -> Iterator[str]:
    contracts = {name: _newest(name, registry) for name in registry.names}
    needed = {name: c for name, c in contracts.items() if c.multiplicity == "one"}
    yield "# The README of a module version, in modules/<name>/<version>/, lists all of its inputs."
    if others := contracts.keys() - needed.keys():
        yield f"# There can also be: {', '.join(sorted(others))}."
    yield "modules:"
    for name in in_order(needed)[0]:
        yield f"  {name}:\n" + textwrap.indent("\n".join(_section(needed[name])), "    ") + "\n"


def _section(contract: Contract) -> Iterator[str]:
    yield _entry("version", str(contract.version))
    required = {given.name: given for given in contract.inputs if given.required}
    bare = [name for name, given in required.items() if not given.schema.get("examples")]
    accepted = _accepted([f"{contract.name}.{name}" for name in bare])
    for name, given in required.items():
        value = _example(given.schema, accepted.get(f"{contract.name}.{name}"))
        yield f"# {given.description}\n{_entry(name, value)}"


def _newest(name: str, registry: Registry) -> Contract:
    """Take the newest release, or the draft of a module that has none yet."""
    released = registry.lock.released(name)
    return registry.get(name, released[-1]) if released else registry.current(name)


def _accepted(ways: list[str]) -> dict[str, Any]:
    """Take values that the rules accept.

    The rule decides that speaks of most of them and of little else; the last of several.
    """

    def order(rule: Rule) -> tuple[int, int]:
        return -sum(way in rule.accepted for way in ways), len(rule.accepted)

    found: dict[str, Any] = {}
    for rule in sorted((rule for rule in reversed(RULES) if not rule.note), key=order):
        found = {way: rule.accepted[way] for way in ways if way in rule.accepted} | found
    return found


def _example(schema: Schema, accepted: Any = None) -> Any:
    if schema.get("examples"):
        return schema["examples"][0]
    if accepted is not None:
        return accepted
    return schema["enum"][0] if "enum" in schema else schema.get("minimum")


def _entry(name: str, value: Any) -> str:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    deep = isinstance(value, list) or any(isinstance(part, dict | list) for part in parts)
    flow = None if deep else False  # collections that hold none are written in one line
    text = yaml.safe_dump({name: value}, default_flow_style=flow, sort_keys=False, width=1000)
    return text.rstrip("\n")
