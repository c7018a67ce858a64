"""Decide which release the changes of a module require.

A change is major if it can break a stack that pins the previous version, or replace or destroy
resources that the stack has applied; minor if it adds what was not possible before; patch
otherwise. A change that cannot be shown to accept more counts as one that accepts less.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePosixPath

from finbase.aws.replacements import Replacement, replacements
from finbase.contract.contract import Input, Wire
from finbase.contract.version import version_range
from finbase.release.interface import Interface, Place, Resource, ShippedModule, renamed
from finbase.release.widening import accepts_all, same

_LONGEST = 160
_TRIGGERS = "lifecycle.replace_triggered_by"
_IGNORED = "lifecycle.ignore_changes"


class Level(IntEnum):
    """Which part of the version a release raises."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Reason:
    """One change that users notice; ``todo`` says what they have to do, or is empty."""

    level: Level
    place: Place
    what: str
    todo: str = ""


def required(reasons: Sequence[Reason]) -> Level:
    """Return the smallest level that the reasons allow."""
    return max((reason.level for reason in reasons), default=Level.PATCH)


def what_changed(before: ShippedModule, after: ShippedModule) -> tuple[Reason, ...]:
    """Compare two versions of a module; the highest levels come first, then by place."""
    reasons = [
        *_multiplicity(before, after),
        *_inputs(before, after),
        *_outputs(before, after),
        *_resources(before.interface, after.interface),
        *_conditions(before.interface, after.interface),
        *_requirements(before.interface, after.interface),
    ]
    return tuple(sorted(reasons, key=lambda reason: (-reason.level, reason.place)))


def _multiplicity(before: ShippedModule, after: ShippedModule) -> Iterator[Reason]:
    old, new = before.contract.multiplicity, after.contract.multiplicity
    if old != new:
        level = Level.MINOR if (old, new) == ("one", "optional") else Level.MAJOR
        place = Place(PurePosixPath(after.contract.path), 1)
        yield Reason(level, place, f"multiplicity is {new} instead of {old}")
    if before.contract.in_place_of != after.contract.in_place_of:
        place = Place(PurePosixPath(after.contract.path), 1)
        yield Reason(Level.MAJOR, place, "it stands in the place of another module")


def _inputs(before: ShippedModule, after: ShippedModule) -> Iterator[Reason]:
    old = {variable.name: variable for variable in before.contract.variables}
    new = {variable.name: variable for variable in after.contract.variables}
    added = [name for name in new if name not in old]
    for name in old:
        if name in new:
            yield from _input(name, before, after, old[name], new[name])
            continue
        twins = [n for n in added if _is_renamed(before, name, after, n)]
        if twins:
            added.remove(twins[0])
            what = f"input {name} is renamed to {twins[0]}"
            todo = f"set {twins[0]} instead of {name}"
        else:
            what, todo = f"input {name} is removed", f"no longer set {name}"
        yield Reason(Level.MAJOR, before.interface.variables[name].place, what, todo)
    for name in added:
        place = after.interface.variables[name].place
        if new[name].required:
            what = f"input {name} is new and has no default"
            yield Reason(Level.MAJOR, place, what, f"set {name}")
        else:
            yield Reason(Level.MINOR, place, f"input {name} is new")


def _input(
    name: str, before: ShippedModule, after: ShippedModule, old: Input, new: Input
) -> Iterator[Reason]:
    rendered, rendered_before = (m.interface.variables[name] for m in (after, before))
    check_value = f"check the value of {name}"

    def reason(level: Level, what: str, todo: str = "") -> Reason:
        return Reason(level, rendered.place, f"input {name} {what}", todo)

    if new.required and not old.required:
        what = f"no longer has a default; it was {_json(old.default)}"
        yield reason(Level.MAJOR, what, f"set {name}")
    elif old.required and not new.required:
        yield reason(Level.MINOR, f"now has a default: {_json(new.default)}")
    elif not same(old.default, new.default):
        what = f"has another default: {_json(new.default)} instead of {_json(old.default)}"
        yield reason(Level.MAJOR, what, f"set {name} = {_json(old.default)} to keep the old value")
    if not accepts_all(new.schema, old.schema):
        yield reason(Level.MAJOR, f"accepts less: {_difference(old, new)}", check_value)
    elif not accepts_all(old.schema, new.schema):
        yield reason(Level.MINOR, f"accepts more: {_difference(old, new)}")
    if old.ephemeral and not new.ephemeral:
        yield reason(Level.MAJOR, "no longer accepts ephemeral values")
    if _source(old) != _source(new):
        what = f"gets its value from {_source(new)} instead of {_source(old)}"
        yield reason(Level.MAJOR, what, "compare the plans")
    checks, checks_before = (m.checks.get(name, frozenset()) for m in (after, before))
    for condition in sorted(checks - checks_before):
        what = f"has a new or changed check: {_short(condition)}"
        yield reason(Level.MAJOR, what, check_value)
    if checks < checks_before:
        yield reason(Level.MINOR, "has fewer checks")
    generated = set(rendered.conditions) - checks
    generated_before = set(rendered_before.conditions) - checks_before
    differs = rendered.attributes != rendered_before.attributes or generated - generated_before
    if differs and _nature(old) == _nature(new):
        yield reason(Level.MAJOR, "is rendered differently from the same contract", check_value)


