"""Which modules an environment is composed of: at which versions, with which others, in order."""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator, Mapping
from typing import Any

from finbase import codes
from finbase.contract.contract import Contract, Wire
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.errors import Diagnostic
from finbase.source.document import Document
from finbase.source.scalars import closest, listed, shown

__all__ = ["fitting", "in_order", "missing", "pinned"]

_PSEUDO = ("environment", "instance")


def pinned(
    document: Document, registry: Registry, sections: Mapping[str, Any]
) -> Iterator[Contract | Diagnostic]:
    """The contract of each section's module at the version that it pins, or why there is none."""
    for name, section in sections.items():
        where = ("modules", name)
        at_version = (*where, "version")
        if where in document.spoiled or at_version in document.spoiled:
            continue
        if name not in registry.names:
            hint = closest(name, registry.names) or f"there are {listed(registry.names)}"
            what = f"unknown module `{shown(name)}`"
            yield document.problem(where, codes.UNKNOWN_MODULE, what, hint, key=True)
            continue
        newest = registry.current(name).version
        hint = f"write `version: {newest}` under it"
        if not isinstance(section, dict):
            what = f"`{name}` must be a mapping" + (", but is empty" if section is None else "")
            yield document.problem(where, codes.WRONG_TYPE, what, hint, key=True)
        elif "version" not in section:
            what = f"`{name}` has no `version`"
            yield document.problem(where, codes.MISSING_KEY, what, hint, key=True)
        elif not isinstance(section["version"], str):
            what = f"`{name}.version` must be a version such as {newest}"
            yield document.problem(at_version, codes.WRONG_TYPE, what, f"write {newest}")
        else:
            try:
                yield registry.get(name, Version.parse(section["version"]))
            except (KeyError, ValueError):
                there = listed([str(v) for v in registry.versions(name)])
                what = f"`{name}` has no version {shown(section['version'])}"
                hint = f"its versions: {there}"
                yield document.problem(at_version, codes.UNKNOWN_VERSION, what, hint)


def missing(
    document: Document, registry: Registry, sections: Container[str]
) -> Iterator[Diagnostic]:
    """Modules that every environment has and this one has not."""
    for name in registry.names:
        current = registry.current(name)
        if current.multiplicity == "one" and name not in sections:
            what = f"the module `{name}` is missing"
            hint = f"write `{name}:` with `version: {current.version}` under `modules:`"
            yield document.problem(("modules",), codes.MISSING_MODULE, what, hint, key=True)


def fitting(
    document: Document,
    registry: Registry,
    sections: Container[str],
    contracts: Mapping[str, Contract],
) -> Iterator[Diagnostic]:
    """Outputs that one module takes of another, which is not there or has no such output."""
    for contract in contracts.values():
        for wire in contract.wiring:
            if wire.module in _PSEUDO:
                continue
            where = ("modules", contract.name, "version")
            if source := contracts.get(wire.module):
                if wire.output not in {output.name for output in source.outputs}:
                    what = (
                        f"{contract.name} {contract.version} needs the output {wire.output} of "
                        f"{source.name}, which {source.version} has not"
                    )
                    hint = f"pin another version of {contract.name} or of {source.name}"
                    yield document.problem(where, codes.MISSING_OUTPUT, what, hint)
            elif wire.module not in sections and _needed(wire, registry):
                what = f"`{contract.name}` needs the module `{wire.module}`, which is missing"
                hint = f"write `{wire.module}:` under `modules:`"
                yield document.problem(where, codes.MISSING_SOURCE, what, hint, key=True)


def in_order(contracts: Mapping[str, Contract]) -> tuple[list[str], list[str]]:
    """The modules, each after all that it takes outputs of, and those that form a circle.

    Among modules that are free to come next, the name decides.
    """
    waiting = {n: set(c.requires) & contracts.keys() for n, c in contracts.items()}
    ready = [name for name, needs in waiting.items() if not needs]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        done = heapq.heappop(ready)
        order.append(done)
        for name, needs in waiting.items():
            if done in needs:
                needs.remove(done)
                if not needs:
                    heapq.heappush(ready, name)
    return order, sorted(contracts.keys() - set(order))


def _needed(wire: Wire, registry: Registry) -> bool:
    """Whether a wire cannot do without its module and nothing else says so.

    A ``one`` module that is missing is told of anyway, and a ``many`` one is an empty map.
    """
    if wire.module not in registry.names:
        return True
    return registry.current(wire.module).multiplicity == "optional" and wire.required
