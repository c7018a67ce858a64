"""What a new version of a module changes for its users, and so which release it has to be.

Major is what can break a stack that pins the version before, or replace or destroy what it has
applied; minor is what one can do only now; patch is everything else. Where text alone cannot
tell that something got wider, it counts as narrower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path

from generator import conditions
from generator.interface import Interface, Output, Place, Resource, Type, Variable

__all__ = ["Level", "Reason", "Replacement", "replacements", "required", "what_changed"]


class Level(IntEnum):
    """How much of a version a release raises."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Reason:
    """One change that users see; ``todo`` says what they have to do, if anything."""

    level: Level
    place: Place
    what: str
    todo: str = ""


@dataclass(frozen=True)
class Replacement:
    """What is lost with a resource of some type, and the arguments that replace it."""

    loses: str
    arguments: frozenset[str]
    source: str


@cache
def replacements() -> Mapping[str, Replacement]:
    """Resource type → what is lost when one is replaced: reviewed, in ``replacements.yaml``."""
    import yaml

    data = yaml.safe_load((Path(__file__).parent / "replacements.yaml").read_bytes())
    return {
        kind: Replacement(entry["loses"], frozenset(entry["arguments"]), entry["source"])
        for kind, entry in data.items()
    }


def required(reasons: Sequence[Reason]) -> Level:
    """Give the smallest release that the reasons allow."""
    return max((reason.level for reason in reasons), default=Level.PATCH)


def what_changed(before: Interface, after: Interface) -> tuple[Reason, ...]:
    """Compare two versions of a module: the greatest changes first, then by place."""
    found = [
        *_variables(before.variables, after.variables),
        *_outputs(before.outputs, after.outputs),
        *_resources(before, after),
        *_requirements(before, after),
    ]
    return tuple(sorted(found, key=lambda reason: (-reason.level, reason.place)))


def _variables(before: Mapping[str, Variable], after: Mapping[str, Variable]) -> Iterator[Reason]:
    gone = [name for name in before if name not in after]
    new = [name for name in after if name not in before]
    for name in gone:
        old = before[name]
        same = [n for n in new if _same_but_for_name(old, after[n])]
        if same:
            what = f"input {name} is renamed to {same[0]}"
            todo = f"give {same[0]} instead of {name}"
        else:
            what, todo = f"input {name} is removed", f"no longer give {name}"
        yield Reason(Level.MAJOR, old.place, what, todo)
    for name in new:
        variable = after[name]
        if variable.default is None:
            what, todo = f"input {name} is new and has no default", f"give {name}"
            yield Reason(Level.MAJOR, variable.place, what, todo)
        else:
            yield Reason(Level.MINOR, variable.place, f"input {name} is new")
    for name in before:
        if name in after:
            yield from _variable(before[name], after[name])


def _variable(old: Variable, new: Variable) -> Iterator[Reason]:
    name = f"input {new.name}"

    def major(what: str, todo: str = "") -> Reason:
        return Reason(Level.MAJOR, new.place, f"{name} {what}", todo)

    if new.default is None and old.default is not None:
        yield major(f"no longer has a default; it was {old.default}", f"give {new.name}")
    elif old.default is None and new.default is not None:
        yield Reason(Level.MINOR, new.place, f"{name} now has a default: {new.default}")
    elif old.default != new.default:
        todo = f"give {new.name} = {old.default} where it should stay as it was"
        yield major(f"has another default: {new.default} instead of {old.default}", todo)
    if not _accepts(new.type, old.type):
        todo = f"check what is given for {new.name}"
        yield major(f"has a narrower type: {new.type.text} instead of {old.type.text}", todo)
    elif new.type != old.type:
        yield Reason(Level.MINOR, new.place, f"{name} takes more: {new.type.text}")
    if old.nullable and not new.nullable and old.default is not None:
        yield major("no longer takes null", f"leave {new.name} out instead of giving null")
    if old.ephemeral and not new.ephemeral:
        yield major("no longer takes ephemeral values")
    terms = [term for condition in old.conditions for term in conditions.terms(condition)]
    demands = [term for condition in new.conditions for term in conditions.terms(condition)]
    for term in demands:
        if not any(conditions.implies(known, term) for known in terms):
            yield major(f"is held to more: {term}", f"check what is given for {new.name}")
    if set(demands) != set(terms) and all(
        any(conditions.implies(known, term) for known in terms) for term in demands
    ):
        yield Reason(Level.MINOR, new.place, f"{name} is held to less")


def _same_but_for_name(old: Variable, new: Variable) -> bool:
    def shape(variable: Variable) -> tuple[object, ...]:
        own = re.compile(rf"\bvar\.{re.escape(variable.name)}\b")
        conditions = tuple(own.sub("var", condition) for condition in variable.conditions)
        return variable.type, variable.default, conditions, variable.sensitive

    return shape(old) == shape(new)


