"""Translate the JSON Schema of an input into the ``validation`` blocks of its variable.

A contract describes an input once. A JSON Schema validator checks the values of environment
files; the blocks made here let Terraform check the values of users who call a module directly. A
keyword that cannot be translated is an error and is never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from finbase.contract.contract import Check, Input, Schema, Wire
from finbase.render.hcl import Hcl, inline, literal, shift

_NOTES = frozenset({"$comment", "default", "deprecated", "description", "examples", "title"})
_SHAPE = frozenset({"type", "required", "uniqueItems"})  # The type constraint covers these.
_NUMBER = frozenset({"minimum", "maximum", "multipleOf"})
_SIZES = {
    ("minLength", "maxLength"): ("be", "characters long"),
    ("minItems", "maxItems"): ("have", "elements"),
    ("minProperties", "maxProperties"): ("have", "keys"),
}
_SIZE = frozenset(keyword for pair in _SIZES for keyword in pair)
_ONLY_ECMA = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?<?[=!]|\\[1-9])")  # Look-around, back references.
_CALL = re.compile(r"!?[a-z]+\(")
_OPERATOR = re.compile(r" (&&|\|\||\?|==|<=|>=|%) ")


def validations(variable: Input, checks: Iterable[Check] = ()) -> list[tuple[Hcl, str]]:
    """Return the ``validation`` blocks of a variable, as (condition, error message).

    If the contract states a ``rule``, one block contains all conditions and shows the rule. If
    not, each condition has its own block and a generated message. The ``checks`` of the contract
    that name the variable follow.

    Raises:
        ValueError: Terraform cannot check the schema.

    """
    rules = list(_rules_of(variable))
    blocks: list[tuple[Hcl, str]] = []
    if variable.rule and rules:
        condition = _together([rule.condition for rule in rules])
        blocks.append(
            (condition, _sentence(variable.name, variable.rule.strip().removesuffix(".")))
        )
    else:
        blocks += [(Hcl(rule.condition), rule.message(variable.name)) for rule in rules]
    if not variable.required and variable.default is None:
        unset = f"var.{variable.name} == null ? true : "
        blocks = [(Hcl(unset + condition), message) for condition, message in blocks]
    own = (check for check in checks if check.input == variable.name)
    return [*blocks, *((Hcl(check.condition.strip()), check.message) for check in own)]


def describe_constraint(variable: Input) -> str:
    """Return the rule of a variable, without its name; empty if every value is valid."""
    return variable.rule or "; ".join(rule.clause() for rule in _rules_of(variable))


@dataclass(frozen=True)
class _Rule:
    """A condition and its description: ``<subject> must <phrase>``.

    The subject is a part of the value, such as ``every element``; empty for the value itself.
    """

    condition: str
    phrase: str
    subject: str = ""

    def clause(self) -> str:
        return f"{self.subject} must {self.phrase}".lstrip()

    def message(self, name: str) -> str:
        return _sentence(f"{name}:" if self.subject else name, self.clause())

    def option(self) -> str:
        """Return the phrase as one of several alternatives after "must"."""
        return f"be such that {self.clause()}" if self.subject else self.phrase


def _sentence(name: str, text: str) -> str:
    return f"{name} {text}."


def _rules_of(variable: Input) -> Iterator[_Rule]:
    return _rules(variable.schema, f"var.{variable.name}", wire=isinstance(variable, Wire))


def _rules(schema: Schema, value: str, depth: int = 0, *, wire: bool = False) -> Iterator[_Rule]:
    """Yield every rule of ``schema`` on the HCL expression ``value``, in a fixed order.

    ``depth`` is the number of enclosing ``for`` expressions. Terraform has no integers, so a
    condition checks for one, except on a ``wire``, whose value comes from a resource.
    """
    known = _NOTES | _SHAPE | _NUMBER | _SIZE | _KEYWORDS.keys()
    if unknown := sorted(schema.keys() - known):
        raise ValueError(f"{', '.join(unknown)} cannot be translated for Terraform")
    yield from _number(schema, value, wire)
    for (least, most), (verb, unit) in _SIZES.items():
        low, high = schema.get(least), schema.get(most)
        if low is not None or high is not None:
            condition = _between(f"length({value})", low, high)
            one = (low if high is None else high) == 1
            units = unit.replace("s", "", 1) if one else unit
            yield _Rule(condition, f"{verb} {_bounds(low, high)} {units}")
    for keyword, rules_of in _KEYWORDS.items():
        if keyword in schema:
            yield from rules_of(schema, value, depth)


def _number(schema: Schema, value: str, wire: bool) -> Iterator[_Rule]:
    low, high, step = (schema.get(key) for key in ("minimum", "maximum", "multipleOf"))
    conditions, noun = [], ""
    if low is not None or high is not None:
        conditions.append(_between(value, low, high))
    if step is not None:
        conditions.append(f"{value} % {literal(step)} == 0")
        noun = f"a multiple of {step}"
    elif schema.get("type") == "integer" and not wire and not _implies_whole(schema):
        conditions.append(f"floor({value}) == {value}")
        noun = "a whole number"
    if conditions:
        bounds = _bounds(low, high)
        of = "of" if noun and bounds.startswith("at ") else ""
        phrase = " ".join(filter(None, ("be", noun, of, bounds)))
        yield _Rule(" && ".join(conditions), phrase)


def _implies_whole(schema: Schema) -> bool:
    """Return whether the other keywords already allow only whole numbers."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return (
        (values is not None and all(isinstance(value, int) for value in values))
        or isinstance(schema.get("multipleOf"), int)
        or ("anyOf" in schema and all(_implies_whole(branch) for branch in schema["anyOf"]))
    )


