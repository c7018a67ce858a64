"""What a template may do: print values, and nothing else.

`finbase render --check` runs on the branch of a stranger, and a template is part of that branch. So
templates run in Jinja's sandbox, which is narrowed to lists of allowed filters, methods and
attributes. What is not listed does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from types import BuiltinMethodType
from typing import Any

from jinja2.environment import TemplateModule
from jinja2.runtime import BlockReference, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

_FILTERS = (
    "abs capitalize count d default dictsort first indent int items join last length list lower max"
    " min reject rejectattr replace reverse round select selectattr sort string sum title trim"
    " unique upper"
).split()
# No `format`: it reaches attributes by their names in a text.
_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        "capitalize endswith isdigit join lower lstrip removeprefix removesuffix replace rstrip"
        " split splitlines startswith strip title upper".split()
    ),
    dict: frozenset(("get", "items", "keys", "values")),
    list: frozenset(("count", "index")),
    tuple: frozenset(("count", "index")),
}
_LOOP = frozenset(
    "changed cycle depth depth0 first index index0 last length nextitem previtem revindex"
    " revindex0".split()
)
_OF_THE_MACHINE = {"path", "document", "catalogue", "notes"}
"""Fields with paths of the machine. No text of a record may contain one: ``field(repr=False)``."""


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """An environment that has only listed names, and only attributes that are data."""

    def __init__(self, filters: Mapping[str, Callable[..., str]], **options: Any) -> None:
        super().__init__(**options)
        self._names: dict[type, frozenset[str]] = {}
        self.globals = {"range": self.globals["range"]}
        self.filters = {name: self.filters[name] for name in _FILTERS} | dict(filters)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return whether an attribute is a field of a record, or a method that only reads."""
        return attr in self._names_of(type(obj)) or (
            isinstance(obj, TemplateModule) and isinstance(value, Macro)
        )

    def is_safe_callable(self, obj: Any) -> bool:
        """Return whether it is a macro, a block, or one of the listed functions."""
        if isinstance(obj, BuiltinMethodType):
            return obj.__name__ in self._names_of(type(obj.__self__))
        # A call of an undefined name raises an error that names it.
        own = isinstance(obj, Macro | BlockReference | LoopContext | Undefined)
        return own or obj is self.globals["range"] or _is_loop_method(obj)

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Return an undefined value, whose use raises an error."""
        return obj if isinstance(obj, Undefined) else super().unsafe_undefined(obj, attribute)

    def _names_of(self, kind: type) -> frozenset[str]:
        if kind not in self._names:
            self._names[kind] = _attributes(kind)
        return self._names[kind]

    def wrap_str_format(self, value: Any) -> None:
        """Return None: templates have no ``str.format``."""


def _attributes(kind: type) -> frozenset[str]:
    """Return the names that a template may use of a value of this type."""
    if issubclass(kind, LoopContext):
        return _LOOP
    for base, methods in _METHODS.items():
        if issubclass(kind, base):
            return methods
    if not is_dataclass(kind):
        return frozenset()
    computed = {
        name
        for base in kind.__mro__
        for name, member in vars(base).items()
        if isinstance(member, property)
    }
    return frozenset(computed | {field.name for field in fields(kind)} - _OF_THE_MACHINE)


def _is_loop_method(obj: Any) -> bool:
    owner = getattr(obj, "__self__", None)
    return isinstance(owner, LoopContext) and getattr(obj, "__name__", "") in ("changed", "cycle")
