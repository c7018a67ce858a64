"""Resolve the module versions that an environment pins, check that they fit, and order them."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

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


@dataclass(frozen=True)
class Composition:
    """The sections of an environment, and the contracts of those that have a valid version."""

    document: Document
    registry: Registry
    sections: Mapping[str, object]
    contracts: Mapping[str, Contract]

    def problems(self) -> Iterator[Diagnostic]:
        """Yield an error for each module that does not fit the others."""
        yield from self._fitting()
        yield from self._distinct()
        yield from self._one_in_each_place()
        if cycle := in_order(self.contracts)[1]:
            message = f"modules require each other in a cycle: {listed(cycle)}"
            hint = "pin versions of these modules that do not require each other"
            yield self.document.problem(("modules",), codes.CYCLE, message, hint, key=True)

    def missing(self) -> Iterator[Diagnostic]:
        """Yield an error for each required module that neither it nor another one stands for."""
        for name in self.registry.names:
            current = self.registry.current(name)
            if name in self._misspelt or self._stands(name, self.sections):
                continue
            if current.multiplicity == "one":
                message = f"the required module `{name}` is missing"
                hint = f"add `{name}:` with `version: {current.version}` below `modules:`"
                if instead := self._stand_ins.get(name):
                    hint += f"; {listed(f'`{other}`' for other in instead)} can stand in its place"
                where = ("modules",)
                yield self.document.problem(where, codes.MISSING_MODULE, message, hint, key=True)

    @cached_property
    def _stand_ins(self) -> dict[str, list[str]]:
        """The modules that can stand in the place of another one, by the name of that one."""
        found: dict[str, list[str]] = {}
        for name in self.registry.names:
            if place := self.registry.current(name).in_place_of:
                found.setdefault(place, []).append(name)
        return found

    @cached_property
    def _misspelt(self) -> set[str]:
        """The modules that unknown names of sections are misspellings of; others report them."""
        names = self.registry.names
        return {nearest(name, names) or "" for name in self.sections if name not in names}

    def _stands(self, name: str, present: Container[str]) -> bool:
        """Return whether ``present`` has the module, or one that can stand in its place."""
        return any(n in present for n in (name, *self._stand_ins.get(name, ())))

    def _one_in_each_place(self) -> Iterator[Diagnostic]:
        """Yield each module whose place another one of the environment has already."""
        taken: dict[str, str] = {}
        for name in sorted(self.contracts, key=lambda name: self.contracts[name].place != name):
            place = self.contracts[name].place
            first = taken.setdefault(place, name)
            if first != name:
                too = "which is there, too" if first == place else f"as `{first}` does"
                message = f"`{name}` stands in the place of `{place}`, {too}"
                hint, where = f"remove `{first}:` or `{name}:`", ("modules", name)
                yield self.document.problem(where, codes.SAME_PLACE, message, hint, key=True)

    def _fitting(self) -> Iterator[Diagnostic]:
        """Yield each wire whose module is missing or has no such output."""
        places = {contract.place: contract for contract in self.contracts.values()}
        outputs = {place: {o.name for o in source.outputs} for place, source in places.items()}
        present = {*self.sections, *self._misspelt}
        for contract in self.contracts.values():
            where = ("modules", contract.name, "version")
            for wire in contract.wiring:
                if wire.module in _PSEUDO:
                    continue
                if source := places.get(wire.module):
                    if wire.output not in outputs[wire.module]:
                        message = (
                            f"{contract.name} {contract.version} requires the output "
                            f"`{wire.output}`, which {source.name} {source.version} does not have"
                        )
                        hint = f"pin another version of {contract.name} or of {source.name}"
                        yield self.document.problem(where, codes.MISSING_OUTPUT, message, hint)
                elif not self._stands(wire.module, present) and self._is_needed(wire):
                    message = f"`{contract.name}` requires the module `{wire.module}`, "
                    message += "which is missing"
                    hint, code = f"add `{wire.module}:` below `modules:`", codes.MISSING_SOURCE
                    yield self.document.problem(where, code, message, hint, key=True)

    def _is_needed(self, wire: Wire) -> bool:
        """Return whether a wire requires a module whose absence no other check reports.

        ``missing`` reports ``one`` modules, and a ``many`` module without instances is an empty
        map.
        """
        if wire.module not in self.registry.names:
            return True
        return self.registry.current(wire.module).multiplicity == "optional" and wire.required

    def _distinct(self) -> Iterator[Diagnostic]:
        """Yield each name in Terraform that two modules would share.

        The block of an instance has the name ``<module>_<instance>``, and an output of the stack
        has the name ``<module>_<output>``, or ``<module>_<instance>_<output>`` for a further
        database. Another module, or another instance, can have the same name.
        """
        first: dict[tuple[str, str], tuple[str, str]] = {}
        for name, contract in self.contracts.items():
            section = self.sections[name]
            instances = section.get("instances") if isinstance(section, dict) else None
            many = contract.multiplicity == "many"
            keyed = instances if isinstance(instances, dict) and (many or contract.repeats) else ()
            exported = [output.name for output in contract.outputs if output.export]
            taken = [("module", name, "")] if not many else []
            taken += [("output", f"{name}_{output}", "") for output in exported]
            for key in map(str, keyed):
                block = f"{name}_{key.replace('-', '_')}"
                taken.append(("module", block, key))
                outputs = () if many else exported
                taken += [("output", f"{block}_{output}", key) for output in outputs]
            for kind, shared, key in taken:
                owner = (name, key)
                if (other := first.setdefault((kind, shared), owner)) != owner:
                    message = f"`{other[0]}` and `{name}` would both have the {kind} {shared}"
                    hint = "rename one of the modules, or the instance or the output"
                    where = ("modules", name)
                    yield self.document.problem(where, codes.KEY_FORM, message, hint, key=True)


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
