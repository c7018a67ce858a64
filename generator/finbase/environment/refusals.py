"""What a schema refuses → a sentence for people, with the place of the cause.

An input's own ``rule`` is said wherever it has one, with the value that was found; a value
that is sensitive is never shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from finbase import codes
from finbase.contract.contract import Input
from finbase.errors import Diagnostic
from finbase.source.document import Document, Where
from finbase.source.scalars import as_yaml, closest, listed, shown

__all__ = ["Refusal", "code_of", "explain", "named"]

_CODES: Final[Mapping[str, str]] = {
    "type": codes.WRONG_TYPE,
    "enum": codes.NOT_ONE_OF,
    "const": codes.NOT_ONE_OF,
    "pattern": codes.FORM,
    "minimum": codes.RANGE,
    "maximum": codes.RANGE,
    "exclusiveMinimum": codes.RANGE,
    "exclusiveMaximum": codes.RANGE,
    "multipleOf": codes.RANGE,
    "minLength": codes.LENGTH,
    "maxLength": codes.LENGTH,
    "minItems": codes.LENGTH,
    "maxItems": codes.LENGTH,
    "minProperties": codes.LENGTH,
    "maxProperties": codes.LENGTH,
    "propertyNames": codes.KEY_FORM,
    "anyOf": codes.CONSTRAINT,
    "contains": codes.CONSTRAINT,
    "not": codes.CONSTRAINT,
    "uniqueItems": codes.CONSTRAINT,
}
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
_INSTANCE_HINT: Final = (
    "at most 20 lowercase letters, digits and single hyphens, beginning with a letter"
)


@dataclass(frozen=True)
class Refusal:
    """A value that a schema refused.

    ``node`` is the schema that did, ``given`` the input that the value belongs to, and
    ``whole`` whether it is all of that input. ``filled`` are the inputs that are never given,
    each with the output that fills it.
    """

    document: Document
    where: Where
    value: Any
    node: Mapping[str, Any]
    given: Input | None
    whole: bool
    filled: Mapping[str, str]

    def say(
        self, code: str, message: str, hint: str | None = None, *, under: str | None = None
    ) -> Diagnostic:
        """A diagnostic at the value, or at one of the keys ``under`` it.

        A mapping and a list begin below their key, and nothing has no place: their key it is.
        """
        where = self.where if under is None else (*self.where, under)
        at_key = under is not None or self.value is None or isinstance(self.value, dict | list)
        return self.document.problem(where, code, message, hint, key=at_key)


def explain(refusal: Refusal, kind: Any) -> Iterator[Diagnostic]:
    """Say what was refused; ``kind`` is what ``jsonschema_rs`` knows about it."""
    match kind.name:
        case "additionalProperties":
            for key in kind.unexpected:
                yield _unknown(refusal, key)
        case "required":
            yield _missing(refusal, kind.property)
        case "propertyNames":
            yield _refused_key(refusal, str(kind.error.instance))
        case "type":
            # The library gives the types in no order; here they come in that of _TYPES.
            yield _wrong_type(refusal, [name for name in _TYPES if name in kind.types])
        case name:
            yield _refused(refusal, name)


def code_of(keyword: str) -> str:
    """The code that a breach of a keyword is told with; empty for one that demands nothing."""
    return _CODES.get(keyword, "")


def named(where: Where) -> str:
    """What a value is called: ``network.cidr``, or the second item of a list."""
    if where and isinstance(where[-1], int):
        return f"item {where[-1] + 1} of {named(where[:-1])}"
    names = where[1:] if len(where) > 1 and where[0] == "modules" else where
    return f"`{shown('.'.join(str(n) for n in names))}`" if names else "the file"


def _unknown(refusal: Refusal, key: str) -> Diagnostic:
    known = refusal.node.get("properties", {})
    if key in refusal.filled:
        hint = f"it is filled with {refusal.filled[key]} and never given; take it out"
    else:
        hint = closest(key, known) or f"the keys here are {listed(known, 40)}"
    place = f" in {named(refusal.where)}" if refusal.where else ""
    return refusal.say(codes.UNKNOWN_KEY, f"unknown key `{shown(key)}`{place}", hint, under=key)


def _missing(refusal: Refusal, key: str) -> Diagnostic:
    schema = refusal.node.get("properties", {}).get(key, {})
    hint = str(schema.get("description", "")).rstrip(".")
    if examples := schema.get("examples"):
        hint = f"{hint}; for example {as_yaml(examples[0])}"
    return refusal.say(codes.MISSING_KEY, f"{named(refusal.where)} has no `{key}`", hint or None)


def _refused_key(refusal: Refusal, key: str) -> Diagnostic:
    hint = None
    if refusal.given and refusal.given.rule:
        hint = f"`{refusal.given.name}` {refusal.given.rule}"
    elif refusal.where[-1:] == ("instances",):
        hint = _INSTANCE_HINT
    message = f"`{shown(key)}` cannot be a key of {named(refusal.where)}"
    return refusal.say(codes.KEY_FORM, message, hint, under=key)


def _wrong_type(refusal: Refusal, wanted: Sequence[str]) -> Diagnostic:
    demand = f"must be {' or '.join(_TYPES[name] for name in wanted)}"
    found = "a list" if isinstance(refusal.value, list) else _found(refusal)
    but = "but is empty" if refusal.value is None else f"not {found}"
    message = f"{named(refusal.where)} {demand}, {but}"
    return refusal.say(codes.WRONG_TYPE, message, _type_hint(wanted, refusal))


def _type_hint(wanted: Sequence[str], refusal: Refusal) -> str | None:
    value = refusal.value
    if value is None:
        return "give a value, or take the line out"
    if _secret(refusal):
        return None
    if "string" in wanted and isinstance(value, bool | int | float):
        return f'quote it: "{as_yaml(value)}"'
    if "boolean" in wanted and isinstance(value, str) and value.lower() in _SWITCHES:
        return "write true or false"
    if isinstance(value, str) and "integer" in wanted:
        return "write it in plain digits, without quotes"
    if isinstance(value, str) and "number" in wanted:
        return "write it as a plain decimal number such as 1.5, without quotes"
    if "array" in wanted and not isinstance(value, dict | list):
        return f"write a list: [{shown(as_yaml(value))}]"
    return "write `key: value` below it, in lines of their own" if "object" in wanted else None


def _refused(refusal: Refusal, kind: str) -> Diagnostic:
    node, given = refusal.node, refusal.given
    rule = given.rule if given and refusal.whole else node.get("rule")
    if kind == "uniqueItems":
        rule = None
    demand = rule or (_DEMANDS[kind](node) if kind in _DEMANDS else f"must keep to its {kind}")
    joint = "; found" if kind in _NEGATIVE and not rule else ", not"
    message = f"{named(refusal.where)} {demand}{joint} {_found(refusal)}"
    if kind == "pattern" and not rule and given and given.rule:  # The hint says it in words.
        message = f"{named(refusal.where)} cannot be {_found(refusal)}"
    hint = None
    if kind == "enum":
        if isinstance(refusal.value, str):
            hint = closest(refusal.value, node["enum"])
        if hint is None and rule:
            hint = f"one of {listed(node['enum'])}"
    if hint is None and given:
        hint = _example(given.schema if refusal.whole else node) or _nearest(kind, node)
    if hint is None:
        hint = _CURES.get(kind)
    if hint is None and given and (rule is None or rule != given.rule):
        hint = f"`{given.name}` {given.rule}" if given.rule else given.description.rstrip(".")
    return refusal.say(_CODES.get(kind, codes.CONSTRAINT), message, hint)


def _example(schema: Mapping[str, Any]) -> str | None:
    if examples := schema.get("examples"):
        return f"for example {as_yaml(examples[0])}"
    default = schema.get("default")
    return None if default in (None, [], {}) else f"the default is {as_yaml(default)}"


def _nearest(kind: str, node: Mapping[str, Any]) -> str | None:
    more = {"minimum": "more", "maximum": "less"}.get(kind)
    return f"write {node[kind]} or {more}" if more else None


def _found(refusal: Refusal) -> str:
    value = refusal.value
    if _secret(refusal):
        return "the value given, which is secret"
    if isinstance(value, dict):
        return f"a mapping of {len(value)}" if value else "an empty mapping"
    return f'"{shown(value)}"' if isinstance(value, str) else shown(as_yaml(value))


def _secret(refusal: Refusal) -> bool:
    return refusal.given is not None and (refusal.given.sensitive or refusal.given.ephemeral)


def _span(least: str, most: str, unit: str) -> Callable[[Mapping[str, Any]], str]:
    def demand(node: Mapping[str, Any]) -> str:
        low, high = node.get(least), node.get(most)
        if low is not None and high is not None:
            return f"must {unit.format(f'from {low} to {high}')}"
        return f"must {unit.format(f'at least {low}' if high is None else f'at most {high}')}"

    return demand


def _barred(node: Mapping[str, Any]) -> str:
    words = node["not"].get("enum") if isinstance(node["not"], dict) else None
    return f"must be none of {listed(words)}" if words else "must be something else"


_CURES: Final[Mapping[str, str]] = {
    "maxLength": "shorten it",
    "maxItems": "take some out",
    "maxProperties": "take some out",
}
_NUMBERS = _span("minimum", "maximum", "be {}")
_CHARACTERS = _span("minLength", "maxLength", "have {} characters")
_ITEMS = _span("minItems", "maxItems", "have {} items")
_ENTRIES = _span("minProperties", "maxProperties", "have {} entries")
_DEMANDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "enum": lambda node: f"must be one of {listed(node['enum'])}",
    "const": lambda node: f"must be {as_yaml(node['const'])}",
    "pattern": lambda node: f"must have the form {node['pattern']}",
    "minimum": _NUMBERS,
    "maximum": _NUMBERS,
    "multipleOf": lambda node: f"must be a multiple of {node['multipleOf']}",
    "minLength": _CHARACTERS,
    "maxLength": _CHARACTERS,
    "minItems": _ITEMS,
    "maxItems": _ITEMS,
    "minProperties": _ENTRIES,
    "maxProperties": _ENTRIES,
    "not": _barred,
    "uniqueItems": lambda _: "must not give an item twice",
    "contains": lambda node: f"must include {as_yaml(node['contains'].get('const'))}",
}
