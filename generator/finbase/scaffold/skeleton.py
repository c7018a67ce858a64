"""Write a minimal valid environment from the contracts and their examples."""

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


def environment(name: str, registry: Registry) -> str:
    """Return the text of an environment that contains the required modules only."""
    example = str(_example(TOP.inputs["environment"].schema))
    text = "\n".join([*_head(), *_modules(registry)])
    return f"# {name}: describe its purpose here.\n{renamed(text, example, name)}"


def _head() -> Iterator[str]:
    for top in TOP.inputs.values():
        if top.name == "modules":
            continue
        yield f"# {top.description}"
        properties: Mapping[str, Schema] = top.schema.get("properties", {})
        for name, part in properties.items():
            if "enum" in part:
                yield f"# {name} is one of {', '.join(part['enum'])}."
        required = {name: _example(properties[name]) for name in top.schema.get("required", ())}
        yield _entry(top.name, required or _example(top.schema))
        if properties:
            yield ""


def _modules(registry: Registry) -> Iterator[str]:
    contracts = {name: _newest(name, registry) for name in registry.names}
    needed = {name: c for name, c in contracts.items() if c.multiplicity == "one"}
    yield "# modules/<name>/<version>/README.md lists all inputs of a module version."
    if others := contracts.keys() - needed.keys():
        yield f"# Optional modules: {', '.join(sorted(others))}."
    yield "modules:"
    for name in in_order(needed)[0]:
        yield f"  {name}:\n" + textwrap.indent("\n".join(_section(needed[name])), "    ") + "\n"


def _section(contract: Contract) -> Iterator[str]:
    yield _entry("version", str(contract.version))
    required = {item.name: item for item in contract.inputs if item.required}
    bare = [name for name, item in required.items() if not item.schema.get("examples")]
    accepted = _accepted([f"{contract.name}.{name}" for name in bare])
    for name, item in required.items():
        value = _example(item.schema, accepted.get(f"{contract.name}.{name}"))
        yield f"# {item.description}\n{_entry(name, value)}"


def _newest(name: str, registry: Registry) -> Contract:
    """Return the newest release of a module, or its draft if there is none."""
    released = registry.lock.released(name)
    return registry.get(name, released[-1]) if released else registry.current(name)


def _accepted(names: list[str]) -> dict[str, Any]:
    """Return values that the rules accept, by input.

    The rule whose example covers most of the inputs, and few others, decides; of equal ones, the
    last.
    """

    def order(rule: Rule) -> tuple[int, int]:
        return -sum(name in rule.accepted for name in names), len(rule.accepted)

    values: dict[str, Any] = {}
    for rule in sorted((rule for rule in reversed(RULES) if not rule.note), key=order):
        values = {name: rule.accepted[name] for name in names if name in rule.accepted} | values
    return values


def _example(schema: Schema, accepted: Any = None) -> Any:
    if schema.get("examples"):
        return schema["examples"][0]
    if accepted is not None:
        return accepted
    return schema["enum"][0] if "enum" in schema else schema.get("minimum")


def _entry(name: str, value: Any) -> str:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    deep = isinstance(value, list) or any(isinstance(part, dict | list) for part in parts)
    flow = None if deep else False  # Collections of scalars are written on one line.
    text = yaml.safe_dump({name: value}, default_flow_style=flow, sort_keys=False, width=1000)
    return text.rstrip("\n")
