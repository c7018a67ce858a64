"""Read the inputs of modules for rules: values of a type, each with its place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.source.document import Where

_Value = TypeVar("_Value")


def whole_number(use: ModuleUse, instance: Instance, name: str) -> int | None:
    """Return the value of an input, or None if it is unset or not a whole number."""
    value: Any = use.value(instance, name)
    return value if type(value) is int else None


def text_of(use: ModuleUse, instance: Instance, name: str) -> str:
    """Return the value of an input, or an empty text if it is unset or not a text."""
    value: Any = use.value(instance, name)
    return value if isinstance(value, str) else ""


def texts_of(use: ModuleUse, instance: Instance, name: str) -> list[str]:
    """Return the texts in the list of an input; empty if it is unset or not a list."""
    return texts_in(use.value(instance, name))


def texts_in(value: Any) -> list[str]:
    """Return the texts of a list; empty if the value is not one."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def values(
    environment: Environment, type_: type[_Value], *names: str
) -> Iterator[tuple[Where, _Value]]:
    """Yield the place and the value of each input ``module.input`` that has this very type."""
    for name in names:
        module, _, input_ = name.partition(".")
        for use, instance in environment.instances(module):
            value: Any = use.value(instance, input_)
            if type(value) is type_:
                yield use.where(instance, input_), value


def texts(environment: Environment, *names: str) -> Iterator[tuple[Where, str]]:
    """Yield each text in the lists of inputs, with its place."""
    for where, items in values(environment, list, *names):
        for index, text in enumerate(items):
            if isinstance(text, str):
                yield (*where, index), text


def entries(environment: Environment, *names: str) -> Iterator[tuple[Where, str, Any]]:
    """Yield each entry in the mappings of inputs: its place, its key and its value."""
    for where, mapping in values(environment, dict, *names):
        for key, value in mapping.items():
            yield (*where, key), key, value


def fields(
    environment: Environment, name: str, field: str, type_: type[_Value]
) -> Iterator[tuple[Where, str, _Value]]:
    """Yield the field of this type in the entries of an input: its place, the key, the field."""
    for where, key, entry in entries(environment, name):
        if isinstance(entry, dict) and field in entry and isinstance(entry[field], type_):
            yield (*where, field), key, entry[field]


def first_set(use: ModuleUse, instance: Instance, *names: str) -> Where:
    """Return the place of the first of the inputs that the file sets, or else of the instance."""
    return use.where(instance, *[name for name in names if name in instance.inputs][:1])


def written(environment: Environment, where: Where) -> Any:
    """Return what the file has at a place, even if it is not valid; None if it has nothing."""
    value: Any = environment.document.value
    for step in where:
        value = value.get(step) if isinstance(value, dict) else None
    return value
