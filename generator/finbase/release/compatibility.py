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

from finbase.aws.replacements import Replacement, replacements
from finbase.contract.constraints import version_range
from finbase.release import conditions
from finbase.release.expressions import renamed
from finbase.release.interface import Interface, Output, Place, Resource, Variable
from finbase.release.types import accepts

__all__ = ["Level", "Reason", "required", "what_changed"]

_LONGEST = 160
_TRIGGERS = "lifecycle.replace_triggered_by"
_IGNORED = "lifecycle.ignore_changes"


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


def required(reasons: Sequence[Reason]) -> Level:
    """Give the smallest release that the reasons allow."""
    return max((reason.level for reason in reasons), default=Level.PATCH)


def what_changed(before: Interface, after: Interface) -> tuple[Reason, ...]:
    """Compare two versions of a module: the greatest changes first, then by place."""
    found = [
        *_variables(before.variables, after.variables),
        *_outputs(before.outputs, after.outputs),
        *_resources(before, after),
        *_preconditions(before, after),
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
            new.remove(same[0])
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
        yield major(f"no longer has a default; it was {_short(old.default)}", f"give {new.name}")
    elif old.default is None and new.default is not None:
        what = f"{name} now has a default: {_short(new.default)}"
        yield Reason(Level.MINOR, new.place, what)
    elif old.default is not None and new.default is not None and old.default != new.default:
        todo = f"give {new.name} = {_short(old.default)} where it should stay as it was"
        what = f"has another default: {_short(new.default)} instead of {_short(old.default)}"
        yield major(what, todo)
    if not accepts(new.type, old.type):
        todo = f"check what is given for {new.name}"
        new_type, old_type = _short(new.type.text), _short(old.type.text)
        yield major(f"has a narrower type: {new_type} instead of {old_type}", todo)
    elif new.type != old.type:
        yield Reason(Level.MINOR, new.place, f"{name} takes more: {_short(new.type.text)}")
    if old.nullable and not new.nullable:
        yield major("no longer takes null", f"leave {new.name} out instead of giving null")
    if new.nullable and not old.nullable and old.default is not None:
        yield major("takes null as it is, and no longer as its default")
    if old.ephemeral and not new.ephemeral:
        yield major("no longer takes ephemeral values")
    known = [term for condition in old.conditions for term in conditions.terms(condition)]
    demanded = [term for condition in new.conditions for term in conditions.terms(condition)]
    more = _not_implied(known, demanded)
    for term in more:
        yield major(f"is held to more: {_short(term)}", f"check what is given for {new.name}")
    if not more and _not_implied(demanded, known):
        yield Reason(Level.MINOR, new.place, f"{name} is held to less")


def _not_implied(known: Sequence[str], demanded: Sequence[str]) -> list[str]:
    """Name the terms that what is known does not lead to, each once."""
    return [
        term
        for term in dict.fromkeys(demanded)
        if not any(conditions.implies(one, term) for one in known)
    ]


def _short(text: str) -> str:
    """Cut what is too long for a line that people read."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _same_but_for_name(old: Variable, new: Variable) -> bool:
    def shape(variable: Variable) -> tuple[object, ...]:
        own = re.compile(rf"\bvar\.{re.escape(variable.name)}\b")
        conditions = tuple(own.sub("var", condition) for condition in variable.conditions)
        return variable.type, variable.default, conditions, variable.sensitive

    return shape(old) == shape(new)


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
    moves = {address: _followed(address, after) for address in before.resources}
    renames = {old: new for old, new in moves.items() if new and new != old}
    for address, old in before.resources.items():
        now = moves[address]
        new = after.resources.get(now)
        if new is None or new.type != old.type:
            lost = f", and with it {known[old.type].loses}" if old.type in known else ""
            what = f"{address} is gone, with no moved block: it would be destroyed{lost}"
            todo = "keep what is needed of it before the upgrade"
            yield Reason(Level.MAJOR, old.place, what, todo)
            continue
        if now != address:
            yield Reason(Level.MINOR, new.place, f"{address} is moved to {now}")
        keys = renamed(old.arguments.get(old.keys, ""), renames)
        if old.keys != new.keys or keys != new.arguments.get(new.keys, ""):
            place = new.places.get(new.keys, new.place)
            what = f"the instances of {address} may have other keys, and so be made anew"
            yield Reason(Level.MAJOR, place, what, "look at the plan before applying it")
        if old.type in known:
            yield from _replacing(old, new, known[old.type], renames)
    for address, new in after.resources.items():
        if address not in moves.values():
            yield Reason(Level.MINOR, new.place, f"{address} is new")
    for address in before.moved:
        old_place = before.resources.get(_followed(address, before))
        new_place = after.resources.get(_followed(address, after))
        if old_place and not new_place:
            what = f"{address} no longer has a moved block: who skips a version would lose it"
            yield Reason(Level.MAJOR, old_place.place, what, "upgrade version by version")


def _replacing(
    old: Resource, new: Resource, known: Replacement, renames: Mapping[str, str]
) -> Iterator[Reason]:
    lost = f"{known.loses} would be lost"
    todo = "keep what is needed of it before the upgrade"
    for name in dict.fromkeys((*old.arguments, *new.arguments)):
        first = re.split(r"[.\[]", name)[0]
        was = renamed(old.arguments.get(name, ""), renames)
        now = new.arguments.get(name, "")
        if was == now:
            continue
        place = new.places.get(name, new.place)
        if first in known.arguments:
            what = f"{new.address} gets another {name}, which replaces it: {lost}"
            yield Reason(Level.MAJOR, place, what, todo)
        elif name == _TRIGGERS and now:
            what = f"{new.address} is replaced with others (replace_triggered_by): {lost}"
            yield Reason(Level.MAJOR, place, what, todo)
        elif name == _IGNORED and (heeded := _heeded(was, now, known.arguments)):
            what = f"{new.address} no longer ignores changes of {heeded}, which replace it: {lost}"
            yield Reason(Level.MAJOR, place, what, todo)


def _heeded(was: str, now: str, replacing: frozenset[str]) -> str:
    """Name the arguments whose changes were ignored and are so no more."""
    before, after = (frozenset(re.findall(r"\w+", text)) for text in (was, now))
    if "all" in after:
        return ""
    return ", ".join(sorted((replacing if "all" in before else before & replacing) - after))


def _followed(address: str, interface: Interface) -> str:
    """Say where an address is after all moves; nothing where they lead in a circle."""
    seen = set()
    bases = {_base(old): _base(new) for old, new in interface.moved.items()}
    while address in interface.moved or (address not in interface.resources and address in bases):
        if address in seen:
            return ""
        seen.add(address)
        address = bases[address]
    return address


def _base(address: str) -> str:
    """Take off which instance of a resource an address is of."""
    return re.sub(r"\[[^]]*\]$", "", address)


def _preconditions(before: Interface, after: Interface) -> Iterator[Reason]:
    moves = {address: _followed(address, after) for address in before.resources}
    known = [
        term
        for condition, _ in before.preconditions
        for term in conditions.terms(renamed(condition, moves))
    ]
    for condition, place in after.preconditions:
        for term in _not_implied(known, list(conditions.terms(condition))):
            what = f"a precondition demands more: {_short(term)}"
            yield Reason(Level.MAJOR, place, what, "check that it holds")


def _requirements(before: Interface, after: Interface) -> Iterator[Reason]:
    for name, (new, place) in after.requirements.items():
        if name not in before.requirements:
            yield Reason(Level.MAJOR, place, f"{name} is required", f"require {name} {new}")
            continue
        old, _ = before.requirements[name]
        was, now = version_range(old), version_range(new)
        if now.low > was.low:
            what = f"{name} has to be {new}; it was {old}"
            yield Reason(Level.MAJOR, place, what, f"upgrade {name}")
        elif now.high < was.high or now.without - was.without:
            what = f"{name} may only be {new}; it was {old}"
            yield Reason(Level.MAJOR, place, what, f"use a version of {name} that fits")
