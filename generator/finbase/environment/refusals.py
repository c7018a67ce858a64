"""Turn the errors of a JSON Schema validator into messages with a position and a fix.

If the contract states a rule for the input in words, the message quotes it. Sensitive values are
never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Final, TypeAlias

from finbase import codes
from finbase.contract.contract import Input
from finbase.errors import Diagnostic
from finbase.source.document import Document, Where
from finbase.source.scalars import as_yaml, closest, listed, printable

_REPLICAS = "remove it; replicas are of the first database, and a further one cannot have any"
_OF_THE_FIRST: Final[Mapping[tuple[str | int, ...], str]] = {
    ("replica", "primary"): _REPLICAS,
    ("replica", "database"): _REPLICAS,
    ("cache", "instances"): "remove it; the cache is of the first database, and a further one "
    "cannot have one",
}
"""Hints for keys that mean parts which a further database cannot have."""
_TYPES: Final[Mapping[str, str]] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "empty",
}
_NEGATIVE: Final = frozenset({"not", "uniqueItems"})
_SWITCHES: Final = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false"})
FORMS_OF_KEYS: Final[Mapping[str, str]] = {
    "^[a-z][a-z0-9]*(-[a-z0-9]+)*$": (
        "lowercase letters, digits and single hyphens, starting with a letter"
    ),
    "^[a-z][a-z0-9_]{0,30}$": (
        "at most 31 lowercase letters, digits and underscores, starting with a letter"
    ),
    "^[a-z][a-z0-9_]{0,63}$": (
        "at most 64 lowercase letters, digits and underscores, starting with a letter"
    ),
    r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$": (
        "lowercase letters, digits and underscores, with one dot after the prefix of an extension"
    ),
    "^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$": "the name of an availability zone",
    "^[a-z]{2}(-[a-z]+)+-[0-9]+[a-z]$": "the name of an availability zone",
}
"""The patterns of keys in the contracts, in words."""
_ORDINARY: Final = ("Words of a text", "words", "two-words", "two_words", "17", "1.2", "a/b")
"""Texts in forms of many inputs: a pattern that accepts one does not say what a text means."""
_ADDRESS: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")


@dataclass(frozen=True)
class Refusal:
    """A value that a schema rejected.

    ``node`` is the subschema that rejected the value, and ``declared`` the input that contains it.
    ``below`` is its path from that input; it is empty if the value is the entire input. ``beside``
    is the subschema of the mapping that contains the value. ``filled`` maps each input that users
    cannot set to the output that provides it, and ``newer`` returns the first newer version that
    has a key of the rejected mapping.
    """

    document: Document
    where: Where
    value: Any
    node: Mapping[str, Any]
    declared: Input | None
    below: Where
    beside: Mapping[str, Any]
    filled: Mapping[str, str]
    newer: Callable[[str], str | None]

    @property
    def secret(self) -> bool:
        """Whether messages must not show the value."""
        return bool(self.declared and (self.declared.sensitive or self.declared.ephemeral))

    def diagnostic(
        self, code: str, message: str, hint: str | None = None, *, under: str | None = None
    ) -> Diagnostic:
        """Return a diagnostic at the value, or at the key ``under`` it.

        A mapping, a list and an empty value are reported at their key: the first two start on a
        later line, and an empty value has no position.
        """
        where = self.where if under is None else (*self.where, under)
        at_key = under is not None or self.value is None or isinstance(self.value, dict | list)
        return self.document.problem(where, code, message, hint, key=at_key)


def explain(refusal: Refusal, kind: Any) -> Iterator[Diagnostic]:
    """Yield the diagnostics of a rejected value; ``kind`` comes from ``jsonschema_rs``."""
    match kind.name:
        case "additionalProperties":
            for key in kind.unexpected:
                yield _unknown(refusal, key)
        case "required":
            yield _missing(refusal, kind.property)
        case "propertyNames":
            yield _refused_key(refusal, str(kind.error.instance))
        case "type":
            # The library returns the types in random order.
            yield _wrong_type(refusal, [name for name in _TYPES if name in kind.types])
        case name:
            yield _refused(refusal, name)


def code_of(keyword: str) -> str:
    """Return the code for a breach of a keyword; empty for a keyword that checks nothing."""
    return _KEYWORDS[keyword][0] if keyword in _KEYWORDS else ""


def named(where: Where) -> str:
    """Return how messages refer to a value.

    >>> named(("modules", "network", "cidr")), named(("tags",)), named(())
    ('`network.cidr`', '`tags`', 'the file')
    >>> named(("modules", "access", "internet_cidrs", 0))
    'item 1 of `access.internet_cidrs`'
    """
    if where and isinstance(where[-1], int):
        return f"item {where[-1] + 1} of {named(where[:-1])}"
    names = where[1:] if len(where) > 1 and where[0] == "modules" else where
    return f"`{printable('.'.join(str(n) for n in names))}`" if names else "the file"


def _unknown(refusal: Refusal, key: str) -> Diagnostic:
    known = refusal.node.get("properties", {})
    hint = None
    if version := refusal.newer(key):
        module = refusal.where[1]
        hint = f"it exists from {module} {version}; raise `version` of `{module}` to that"
    hint = hint or _OF_THE_FIRST.get((*refusal.where[1:2], key)) or closest(key, known)
    if hint is None and key in refusal.filled:
        hint = f"remove it; finbase sets it to {refusal.filled[key]}"
    hint = hint or f"allowed keys: {listed(known, 40)}"
    context = f" in {named(refusal.where)}" if refusal.where else ""
    return refusal.diagnostic(
        codes.UNKNOWN_KEY, f"unknown key `{printable(key)}`{context}", hint, under=key
    )


def _missing(refusal: Refusal, key: str) -> Diagnostic:
    schema = refusal.node.get("properties", {}).get(key, {})
    description = str(schema.get("description", "")).rstrip(".")
    hint = f"add `{key}`: {description}" if description else f"add `{key}`"
    if examples := schema.get("examples"):
        hint = f"{hint}; for example {as_yaml(examples[0])}"
    return refusal.diagnostic(codes.MISSING_KEY, f"{named(refusal.where)} has no `{key}`", hint)


def _refused_key(refusal: Refusal, key: str) -> Diagnostic:
    form = refusal.node  # The schema of the keys.
    pattern, most = form.get("pattern", ""), form.get("maxLength")
    words = FORMS_OF_KEYS.get(pattern, f"a key that matches the pattern {pattern}")
    if (denied := form.get("not", {})) and re.search(pattern, key):
        names = denied.get("enum")
        hint = f"use another name than {listed(names)}" if names else None
        if hint is None and refusal.declared and refusal.declared.rule:
            hint = f"`{refusal.declared.name}` {refusal.declared.rule}"
    else:
        hint = f"use {f'at most {most} ' if most else ''}{words}"
        if near := _as_name(key, pattern, most):
            hint = f"{hint}, such as {near}"
    message = f"`{printable(key)}` is not a valid key of {named(refusal.where)}"
    return refusal.diagnostic(codes.KEY_FORM, message, hint, under=key)


def _as_name(key: str, pattern: str, most: int | None) -> str | None:
    """Return the key in lowercase, with hyphens or underscores, if the pattern accepts that.

    >>> _as_name("Office VPN", "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", 20)
    'office-vpn'
    >>> _as_name("Cost-Centre", "^[a-z][a-z0-9_]{0,63}$", None)
    'cost_centre'
    """
    words = re.findall("[a-z0-9]+", key.lower())
    names = (mark.join(words) for mark in "-_")
    fits = (n for n in names if re.search(pattern, n) and (most is None or len(n) <= most))
    return next(fits, None)


def _wrong_type(refusal: Refusal, expected: Sequence[str]) -> Diagnostic:
    demand = f"must be {' or '.join(_TYPES[name] for name in expected)}"
    actual = "a list" if isinstance(refusal.value, list) else _actual(refusal)
    but = "but is empty" if refusal.value is None else f"not {actual}"
    message = f"{named(refusal.where)} {demand}, {but}"
    return refusal.diagnostic(codes.WRONG_TYPE, message, _type_hint(expected, refusal))


def _type_hint(expected: Sequence[str], refusal: Refusal) -> str | None:
    value = refusal.value
    if value is None:
        return "add a value, or remove the line"
    if refusal.secret:
        return None
    if "string" in expected and isinstance(value, bool | int | float):
        return f'quote it: "{as_yaml(value)}"'
    if "boolean" in expected and isinstance(value, str) and value.lower() in _SWITCHES:
        return "write true or false"
    if isinstance(value, str) and "integer" in expected:
        return "write only digits, without quotes"
    if isinstance(value, str) and "number" in expected:
        return "write a decimal number such as 1.5, without quotes"
    if "array" in expected and not isinstance(value, dict | list):
        return f"write a list: [{printable(as_yaml(value))}]"
    if "object" in expected:
        return "write its `key: value` pairs on separate, indented lines below it"
    return None


def _refused(refusal: Refusal, kind: str) -> Diagnostic:
    node, declared = refusal.node, refusal.declared
    code, demanded = _KEYWORDS.get(kind, (codes.CONSTRAINT, None))
    rule = declared.rule if declared and not refusal.below else node.get("rule")
    if kind == "uniqueItems":
        rule = None
    demand = rule or (demanded(node) if demanded else f"must satisfy the schema's {kind}")
    contrast = "; it is" if kind in _NEGATIVE and not rule else ", not"
    message = f"{named(refusal.where)} {demand}{contrast} {_actual(refusal)}"
    if kind == "pattern" and not rule and declared and declared.rule:
        # The hint states the rule in words, which say more than the pattern.
        message = f"{named(refusal.where)} cannot be {_actual(refusal)}"
    return refusal.diagnostic(code, message, _hint(refusal, kind, rule))


def _hint(refusal: Refusal, kind: str, rule: str | None) -> str | None:
    """Return how to fix a value; ``rule`` is what the message quotes, if it does."""
    node, declared, value = refusal.node, refusal.declared, refusal.value
    if kind == "pattern" and (hint := _instead(refusal)):
        return hint
    if kind == "enum" and isinstance(value, str) and (hint := closest(value, node["enum"])):
        return hint
    if kind == "enum" and rule:
        return f"write one of {listed(node['enum'])}"
    if declared and (
        hint := _example(declared.schema, refusal.below, node) or _nearest(kind, node)
    ):
        if kind == "pattern" and (lowest := _lowest(value, node["pattern"])):
            hint = f'{hint}; the lowest that is accepted is "{lowest}"'
        return hint
    if kind in _FIXES:
        return _FIXES[kind]
    if declared is None or (rule is not None and rule == declared.rule):
        return None
    return (
        f"`{declared.name}` {declared.rule}" if declared.rule else declared.description.rstrip(".")
    )


def _instead(refusal: Refusal) -> str | None:
    """Return what to write for a text in a wrong form: another key, or a range for an address."""
    value, pattern = refusal.value, refusal.node["pattern"]
    if not isinstance(value, str) or refusal.secret:
        return None
    for name, other in refusal.beside.get("properties", {}).items():
        form = other.get("pattern", "")
        if re.search(form, value) and not any(re.search(form, text) for text in _ORDINARY):
            description = str(other.get("description", "")).rstrip(".")
            return f"write it as `{name}`: {description[:1].lower()}{description[1:]}"
    if not _ADDRESS.fullmatch(value):
        return None
    # Like the same value in the entries beside it; or by the zeros at the end of the address.
    zeros = len(value) - len(value.rstrip(".0"))
    lengths = [*_lengths_beside(refusal), 32 - 8 * value[len(value) - zeros :].count(".")]
    ranges = (f"{value}/{length}" for length in lengths if _starts(value, length))
    return next((f"write {text}" for text in ranges if re.search(pattern, text)), None)


def _lengths_beside(refusal: Refusal) -> Iterator[int]:
    """Yield the prefix lengths that the same value has in the other entries of its mapping."""
    around: Any = refusal.document.value
    for step in refusal.where[:-2]:
        around = around[step]
    for entry in around.values() if isinstance(around, dict) else ():
        text = entry.get(refusal.where[-1]) if isinstance(entry, dict) else None
        length = text.partition("/")[2] if isinstance(text, str) else ""
        if length.isdecimal():
            yield int(length)


def _starts(address: str, length: int) -> bool:
    """Return whether a range of this prefix length starts at the address.

    >>> _starts("10.40.12.0", 22), _starts("10.40.12.0", 21), _starts("10.40.12.999", 22)
    (True, False, False)
    """
    try:
        IPv4Network(f"{address}/{length}")
    except ValueError:
        return False
    return True


def _example(schema: Mapping[str, Any], below: Where, node: Mapping[str, Any]) -> str | None:
    """Return an example of an input, or of the part of it that is ``below``."""
    part: Any = next(iter(schema.get("examples", ())), None)
    for step in below:
        # The keys of a map are names that the example need not share.
        first = next(iter(part.values()), None) if isinstance(part, dict) else None
        part = part.get(step, first) if isinstance(part, dict) else None
    if part is not None and not isinstance(part, dict | list):
        return f"for example {as_yaml(part)}"
    schema = node if below else schema
    if examples := schema.get("examples"):
        return f"for example {as_yaml(examples[0])}"
    default = schema.get("default")
    return None if default in (None, [], {}) else f"the default is {as_yaml(default)}"


def _nearest(kind: str, node: Mapping[str, Any]) -> str | None:
    more = {"minimum": "more", "maximum": "less"}.get(kind)
    return f"write {node[kind]} or {more}" if more else None


def _lowest(value: Any, pattern: str) -> int | None:
    """Return the lowest number that a pattern accepts, if a value is a lower one."""
    if not isinstance(value, str) or not re.fullmatch("[0-9]{1,2}", value):
        return None
    accepted = (number for number in range(100) if re.search(pattern, str(number)))
    lowest = next(accepted, 0)
    return lowest if int(value) < lowest else None


def _actual(refusal: Refusal) -> str:
    """Return the rejected value as a message can show it."""
    value = refusal.value
    if refusal.secret:
        return "the value in the file (secret, not shown)"
    if isinstance(value, dict):
        return f"a mapping with {len(value)} keys" if value else "an empty mapping"
    return f'"{printable(value)}"' if isinstance(value, str) else printable(as_yaml(value))


_Demand: TypeAlias = Callable[[Mapping[str, Any]], str]
"""Returns what a subschema demands with a keyword."""


def _span(
    code: str, least: str, most: str, unit: str
) -> Iterator[tuple[str, tuple[str, _Demand | None]]]:
    """Yield two keywords that are the limits of one number."""

    def demand(node: Mapping[str, Any]) -> str:
        low, high = node.get(least), node.get(most)
        if low is not None and high is not None:
            return f"must {unit.format(f'from {low} to {high}')}"
        return f"must {unit.format(f'at least {low}' if high is None else f'at most {high}')}"

    yield least, (code, demand)
    yield most, (code, demand)


def _forbidden(node: Mapping[str, Any]) -> str:
    values = node["not"].get("enum") if isinstance(node["not"], dict) else None
    return f"must not be one of {listed(values)}" if values else "must have another value"


_FIXES: Final[Mapping[str, str]] = {
    "maxLength": "shorten it",
    "maxItems": "remove some",
    "maxProperties": "remove some",
}
_KEYWORDS: Final[Mapping[str, tuple[str, _Demand | None]]] = {
    "type": (codes.WRONG_TYPE, None),
    "propertyNames": (codes.KEY_FORM, None),
    "enum": (codes.NOT_ONE_OF, lambda node: f"must be one of {listed(node['enum'])}"),
    "const": (codes.NOT_ONE_OF, lambda node: f"must be {as_yaml(node['const'])}"),
    "pattern": (codes.FORM, lambda node: f"must match the pattern {node['pattern']}"),
    "multipleOf": (codes.RANGE, lambda node: f"must be a multiple of {node['multipleOf']}"),
    "exclusiveMinimum": (codes.RANGE, None),
    "exclusiveMaximum": (codes.RANGE, None),
    **dict(_span(codes.RANGE, "minimum", "maximum", "be {}")),
    **dict(_span(codes.LENGTH, "minLength", "maxLength", "have {} characters")),
    **dict(_span(codes.LENGTH, "minItems", "maxItems", "have {} items")),
    **dict(_span(codes.LENGTH, "minProperties", "maxProperties", "have {} entries")),
    "not": (codes.CONSTRAINT, _forbidden),
    "anyOf": (codes.CONSTRAINT, None),
    "uniqueItems": (codes.CONSTRAINT, lambda _: "must not contain an item twice"),
    "contains": (
        codes.CONSTRAINT,
        lambda node: f"must include {as_yaml(node['contains'].get('const'))}",
    ),
}
"""The code of a breach of each keyword, and what the keyword demands if no rule says it."""
