"""Decide whether a JSON Schema accepts every value that another one accepts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

import jsonschema_rs

from finbase.contract.contract import Schema

_NOTES = frozenset({"$comment", "default", "deprecated", "description", "examples", "title"})


def accepts_all(new: Schema, old: Schema) -> bool:
    """Return True if every value valid under ``old`` is surely valid under ``new``.

    False means that this cannot be shown, not that it is wrong.

    >>> accepts_all({"type": "integer", "minimum": 1}, {"type": "integer", "minimum": 2})
    True
    >>> accepts_all({"type": "integer", "maximum": 9}, {"enum": [7, 8]})
    True
    >>> accepts_all({"type": "string", "pattern": "a*"}, {"type": "string", "pattern": "aa*"})
    False
    """
    facts = list(_facts(old))
    choices = _choices(facts)
    if choices is not None:
        possible = [value for value in choices if jsonschema_rs.is_valid(dict(old), value)]
        return all(jsonschema_rs.is_valid(dict(new), value) for value in possible)
    for number, fact in enumerate(facts):
        if "anyOf" in fact:
            rest = {key: value for key, value in fact.items() if key != "anyOf"}
            others = [*facts[:number], *facts[number + 1 :], rest]
            if all(accepts_all(new, {"allOf": [*others, branch]}) for branch in fact["anyOf"]):
                return True
    return all(_implied(key, new, facts) for key in new if key not in _NOTES)


def same(one: object, other: object) -> bool:
    """Return True if two values are the same as JSON, in which 1, 1.0 and true differ."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _facts(schema: Schema) -> Iterator[Schema]:
    """Yield the schemas without ``allOf`` that together say what ``schema`` says."""
    yield {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema.get("allOf", ()):
        yield from _facts(part)


def _choices(facts: Sequence[Schema]) -> Sequence[Any] | None:
    """Return the shortest list of scalars that the value must be one of, or None."""
    lists = [fact.get("enum", [fact.get("const")]) for fact in facts if fact.keys() & _ENUMS]
    scalars = [values for values in lists if not any(isinstance(v, list | dict) for v in values)]
    return min(scalars, key=len, default=None)


_ENUMS = {"enum", "const"}


def _implied(keyword: str, new: Schema, old: Sequence[Schema]) -> bool:
    """Return True if a keyword of ``new`` refuses no value that meets all of ``old``."""
    value = new[keyword]
    stated = [fact[keyword] for fact in old if keyword in fact]
    match keyword:
        case "type":
            return _has_type(value, new, old)
        case "minimum" | "minLength" | "minItems" | "minProperties":
            return bool(max(stated, default=-inf) >= value)
        case "maximum" | "maxLength" | "maxItems" | "maxProperties":
            return bool(min(stated, default=inf) <= value)
        case "multipleOf":
            return any(isinstance(step, int) and step % value == 0 for step in stated)
        case "allOf":
            return all(accepts_all(part, {"allOf": old}) for part in value)
        case "anyOf":
            return any(accepts_all(part, {"allOf": old}) for part in value)
        case "not":
            return any(accepts_all(refused, value) for refused in stated)
        case "items" | "contains" | "propertyNames":
            return any(accepts_all(value, schema) for schema in stated)
        case "properties":
            return _has_members(new, old)
        case "required":
            return set(value) <= {name for names in stated for name in names}
        case "additionalProperties" if isinstance(value, Mapping):
            return any(isinstance(s, Mapping) and accepts_all(value, s) for s in stated)
        case _:
            return any(same(value, text) for text in stated)


def _has_type(kind: object, new: Schema, old: Sequence[Schema]) -> bool:
    """Compare types like Terraform: a set is not a list, and an object is not a map."""
    kinds = {fact.get("type") for fact in old}
    if kind == "array":
        unique = any(fact.get("uniqueItems") for fact in old)
        return kind in kinds and unique == bool(new.get("uniqueItems"))
    if kind == "object":
        return kind in kinds and _members(old).keys() <= new.get("properties", {}).keys()
    return kind in kinds or (kind == "number" and "integer" in kinds)


def _members(facts: Sequence[Schema]) -> dict[str, Schema]:
    return {name: s for fact in facts for name, s in fact.get("properties", {}).items()}


def _has_members(new: Schema, old: Sequence[Schema]) -> bool:
    """Compare the members of objects; an omitted member must keep its default."""
    members = _members(old)
    required = {name for fact in old for name in fact.get("required", ())}
    closed = any(fact.get("additionalProperties") is False for fact in old)
    return all(
        accepts_all(member, members[name])
        and (name in required or same(member.get("default"), members[name].get("default")))
        if name in members
        else closed
        for name, member in new["properties"].items()
    )
