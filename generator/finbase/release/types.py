"""Type constraints of variables, read from HCL, and whether one takes all that another takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from finbase.release.expressions import one_line

__all__ = ["Type", "accepts", "read_type"]


@dataclass(frozen=True)
class Type:
    """A type constraint: its name, and what it is made of.

    A collection has its element under ``""``; an object its attributes, a tuple its elements
    by number. ``optional`` has the attributes that need not be given, and what they are then.
    ``text`` is how it is written, which two types that are the same may differ in.
    """

    name: str
    parts: Mapping[str, Type]
    optional: Mapping[str, str] = field(default_factory=dict)
    text: str = field(default="", compare=False)


def read_type(node: Any) -> Type:
    """Read a type constraint; what is none of Terraform's is kept as text."""
    from hcl2.query import FunctionCallView, ObjectView, TupleView

    text = one_line(node.to_dict())
    call = next((v for v in _unwrapped(node) if isinstance(v, FunctionCallView)), None)
    if call is None:
        return Type(text, {}, text=text)
    inner = next(_unwrapped(call.args[0]), None) if call.args else None
    views = list(_unwrapped(call.args[0])) if call.args else []
    object_view = next((v for v in views if isinstance(v, ObjectView)), None)
    tuple_view = next((v for v in views if isinstance(v, TupleView)), None)
    if call.name == "object" and object_view is not None:
        parts, optional = {}, {}
        for written, value in object_view.entries:
            key = written.strip('"')
            wrapped = next((v for v in _unwrapped(value) if isinstance(v, FunctionCallView)), None)
            if wrapped is not None and wrapped.name == "optional":
                value, *rest = wrapped.args
                optional[key] = one_line(rest[0].to_dict()) if rest else "null"
            parts[key] = read_type(value)
        return Type("object", parts, optional, text)
    if call.name == "tuple" and tuple_view is not None:
        return Type(
            "tuple", {str(n): read_type(v) for n, v in enumerate(tuple_view.elements)}, text=text
        )
    if inner is None:
        return Type(text, {}, text=text)
    return Type(call.name, {"": read_type(call.args[0])}, text=text)


def _unwrapped(node: Any) -> Iterator[Any]:
    """Yield a view and what it does nothing but wrap."""
    from hcl2.query import NodeView

    while True:
        yield node
        if type(node) is not NodeView:
            return
        below = [view for view in node.walk_semantic() if view.raw is not node.raw]
        if not below:
            return
        node = below[0]


def accepts(new: Type, old: Type) -> bool:
    """Say whether every value of the old type is one of the new."""
    if new.name == "any" or new == old:
        return True
    if new.name != old.name:
        return False
    if new.name == "object":
        given = old.parts.keys() - old.optional.keys()
        demanded = new.parts.keys() - new.optional.keys()
        return (
            old.parts.keys() <= new.parts.keys()
            and demanded <= given
            and all(
                new.optional.get(k, left_out) == left_out for k, left_out in old.optional.items()
            )
            and all(accepts(new.parts[k], part) for k, part in old.parts.items())
        )
    if new.parts.keys() != old.parts.keys() or not new.parts:
        return False
    return all(accepts(new.parts[key], old.parts[key]) for key in new.parts)
