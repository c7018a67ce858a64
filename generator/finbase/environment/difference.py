"""How two environments differ: value by value, version by version.

What counts is what holds, not what is written: a value that one file gives and the other
leaves to an equal default is no difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from finbase.contract.contract import Input
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.source.document import Document, Where

__all__ = ["Difference", "Kind", "Side", "compare"]

Kind = Literal["given", "default", "unset", "unknown", "absent"]
"""What an environment says about a value: the file gives it; it has its default; it is optional
and has none; the version that is pinned has no such input; what it would belong to is not there."""


@dataclass(frozen=True)
class Side:
    """What one environment says about a value.

    ``value`` is None unless the kind is ``given`` or ``default``, and for a secret one. ``path``
    and ``line`` are where the file gives it; else the line is 0. ``contract`` is the module
    version that ``default``, ``unset`` and ``unknown`` are about, such as ``cache 1.0.0``.
    """

    kind: Kind
    value: Any = None
    secret: bool = False
    path: str = ""
    line: int = 0
    contract: str = ""


@dataclass(frozen=True)
class Difference:
    """One value that differs; ``name`` is the way to it, such as ``network.zones.eu-west-1a``."""

    name: str
    left: Side
    right: Side


@dataclass(frozen=True)
class _Value:
    """A side, with the document that gives it and the way to it there."""

    side: Side
    document: Document | None = None
    where: Where = ()
    unordered: bool = False


_ABSENT = _Value(Side("absent"))


def compare(left: Environment, right: Environment) -> tuple[Difference, ...]:
    """Compare all that two environments say but their names: the head, then the modules by name."""
    return tuple(_differences(left, right))


def _differences(left: Environment, right: Environment) -> Iterator[Difference]:
    for key in ("project", "region", "account_id", "tags", "state"):
        yield from _within(key, *(_given(e, (key,), e.document.value[key]) for e in (left, right)))
    for name in sorted({use.name for each in (left, right) for use in each.modules}):
        yield from _of_module(name, left, right)


def _of_module(name: str, left: Environment, right: Environment) -> Iterator[Difference]:
    sides = [(environment, environment.module(name)) for environment in (left, right)]
    yield from _within(f"{name}.version", *(_pin(*side) for side in sides))
    instances = [{i.key: i for i in use.instances} if use else {} for _, use in sides]
    declared = dict.fromkeys(i.name for _, use in sides if use for i in use.contract.inputs)
    for key in sorted({*instances[0], *instances[1]}):
        pair = [(*side, found.get(key)) for side, found in zip(sides, instances, strict=True)]
        home = f"{name}.{key}" if key else name
        if key and not all(instance for _, _, instance in pair):
            yield from _within(home, *(_instance(*side) for side in pair))
            continue
        for given in declared:
            values = [_input(*side, given) for side in pair]
            kinds = {value.side.kind for value in values}
            if "given" in kinds or "absent" not in kinds:  # a module's defaults go with its pin
                yield from _within(f"{home}.{given}", *values)


def _within(name: str, before: _Value, after: _Value) -> Iterator[Difference]:
    """Yield where two values differ: of two mappings, each entry by itself."""
    one, other = before.side, after.side
    secret = one.secret or other.secret
    if isinstance(one.value, dict) and isinstance(other.value, dict) and not secret:
        for key in dict.fromkeys((*one.value, *other.value)):
            yield from _within(f"{name}.{key}", _entry(before, key), _entry(after, key))
    elif _identity(before) != _identity(after):
        if secret:
            one, other = (replace(side, value=None, secret=True) for side in (one, other))
        yield Difference(name, one, other)


def _entry(value: _Value, key: str) -> _Value:
    if key not in value.side.value:
        return _ABSENT
    where = (*value.where, key)
    line = value.document.position(where, key=True)[0] if value.document else 0
    side = replace(value.side, value=value.side.value[key], line=line)
    return _Value(side, value.document, where)


def _given(
    environment: Environment, where: Where, value: Any, declared: Input | None = None
) -> _Value:
    document = environment.document
    line, _ = document.position(where, key=True)
    secret = declared is not None and declared.sensitive
    unordered = declared is not None and bool(declared.schema.get("uniqueItems"))
    return _Value(Side("given", value, secret, document.path, line), document, where, unordered)


def _pin(environment: Environment, use: ModuleUse | None) -> _Value:
    if use is None:
        return _ABSENT
    return _given(environment, ("modules", use.name, "version"), str(use.version))


def _instance(environment: Environment, use: ModuleUse | None, instance: Instance | None) -> _Value:
    """Take an instance as a whole, for where the other environment has none of that name."""
    if use is None or instance is None:
        return _ABSENT
    value = _given(environment, use.where(instance), dict(instance.inputs))
    secret = any(i.sensitive for i in use.contract.inputs if i.name in instance.inputs)
    return replace(value, side=replace(value.side, secret=secret))


def _input(
    environment: Environment, use: ModuleUse | None, instance: Instance | None, name: str
) -> _Value:
    if use is None or instance is None:
        return _ABSENT
    contract = f"{use.name} {use.version}"
    declared = next((i for i in use.contract.inputs if i.name == name), None)
    if declared is None:
        return _Value(Side("unknown", contract=contract))
    if name in instance.inputs:
        where = use.where(instance, name)
        return _given(environment, where, instance.inputs[name], declared)
    if declared.default is None:
        return _Value(Side("unset", contract=contract))
    side = Side("default", declared.default, declared.sensitive, contract=contract)
    return _Value(side, unordered=bool(declared.schema.get("uniqueItems")))


def _identity(value: _Value) -> tuple[str, str]:
    """Tell what holds in a way that is the same for equal values only: 1, true and "1" differ."""
    kind, content = value.side.kind, value.side.value
    if value.unordered and isinstance(content, list):
        content = sorted(json.dumps(item, sort_keys=True) for item in content)
    held = "value" if kind in ("given", "default") else kind
    return held, json.dumps(content, sort_keys=True)
