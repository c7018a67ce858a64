"""Write Python values as HCL, in the format of ``terraform fmt``.

A fragment of HCL has the type ``Hcl``; everything else is data, and ``literal`` quotes it.
Fragments are written for column 0. To place one further right, indent the lines after the first
with ``shift``. This is safe because no fragment contains a heredoc or a string with line breaks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import groupby
from typing import Any

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_WIDTH = 80
_MANY = 16
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "bool"}
_KEYWORDS = frozenset({"else", "endfor", "endif", "false", "for", "if", "in", "null", "true"})
_LINE = re.compile(r"\n(?=[^\n])")
_TEMPLATE = re.compile(r"[$%](?=\{)")
_SHORT = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
# Control characters, invisible characters, and those that change the reading direction. The list
# is fixed because ``str.isprintable`` differs between versions of Python.
_UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\uffff\U000e0000-\U000e007f"
)
_ESCAPED = re.compile(rf'[\\"{_UNSEEN}]')
_ESCAPED_IN_KEY = re.compile(rf'[\\"{_UNSEEN}]|[^\x00-\x7f]')


class Hcl(str):
    """A fragment of HCL that is printed without quotes.

    It must come from ``literal`` or from the project's own templates and contracts, never from
    data. String operations on it (``+``, slices, ``join``) return a plain ``str``, which is data
    and gets quoted.
    """

    __slots__ = ()


def literal(value: Any, indent: int = 0) -> Hcl:
    """Write a value as HCL; an ``Hcl`` is returned unchanged.

    ``indent`` is the indentation of the line on which the value starts, in columns; later lines
    are shifted by it. A mapping has one line for each entry. So has a list, unless it contains
    only scalars and fits into 80 columns; more than 16 scalars fill the lines.

    >>> print(literal({"name": "a \\"b\\" ${c}", "ports": [5432, 6379], "key": Hcl("var.key")}))
    {
      name  = "a \\"b\\" $${c}"
      ports = [5432, 6379]
      key   = var.key
    }

    Raises:
        TypeError: HCL cannot represent the value, such as a set, which has no order.
        ValueError: a number is not finite, or a text is not valid Unicode.

    """
    return shift(_literal(value, _WIDTH - indent), indent)


def inline(value: Any) -> Hcl:
    """Write a value on one line of any length; raises the errors of ``literal``.

    >>> inline({"a": [1, None, True]})
    '{ a = [1, null, true] }'
    """
    if isinstance(value, Mapping):
        keys = _keys(value)
        entries = [f"{keys[key]} = {inline(entry)}" for key, entry in value.items()]
        return Hcl(f"{{ {', '.join(entries)} }}" if entries else "{}")
    if isinstance(value, (list, tuple)):
        return Hcl(f"[{', '.join(inline(element) for element in value)}]")
    return Hcl(_scalar(value))


def attributes(pairs: Mapping[str, Any] | Iterable[tuple[str, Any]], indent: int = 0) -> Hcl:
    """Write aligned ``name = value`` lines, each indented by ``indent`` columns.

    Raises ``ValueError`` for a name that is not an identifier, and the errors of ``literal``.
    """
    lines = expressions(pairs, indent)
    return Hcl(" " * indent + shift("\n".join(_align(lines)), indent)) if lines else Hcl("")


def expressions(
    pairs: Mapping[str, Any] | Iterable[tuple[str, Any]], indent: int = 0
) -> list[tuple[str, str]]:
    """Return the names and values of ``attributes``, which raises the same errors."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    lines = []
    for name, value in items:
        if not _is_identifier(name):
            raise ValueError(f"{name!r} is not an identifier")
        if type(value) is not Hcl:  # Most values are, and need no more work.
            value = _literal(value, _WIDTH - indent - len(name) - 3)
        lines.append((name, value))
    return lines


