"""Compare two environments: each value and each module version.

Effective values count: a value that one file sets and that equals the default in the other
environment is not a difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

from finbase.contract.contract import Input
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.schema import TOP_VALUES
from finbase.source.document import Document, Where

Kind = Literal["set", "default", "unset", "unknown", "absent"]
"""The state of a value in an environment: ``set`` by the file; its ``default``; optional and
``unset``; ``unknown`` to the pinned version; or ``absent`` with its module or instance."""


@dataclass(frozen=True)
class Side:
    """A value in one environment.

    ``value`` is None for a secret, and unless the kind is ``set`` or ``default``. ``path`` and
    ``line`` are the position in the file if the file sets it; else ``line`` is 0. ``contract`` is
    the module version of a value that is ``default``, ``unset`` or ``unknown``, such as
    ``cache 1.0.0``.
    """

    kind: Kind
    value: Any = None
    secret: bool = False
    path: str = ""
    line: int = 0
    contract: str = ""


@dataclass(frozen=True)
class Difference:
    """One value that differs; ``name`` is its path, such as ``network.zones.eu-west-1a``."""

    name: str
    left: Side
    right: Side


@dataclass(frozen=True)
class _Value:
    """A side, with the document that sets it and the path in the document."""

    side: Side
    document: Document | None = None
    where: Where = ()
    unordered: bool = False


_ABSENT = _Value(Side("absent"))


def compare(left: Environment, right: Environment) -> tuple[Difference, ...]:
    """Return all differences but the names: the top of the files, then the modules by name."""
    tops = [_from_file(side, (), side.document.value) for side in (left, right)]
    top = (_within(key, *(_entry(value, key) for value in tops)) for key in TOP_VALUES)
    names = sorted({use.name for side in (left, right) for use in side.modules})
    return tuple(chain(*top, *(_of_module(name, left, right) for name in names)))


def _of_module(name: str, left: Environment, right: Environment) -> Iterator[Difference]:
    sides = [(environment, environment.module(name)) for environment in (left, right)]
    at_version = ("modules", name, "version")
    pins = (_from_file(e, at_version, str(use.version)) if use else _ABSENT for e, use in sides)
    yield from _within(f"{name}.version", *pins)
    instances = [{i.key: i for i in use.instances} if use else {} for _, use in sides]
    declared = dict.fromkeys(i.name for _, use in sides if use for i in use.contract.inputs)
    for key in sorted({*instances[0], *instances[1]}):
        pair = [(*side, own.get(key)) for side, own in zip(sides, instances, strict=True)]
        prefix = f"{name}.{key}" if key else name
        if key and not all(instance for _, _, instance in pair):
            yield from _within(prefix, *(_instance(*side) for side in pair))
            continue
        for declared_name in declared:
            values = [_input(*side, declared_name) for side in pair]
            kinds = {value.side.kind for value in values}
            if "set" in kinds or "absent" not in kinds:  # The pin implies the defaults.
                yield from _within(f"{prefix}.{declared_name}", *values)


def _within(name: str, before: _Value, after: _Value) -> Iterator[Difference]:
    """Yield the differences of two values; two mappings are compared entry by entry."""
    left, right = before.side, after.side
    secret = left.secret or right.secret
    if isinstance(left.value, dict) and isinstance(right.value, dict) and not secret:
        for key in dict.fromkeys((*left.value, *right.value)):
            yield from _within(f"{name}.{key}", _entry(before, key), _entry(after, key))
    elif _identity(before) != _identity(after):
        if secret:
            left, right = (replace(side, value=None, secret=True) for side in (left, right))
        yield Difference(name, left, right)


def _entry(value: _Value, key: str) -> _Value:
    if key not in value.side.value:
        return _ABSENT
    where = (*value.where, key)
    line = value.document.position(where, key=True)[0] if value.document else 0
    side = replace(value.side, value=value.side.value[key], line=line)
    return _Value(side, value.document, where)


def _from_file(
    environment: Environment, where: Where, value: Any, declared: Input | None = None
) -> _Value:
    document = environment.document
    line, _ = document.position(where, key=True)
    secret = declared is not None and declared.sensitive
    unordered = declared is not None and bool(declared.schema.get("uniqueItems"))
    return _Value(Side("set", value, secret, document.path, line), document, where, unordered)


def _instance(environment: Environment, use: ModuleUse | None, instance: Instance | None) -> _Value:
    """Return a whole instance, for when the other environment has none of that name."""
    if use is None or instance is None:
        return _ABSENT
    value = _from_file(environment, use.where(instance), dict(instance.inputs))
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
        return _from_file(environment, where, instance.inputs[name], declared)
    if declared.default is None:
        return _Value(Side("unset", contract=contract))
    side = Side("default", declared.default, declared.sensitive, contract=contract)
    return _Value(side, unordered=bool(declared.schema.get("uniqueItems")))


def _identity(value: _Value) -> tuple[str, str]:
    """Return a key that is equal only for equal values: 1, true and "1" differ."""
    kind, content = value.side.kind, value.side.value
    if value.unordered and isinstance(content, list):
        content = sorted(json.dumps(item, sort_keys=True) for item in content)
    state = "value" if kind in ("set", "default") else kind
    return state, json.dumps(content, sort_keys=True)