def _enum(schema: Schema, value: str, _depth: int) -> Iterator[_Rule]:
    choices = schema["enum"]
    *most, last = map(_shown, choices)
    phrase = f"be {', '.join(most)} or {last}" if most else f"be {last}"
    yield _Rule(f"contains({literal(choices)}, {value})", phrase)


def _const(schema: Schema, value: str, _depth: int) -> Iterator[_Rule]:
    yield _Rule(f"{value} == {inline(schema['const'])}", f"be {_shown(schema['const'])}")


def _pattern(schema: Schema, value: str, _depth: int) -> Iterator[_Rule]:
    pattern = schema["pattern"]
    if _ONLY_ECMA.search(pattern):
        raise ValueError(f"Terraform supports neither look-around nor back references: {pattern}")
    yield _Rule(f"can(regex({literal(pattern)}, {value}))", f"match the pattern {pattern}")


def _items(schema: Schema, value: str, depth: int) -> Iterator[_Rule]:
    yield from _each(schema["items"], value, "item", "every element", depth)


def _property_names(schema: Schema, value: str, depth: int) -> Iterator[_Rule]:
    yield from _each(schema["propertyNames"], f"keys({value})", "key", "every key", depth)


def _additional(schema: Schema, value: str, depth: int) -> Iterator[_Rule]:
    if isinstance(schema["additionalProperties"], Mapping):
        values = schema["additionalProperties"]
        yield from _each(values, f"values({value})", "value", "every value", depth)


def _each(schema: Schema, values: str, name: str, subject: str, depth: int) -> Iterator[_Rule]:
    """Yield the rules of ``schema``, each applied to all ``values``."""
    name = _variable(name, depth)
    for rule in _rules(schema, name, depth + 1):
        yield replace(
            rule,
            condition=f"alltrue([for {name} in {values} : {rule.condition}])",
            subject=f"{rule.subject} of {subject}" if rule.subject else subject,
        )


def _properties(schema: Schema, value: str, depth: int) -> Iterator[_Rule]:
    for name, member in schema["properties"].items():
        may_be_null = name not in schema.get("required", ()) and member.get("default") is None
        for rule in _rules(member, f"{value}.{name}", depth):
            unset = f"{value}.{name} == null ? true : " if may_be_null else ""
            subject = f"{rule.subject} of {name}" if rule.subject else name
            yield replace(rule, condition=unset + rule.condition, subject=subject)


def _contains(schema: Schema, value: str, depth: int) -> Iterator[_Rule]:
    wanted = schema["contains"]
    if wanted.keys() == {"const"}:
        constant = wanted["const"]
        yield _Rule(f"contains({value}, {inline(constant)})", f"include {_shown(constant)}")
        return
    name = _variable("item", depth)
    condition, phrase = _conjunction(_rules(wanted, name, depth + 1))
    yield _Rule(
        f"anytrue([for {name} in {value} : {condition}])", f"have an element that must {phrase}"
    )


def _all_of(schema: Schema, value: str, depth: int) -> Iterator[_Rule]:
    for part in schema["allOf"]:
        yield from _rules(part, value, depth)


def _any_of(schema: Schema, value: str, depth: int) -> Iterator[_Rule]:
    branches = [_conjunction(_rules(branch, value, depth)) for branch in schema["anyOf"]]
    yield _Rule(
        " || ".join(_grouped(condition) for condition, _ in branches),
        " or ".join(phrase for _, phrase in branches),
    )


def _not(schema: Schema, value: str, depth: int) -> Iterator[_Rule]:
    condition, phrase = _conjunction(_rules(schema["not"], value, depth))
    alone = _CALL.match(condition) and not _OPERATOR.search(condition)
    yield _Rule(f"!{condition}" if alone else f"!({condition})", f"not {phrase}")


_KEYWORDS = {
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "propertyNames": _property_names,
    "items": _items,
    "additionalProperties": _additional,
    "properties": _properties,
    "contains": _contains,
    "allOf": _all_of,
    "anyOf": _any_of,
    "not": _not,
}


def _variable(name: str, depth: int) -> str:
    return name if depth == 0 else f"{name}_{depth + 1}"


def _conjunction(rules: Iterator[_Rule]) -> tuple[str, str]:
    """Join rules with "and" into one condition and its phrase after "must"."""
    joined = list(rules)
    if not joined:
        raise ValueError("a part of contains, anyOf or not allows every value")
    phrase = " and ".join(rule.option() for rule in joined)
    if len(joined) == 1:
        return joined[0].condition, phrase
    return " && ".join(_grouped(rule.condition) for rule in joined), phrase


def _grouped(condition: str) -> str:
    """Add parentheses if an operator beside the condition could split it."""
    return f"({condition})" if re.search(r" (&&|\|\||\?) ", condition) else condition


def _together(conditions: list[str]) -> Hcl:
    if len(conditions) == 1:
        return Hcl(conditions[0])
    lines = (f"  {shift(condition, 2)}," for condition in conditions)
    return Hcl("\n".join(["alltrue([", *lines, "])"]))


def _between(value: str, low: Any, high: Any) -> str:
    if low == high:
        return f"{value} == {literal(low)}"
    limits = ((">=", low), ("<=", high))
    return " && ".join(f"{value} {sign} {literal(n)}" for sign, n in limits if n is not None)


def _bounds(low: Any, high: Any) -> str:
    if low is None:
        return "" if high is None else f"at most {high}"
    if high is None:
        return f"at least {low}"
    return f"exactly {low}" if low == high else f"between {low} and {high}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) and value else inline(value)