def _is_renamed(before: ShippedModule, old: str, after: ShippedModule, new: str) -> bool:
    """Return True if two inputs differ in their names only."""

    def shape(module: ShippedModule, name: str) -> tuple[object, ...]:
        (variable,) = (v for v in module.contract.variables if v.name == name)
        own = re.compile(rf"\bvar\.{re.escape(name)}\b")
        checks = {own.sub("var", check) for check in module.checks.get(name, ())}
        return _nature(variable), checks

    return shape(before, old) == shape(after, new)


def _nature(variable: Input) -> tuple[object, ...]:
    """Return everything that decides how a variable is rendered, except its name and checks."""
    schema = {k: v for k, v in variable.schema.items() if k != "examples"}
    flags = (variable.required, variable.sensitive, variable.ephemeral)
    return json.dumps(schema), bool(variable.rule), _source(variable), *flags


def _source(variable: Input) -> str:
    return variable.source if isinstance(variable, Wire) else "the environment file"


def _difference(old: Input, new: Input) -> str:
    """Show the keywords in which two schemas differ."""
    keywords = [
        keyword
        for keyword in {**new.schema, **old.schema}
        if keyword not in ("default", "examples")
        and not same(old.schema.get(keyword), new.schema.get(keyword))
    ]
    return ", ".join(
        f"{keyword} {_schema(new, keyword)} instead of {_schema(old, keyword)}"
        for keyword in keywords
    )


def _schema(variable: Input, keyword: str) -> str:
    return _json(variable.schema[keyword]) if keyword in variable.schema else "none"