def type_constraint(schema: Mapping[str, Any], *, on_one_line: bool = False) -> Hcl:
    """Return the Terraform type of the values that a JSON Schema describes.

    An array becomes a ``set`` if its items are unique, else a ``list``. An object with
    ``properties`` becomes an ``object``, in which only ``required`` members are not optional; one
    with a schema for ``additionalProperties`` becomes a ``map``.

    >>> type_constraint({"type": "array", "uniqueItems": True, "items": {"type": "integer"}})
    'set(number)'

    Raises ``ValueError`` for any other schema.
    """
    kind, members, values = (schema.get(k) for k in ("type", "properties", "additionalProperties"))
    if isinstance(kind, str) and kind in _SCALARS:
        return Hcl(_SCALARS[kind])
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        collection = "set" if schema.get("uniqueItems") else "list"
        return Hcl(f"{collection}({type_constraint(schema['items'], on_one_line=on_one_line)})")
    if kind == "object" and members and not values:
        required = schema.get("required", ())
        types = {
            name: _member(member, name in required, on_one_line) for name, member in members.items()
        }
        return Hcl(f"object({inline(types) if on_one_line else literal(types)})")
    if kind == "object" and isinstance(values, Mapping) and not members:
        return Hcl(f"map({type_constraint(values, on_one_line=on_one_line)})")
    raise ValueError(
        f"no Terraform type for {kind!r}: the type must be known, an array requires items, and an "
        "object either properties or a schema for additionalProperties"
    )


def shift(text: str, indent: int) -> Hcl:
    """Indent every line except the first by ``indent`` more columns."""
    return Hcl(_LINE.sub("\n" + " " * indent, text) if "\n" in text else text)


def _member(schema: Mapping[str, Any], required: bool, on_one_line: bool) -> Hcl:
    constraint = type_constraint(schema, on_one_line=on_one_line)
    if required:
        return constraint
    default = schema.get("default")
    return Hcl(f"optional({constraint}{'' if default is None else f', {inline(default)}'})")


@lru_cache(maxsize=1024)
def _is_identifier(name: str) -> bool:
    return IDENTIFIER.fullmatch(name) is not None


def _literal(value: Any, room: int) -> str:
    if isinstance(value, (str, int)):
        return _scalar(value)
    if isinstance(value, Mapping) and value:
        keys = _keys(value)
        entries = [
            (keys[key], _literal(entry, room - 2 - len(keys[key]) - 3))
            for key, entry in value.items()
        ]
        return _enclose("{", _align(entries), "}")
    if isinstance(value, (list, tuple)) and value:
        if not any(isinstance(element, (Mapping, list, tuple)) for element in value):
            text = inline(value)
            if len(text) <= room and "\n" not in text:
                return text
            if len(value) > _MANY and "\n" not in text:
                return _enclose("[", _filled(value, room - 2), "]")
        return _enclose("[", [f"{_literal(element, room - 2)}," for element in value], "]")
    return inline(value)


def _filled(scalars: Iterable[Any], room: int) -> list[str]:
    """Return lines with as many elements as fit on each."""
    lines = [""]
    for text in (f"{inline(scalar)}," for scalar in scalars):
        longer = f"{lines[-1]} {text}".lstrip()
        if lines[-1] and len(longer) > room:
            lines.append(text)
        else:
            lines[-1] = longer
    return lines


def _enclose(opening: str, lines: Iterable[str], closing: str) -> str:
    return "\n".join([opening, *(f"  {shift(line, 2)}" for line in lines), closing])


def _align(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return a ``key = value`` line for each pair, with the ``=`` of a group in one column.

    As in ``terraform fmt``, a value of several lines separates two groups.
    """
    result: list[str] = []
    for several, entries in groupby(pairs, lambda pair: "\n" in pair[1]):
        group = list(entries)
        width = 0 if several else max(len(key) for key, _ in group)
        result += [f"{key.ljust(width)} = {value}" for key, value in group]
    return result


def _keys(mapping: Mapping[Any, Any]) -> dict[str, str]:
    """Write the keys of an object, without quotes if no key requires them."""
    for key in mapping:
        if not isinstance(key, str):
            raise TypeError(f"a key must be text, not {key!r}")
    if all(_PLAIN_KEY.fullmatch(key) and key not in _KEYWORDS for key in mapping):
        return {key: key for key in mapping}
    # ASCII only: terraform fmt aligns by display width, which Python does not know.
    return {key: _quote(key, _ESCAPED_IN_KEY) for key in mapping}


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value if isinstance(value, Hcl) else _quote(value, _ESCAPED)
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            if not math.isfinite(value):
                raise ValueError(f"{value} is not finite, so HCL has no such number")
            return repr(value + 0.0)  # -0.0 becomes 0.0
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be written as HCL: {value!r}")


@lru_cache(maxsize=1024)
def _quote(text: str, escaped: re.Pattern[str]) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{text!r} is not Unicode text") from error
    return f'"{_TEMPLATE.sub(_double, escaped.sub(_escape, text))}"'


def _double(match: re.Match[str]) -> str:
    return match[0] * 2


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return _SHORT.get(match[0]) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