def _accepts(new: Type, old: Type) -> bool:
    """Say whether every value of the old type is one of the new."""
    if new.name == "any" or new == old:
        return True
    if new.name != old.name:
        return False
    if new.name == "object":
        lost = old.parts.keys() - new.parts.keys()
        demanded = new.parts.keys() - new.optional - (old.parts.keys() - old.optional)
        kept = old.parts.keys() & new.parts.keys()
        return not lost and not demanded and all(_accepts(new.parts[k], old.parts[k]) for k in kept)
    if new.parts.keys() != old.parts.keys() or not new.parts:
        return False
    return all(_accepts(new.parts[key], old.parts[key]) for key in new.parts)


def _outputs(before: Mapping[str, Output], after: Mapping[str, Output]) -> Iterator[Reason]:
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            same = [n for n, o in after.items() if n not in before and o.value == old.value]
            what = f"output {name} is " + (f"renamed to {same[0]}" if same else "removed")
            todo = f"use {same[0]} instead of {name}" if same else f"no longer use {name}"
            yield Reason(Level.MAJOR, old.place, what, todo)
            continue
        for flag in ("sensitive", "ephemeral"):
            if getattr(new, flag) and not getattr(old, flag):
                what = f"output {name} is {flag} now"
                todo = f"mark what is made of {name} as {flag} too"
                yield Reason(Level.MAJOR, new.place, what, todo)
    for name, new in after.items():
        if name not in before:
            yield Reason(Level.MINOR, new.place, f"output {name} is new")


def _resources(before: Interface, after: Interface) -> Iterator[Reason]:
    known = replacements()
    for address, old in before.resources.items():
        now = _followed(address, after.moved)
        new = after.resources.get(now)
        if new is None:
            lost = f", and with it {known[old.type].loses}" if old.type in known else ""
            what = f"{address} is gone, with no moved block: it would be destroyed{lost}"
            todo = "keep what is needed of it before the upgrade"
            yield Reason(Level.MAJOR, old.place, what, todo)
            continue
        if now != address:
            yield Reason(Level.MINOR, new.place, f"{address} is moved to {now}")
        if old.keys != new.keys or old.arguments.get(old.keys) != new.arguments.get(new.keys):
            place = new.places.get(new.keys, new.place)
            what = f"the instances of {address} may have other keys, and so be made anew"
            yield Reason(Level.MAJOR, place, what, "look at the plan before applying it")
        if old.type in known:
            yield from _replacing(old, new, known[old.type])
    for address, new in after.resources.items():
        if address not in {_followed(a, after.moved) for a in before.resources}:
            yield Reason(Level.MINOR, new.place, f"{address} is new")


def _replacing(old: Resource, new: Resource, known: Replacement) -> Iterator[Reason]:
    names = dict.fromkeys((*old.arguments, *new.arguments))
    for name in names:
        first = re.split(r"[.\[]", name)[0]
        if first in known.arguments and old.arguments.get(name) != new.arguments.get(name):
            what = (
                f"{new.address} gets another {name}, which replaces it: {known.loses} would be lost"
            )
            todo = "keep what is needed of it before the upgrade"
            yield Reason(Level.MAJOR, new.places.get(name, new.place), what, todo)


def _followed(address: str, moved: Mapping[str, str]) -> str:
    seen = set()
    while address in moved and address not in seen:
        seen.add(address)
        address = moved[address]
    return address


def _requirements(before: Interface, after: Interface) -> Iterator[Reason]:
    for name, (new, place) in after.requirements.items():
        if name not in before.requirements:
            yield Reason(Level.MAJOR, place, f"{name} is required", f"require {name} {new}")
            continue
        old, _ = before.requirements[name]
        if _lower_bound(new) > _lower_bound(old):
            what = f"{name} has to be {new}; it was {old}"
            yield Reason(Level.MAJOR, place, what, f"upgrade {name}")
        elif new != old and not _wider(old, new):
            what = f"{name} may only be {new}; it was {old}"
            yield Reason(Level.MAJOR, place, what, f"use a version of {name} that fits")


def _lower_bound(constraint: str) -> tuple[int, int, int]:
    """Give the lowest version that a constraint allows, as numbers."""
    lowest = (0, 0, 0)
    for part in constraint.split(","):
        match = re.fullmatch(r"\s*(>=|>|=|~>)?\s*v?(\d+(?:\.\d+)*)\s*", part)
        if match:
            major, minor, patch = (*map(int, match[2].split(".")), 0, 0)[:3]
            lowest = max(lowest, (major, minor, patch))
    return lowest


def _wider(old: str, new: str) -> bool:
    """Say whether a constraint has only lost parts, or a part of it a lower bound."""
    parts = {part.strip() for part in old.split(",")}
    uppers = {p for p in (p.strip() for p in new.split(",")) if not p.startswith(">")}
    return uppers <= parts
