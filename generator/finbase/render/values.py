"""List every value of an environment and its origin: the file, a default, or wiring."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from finbase.contract.contract import Input
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.schema import TOP_VALUES
from finbase.render import stack
from finbase.render.hcl import Hcl, inline

Origin = Literal["set", "default", "unset", "wired"]


@dataclass(frozen=True)
class Value:
    """One value; ``name`` is its path, such as ``replica.reporting.instance_class``.

    ``text`` is JSON, or HCL for a wired value; it is empty for an unset value and for a secret.
    ``source`` is the file that sets it, the module version whose default it is, or
    ``<module>.<output>``. ``line`` is the line in the file, or 0.
    """

    name: str
    text: str
    origin: Origin
    source: str
    line: int = 0
    secret: bool = False


def values(environment: Environment, module: str = "") -> Iterator[Value]:
    """Yield the values at the top of the file, then each module's in dependency order.

    With ``module``, yield only the values of this module; raises ``KeyError`` if the environment
    does not have it.
    """
    if module and environment.module(module) is None:
        raise KeyError(module)
    if not module:
        for key in TOP_VALUES:
            if key not in environment.document.value:
                continue
            value = environment.document.value[key]
            parts = value.items() if isinstance(value, dict) else [("", value)]
            for part, inner in parts:
                yield _from_file(environment, (key, part) if part else (key,), inner)
    blocks = iter(stack.blocks(environment))
    for use in environment.modules:
        for instance in use.instances:
            block = next(blocks)
            if not module or use.name == module:
                yield from _of_instance(environment, use, instance, block)


def _of_instance(
    environment: Environment, use: ModuleUse, instance: Instance, block: stack.Block
) -> Iterator[Value]:
    prefix = ".".join(filter(None, (use.name, instance.key)))
    contract = f"{use.name} {use.version}"
    pin = ("modules", use.name, "version")
    yield _from_file(environment, pin, str(use.version), f"{prefix}.version")
    for declared in use.contract.inputs:
        name = f"{prefix}.{declared.name}"
        if declared.name in instance.inputs:
            where = use.where(instance, declared.name)
            yield _from_file(environment, where, instance.inputs[declared.name], name, declared)
        else:
            yield _default(declared, name, contract)
    for wire in use.contract.wiring:
        name = f"{prefix}.{wire.name}"
        if wire.name in block.wiring:
            yield Value(name, _reference(block.wiring[wire.name]), "wired", wire.source)
        else:
            yield _default(wire, name, contract)


def _from_file(
    environment: Environment,
    where: tuple[str | int, ...],
    value: Any,
    name: str = "",
    declared: Input | None = None,
) -> Value:
    document = environment.document
    line, _ = document.position(where, key=True)
    secret = declared is not None and declared.sensitive
    text = "" if secret else json.dumps(value, ensure_ascii=False)
    return Value(name or ".".join(map(str, where)), text, "set", document.path, line, secret)


def _default(declared: Input, name: str, contract: str) -> Value:
    if declared.default is None:
        return Value(name, "", "unset", contract)
    text = "" if declared.sensitive else json.dumps(declared.default, ensure_ascii=False)
    return Value(name, text, "default", contract, secret=declared.sensitive)


def _reference(value: Any) -> str:
    return str(value) if isinstance(value, Hcl) else inline(value)
