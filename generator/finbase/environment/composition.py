"""Resolve the module versions that an environment pins, check that they fit, and order them."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Collection, Iterator, Mapping

from finbase import codes
from finbase.contract.contract import Contract, Wire
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.errors import Diagnostic, InputError
from finbase.source.document import Document, Where
from finbase.source.scalars import closest, listed, nearest, printable

_PSEUDO = ("environment", "instance")


def pinned(document: Document, registry: Registry, name: str, section: object) -> Contract:
    """Return the contract of a section at its pinned version.

    Raises ``InputError`` for an unknown module, and for a missing, invalid or unknown version.
    """
    where: Where = ("modules", name)
    at_key = True
    if name not in registry.names:
        code, message = codes.UNKNOWN_MODULE, f"unknown module `{printable(name)}`"
        hint = closest(name, registry.names) or f"available modules: {listed(registry.names)}"
        raise InputError([document.problem(where, code, message, hint, key=True)])
    newest = registry.current(name).version
    hint = f"add `version: {newest}` below it"
    if not isinstance(section, dict):
        code, message = codes.WRONG_TYPE, f"`{name}` must be a mapping"
        message += ", but is empty" if section is None else ""
    elif "version" not in section:
        code, message = codes.MISSING_KEY, f"`{name}` has no `version`"
        if other := next((key for key in section if nearest(key, ["version"])), None):
            hint = f"write `version` instead of `{printable(other)}`"
    else:
        where, at_key, version = (*where, "version"), False, section["version"]
        code, message = codes.WRONG_TYPE, f"`{name}.version` must be a version such as {newest}"
        hint = f"write {newest}"
        if isinstance(version, str):
            with contextlib.suppress(KeyError, ValueError):
                return registry.get(name, Version.parse(version))
            code, message = codes.UNKNOWN_VERSION, f"`{name}` has no version {printable(version)}"
            hint = f"available versions: {listed(map(str, registry.versions(name)))}"
    raise InputError([document.problem(where, code, message, hint, key=at_key)])


def missing(
    document: Document, registry: Registry, sections: Collection[str]
) -> Iterator[Diagnostic]:
    """Yield an error for each required module that neither it nor another one stands for."""
    others = stand_ins(registry)
    misspelt = _misspelt(registry, sections)
    for name in registry.names:
        current = registry.current(name)
        instead = others.get(name, [])
        if name in misspelt:
            continue
        if current.multiplicity == "one" and not any(n in sections for n in (name, *instead)):
            message = f"the required module `{name}` is missing"
            hint = f"add `{name}:` with `version: {current.version}` below `modules:`"
            if instead:
                hint += f"; {listed(f'`{other}`' for other in instead)} can stand in its place"
            yield document.problem(("modules",), codes.MISSING_MODULE, message, hint, key=True)


def _misspelt(registry: Registry, sections: Collection[str]) -> set[str | None]:
    """Return the modules that unknown names of sections are misspellings of; others report them."""
    unknown = [name for name in sections if name not in registry.names]
    return {nearest(name, registry.names) for name in unknown}


def stand_ins(registry: Registry) -> dict[str, list[str]]:
    """Return the modules that can stand in the place of another one, by the name of that one."""
    found: dict[str, list[str]] = {}
    for name in registry.names:
        if place := registry.current(name).in_place_of:
            found.setdefault(place, []).append(name)
    return found


def one_in_each_place(
    document: Document, contracts: Mapping[str, Contract]
) -> Iterator[Diagnostic]:
    """Yield an error for each module whose place another one of the environment has already."""
    taken: dict[str, str] = {}
    for name in sorted(contracts, key=lambda name: bool(contracts[name].in_place_of)):
        first = taken.setdefault(contracts[name].place, name)
        if first != name:
            place = contracts[name].place
            too = "which is there, too" if first == place else f"as `{first}` does"
            message = f"`{name}` stands in the place of `{place}`, {too}"
            hint = f"remove `{first}:` or `{name}:`"
            yield document.problem(("modules", name), codes.SAME_PLACE, message, hint, key=True)


def fitting(
    document: Document,
    registry: Registry,
    sections: Collection[str],
    contracts: Mapping[str, Contract],
) -> Iterator[Diagnostic]:
    """Yield an error for each wire whose module is missing or has no such output."""
    places = {contract.place: contract for contract in contracts.values()}
    instead = stand_ins(registry)
    present = {*sections, *_misspelt(registry, sections)}
    for contract in contracts.values():
        for wire in contract.wiring:
            if wire.module in _PSEUDO:
                continue
            where = ("modules", contract.name, "version")
            if source := places.get(wire.module):
                if wire.output not in {output.name for output in source.outputs}:
                    message = (
                        f"{contract.name} {contract.version} requires the output `{wire.output}`, "
                        f"which {source.name} {source.version} does not have"
                    )
                    hint = f"pin another version of {contract.name} or of {source.name}"
                    yield document.problem(where, codes.MISSING_OUTPUT, message, hint)
            elif not any(
                name in present for name in (wire.module, *instead.get(wire.module, ()))
            ) and _needed(wire, registry):
                message = f"`{contract.name}` requires the module `{wire.module}`, which is missing"
                hint = f"add `{wire.module}:` below `modules:`"
                yield document.problem(where, codes.MISSING_SOURCE, message, hint, key=True)


def distinct(
    document: Document, sections: Mapping[str, object], contracts: Mapping[str, Contract]
) -> Iterator[Diagnostic]:
    """Yield an error for each name in Terraform that two modules would share.

    The block of an instance has the name ``<module>_<instance>``, and an output of the stack has
    the name ``<module>_<output>``, or ``<module>_<instance>_<output>`` for a further database.
    Another module, or another instance, can have the same name.
    """
    first: dict[tuple[str, str], tuple[str, str]] = {}
    for name, contract in contracts.items():
        section = sections[name]
        instances = section.get("instances") if isinstance(section, dict) else None
        many = contract.multiplicity == "many"
        keyed = instances if isinstance(instances, dict) and (many or contract.repeats) else ()
        exported = [output.name for output in contract.outputs if output.export]
        taken = [("module", name, "")] if not many else []
        taken += [("output", f"{name}_{output}", "") for output in exported]
        for key in map(str, keyed):
            block = f"{name}_{key.replace('-', '_')}"
            taken.append(("module", block, key))
            taken += [("output", f"{block}_{output}", key) for output in (() if many else exported)]
        for kind, shared, key in taken:
            owner = (name, key)
            if (other := first.setdefault((kind, shared), owner)) != owner:
                message = f"`{other[0]}` and `{name}` would both have the {kind} {shared}"
                hint = "rename one of the modules, or the instance or the output"
                where = ("modules", name)
                yield document.problem(where, codes.KEY_FORM, message, hint, key=True)


def in_order(contracts: Mapping[str, Contract]) -> tuple[list[str], list[str]]:
    """Return the modules in dependency order, and those that require each other in a cycle.

    Modules that could come next in any order are sorted by name.
    """
    places = {contract.in_place_of or name: name for name, contract in contracts.items()}
    waiting = {
        name: {places[place] for place in contract.requires if place in places}
        for name, contract in contracts.items()
    }
    ready = [name for name, required in waiting.items() if not required]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        done = heapq.heappop(ready)
        order.append(done)
        for name, required in waiting.items():
            if done in required:
                required.remove(done)
                if not required:
                    heapq.heappush(ready, name)
    return order, sorted(contracts.keys() - set(order))


def _needed(wire: Wire, registry: Registry) -> bool:
    """Return whether a wire requires a module whose absence no other check reports.

    ``missing`` reports ``one`` modules, and a ``many`` module without instances is an empty map.
    """
    if wire.module not in registry.names:
        return True
    return registry.current(wire.module).multiplicity == "optional" and wire.required