def _json(value: object) -> str:
    return _short(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    """Cut a text that is too long for a line of a report."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _outputs(before: ShippedModule, after: ShippedModule) -> Iterator[Reason]:
    old = {output.name: output for output in before.contract.outputs}
    new = {output.name: output for output in after.contract.outputs}
    for name, output in old.items():
        if name not in new:
            twins = [n for n in new if n not in old and new[n].value == output.value]
            what = f"output {name} is " + (f"renamed to {twins[0]}" if twins else "removed")
            todo = f"use {twins[0]} instead of {name}" if twins else f"no longer use {name}"
            yield Reason(Level.MAJOR, before.interface.outputs[name], what, todo)
            continue
        for flag in ("sensitive", "ephemeral"):
            if getattr(new[name], flag) and not getattr(output, flag):
                todo = f"mark values that are made of {name} as {flag}"
                what = f"output {name} is {flag} now"
                yield Reason(Level.MAJOR, after.interface.outputs[name], what, todo)
    for name in new:
        if name not in old:
            yield Reason(Level.MINOR, after.interface.outputs[name], f"output {name} is new")


def _resources(before: Interface, after: Interface) -> Iterator[Reason]:
    known = replacements()
    moves = {address: _followed(address, after) for address in before.resources}
    renames = {old: new for old, new in moves.items() if new and new != old}
    for address, old in before.resources.items():
        now = moves[address]
        new = after.resources.get(now)
        if new is None and address in after.forgotten:
            what = f"{address} is no longer managed: it stays in AWS, and leaves the state"
            yield Reason(Level.MAJOR, old.place, what, "decide who manages it from now on")
            continue
        if new is None or new.type != old.type:
            lost = f", and with it {known[old.type].loses}" if old.type in known else ""
            what = f"{address} is removed without a moved block: it would be destroyed{lost}"
            todo = "back up its data before the upgrade"
            yield Reason(Level.MAJOR, old.place, what, todo)
            continue
        if now != address:
            yield Reason(Level.MINOR, new.place, f"{address} is moved to {now}")
        keys = renamed(old.arguments.get(old.keys, ""), renames)
        if old.keys != new.keys or keys != new.arguments.get(new.keys, ""):
            place = new.places.get(new.keys, new.place)
            what = f"the instances of {address} may get other keys, and be created again"
            yield Reason(Level.MAJOR, place, what, "check the plan before applying it")
        if old.type in known:
            yield from _replacing(old, new, known[old.type], renames)
    for address, new in after.resources.items():
        if address not in moves.values():
            yield Reason(Level.MINOR, new.place, f"{address} is new")
    for address in before.moved:
        old_place = before.resources.get(_followed(address, before))
        new_place = after.resources.get(_followed(address, after))
        if old_place and not new_place:
            what = f"{address} no longer has a moved block: it is lost if a version is skipped"
            yield Reason(Level.MAJOR, old_place.place, what, "upgrade version by version")


def _replacing(
    old: Resource, new: Resource, known: Replacement, renames: Mapping[str, str]
) -> Iterator[Reason]:
    lost = f"{known.loses} would be lost"
    todo = "back up its data before the upgrade"
    for name in dict.fromkeys((*old.arguments, *new.arguments)):
        first = re.split(r"[.\[]", name)[0]
        was = renamed(old.arguments.get(name, ""), renames)
        now = new.arguments.get(name, "")
        if was == now:
            continue
        place = new.places.get(name, new.place)
        if first in known.arguments and not new.ignored & {first, "all"}:
            what = f"{new.address} gets another {name}, which replaces it: {lost}"
            yield Reason(Level.MAJOR, place, what, todo)
        elif name == _TRIGGERS and now:
            what = f"{new.address} is replaced with others (replace_triggered_by): {lost}"
            yield Reason(Level.MAJOR, place, what, todo)
        elif name == _IGNORED and (names := _no_longer_ignored(was, now, known.arguments)):
            what = f"{new.address} no longer ignores changes of {names}, which replace it: {lost}"
            yield Reason(Level.MAJOR, place, what, todo)


def _no_longer_ignored(was: str, now: str, replacing: frozenset[str]) -> str:
    """List the replacing arguments whose changes were ignored, and are not any more."""
    before, after = (frozenset(re.findall(r"\w+", text)) for text in (was, now))
    if "all" in after:
        return ""
    return ", ".join(sorted((replacing if "all" in before else before & replacing) - after))


def _followed(address: str, interface: Interface) -> str:
    """Return an address after all moves, or an empty string if the moves form a circle."""
    seen = set()
    bases = {_base(old): _base(new) for old, new in interface.moved.items()}
    # A resource that gets keys, and one that loses them, keeps its address.
    bases = {old: new for old, new in bases.items() if old != new}
    while address in bases and (address in interface.moved or address not in interface.resources):
        if address in seen:
            return ""
        seen.add(address)
        address = bases[address]
    return address


def _base(address: str) -> str:
    """Return an address without its instance key.

    >>> _base('aws_subnet.data["a"]')
    'aws_subnet.data'
    """
    return re.sub(r"\[[^]]*\]$", "", address)


def _conditions(before: Interface, after: Interface) -> Iterator[Reason]:
    moves = {address: _followed(address, after) for address in before.resources}
    known = {(kind, renamed(condition, moves)) for kind, condition, _ in before.conditions}
    for kind, condition, place in after.conditions:
        if (kind, condition) not in known:
            what = f"a {kind} is new or changed: {_short(condition)}"
            yield Reason(Level.MAJOR, place, what, "check that it is met")


def _requirements(before: Interface, after: Interface) -> Iterator[Reason]:
    for name, (new, place) in after.requirements.items():
        if name not in before.requirements:
            yield Reason(Level.MAJOR, place, f"{name} is required", f"install {name} {new}")
            continue
        old, _ = before.requirements[name]
        was, now = version_range(old), version_range(new)
        if now.low > was.low:
            what = f"{name} must be {new}; it was {old}"
            yield Reason(Level.MAJOR, place, what, f"upgrade {name}")
        elif now.high < was.high or now.without - was.without:
            what = f"{name} must be {new}; it was {old}"
            yield Reason(Level.MAJOR, place, what, f"use a version of {name} that fits")
