"""Test that a schema is only called wider if it accepts every value that it accepted before."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.release.widening import accepts_all, same

Schema = dict[str, Any]
INTEGER, TEXT = {"type": "integer"}, {"type": "string"}


def array(**keywords: Any) -> Schema:
    return {"type": "array", "items": TEXT, **keywords}


WIDER = [
    ({**INTEGER, "minimum": 5}, {**INTEGER, "minimum": 4}),
    ({**INTEGER, "maximum": 5}, {**INTEGER, "maximum": 5.5}),
    ({**INTEGER, "minimum": -1}, {**INTEGER, "minimum": -2}),
    ({**INTEGER, "multipleOf": 6}, {**INTEGER, "multipleOf": 3}),
    ({**TEXT, "minLength": 2}, {**TEXT, "minLength": 1}),
    (array(minItems=2), array(minItems=1)),
    ({**INTEGER, "const": 5}, {**INTEGER, "minimum": 5, "maximum": 6}),
    ({**INTEGER, "enum": [7, 14]}, {**INTEGER, "minimum": 7, "maximum": 14}),
    ({**TEXT, "enum": ["a"]}, {**TEXT, "enum": ["a", "b"]}),
    ({**TEXT, "const": "a"}, {**TEXT, "enum": ["b", "a"]}),
    ({**TEXT, "enum": ["a"]}, {**TEXT, "pattern": "^a*$"}),
    ({**TEXT, "not": {"enum": ["a", "b"]}}, {**TEXT, "not": {"enum": ["a"]}}),
    (
        {**TEXT, "not": {"anyOf": [{"enum": ["a", "b"]}, {"pattern": "^p"}]}},
        {**TEXT, "not": {"enum": ["a"]}},
    ),
    ({**INTEGER, "not": {"minimum": 5}}, {**INTEGER, "not": {"minimum": 6}}),
    ({**INTEGER, "minimum": 5}, {**INTEGER, "anyOf": [{"minimum": 5}, {"enum": [1]}]}),
    ({**TEXT, "minLength": 1, "pattern": "a"}, {**TEXT, "pattern": "a"}),
    ({**TEXT, "allOf": [{"pattern": "a"}, {"pattern": "b"}]}, {**TEXT, "pattern": "b"}),
    (array(contains={"const": "a"}), array(contains={"enum": ["a", "b"]})),
    (
        array(allOf=[{"contains": {"const": "a"}}, {"contains": {"const": "b"}}]),
        array(contains={"const": "a"}),
    ),
    (array(items={**TEXT, "enum": ["a"]}), array(items=TEXT)),
    (
        {"type": "object", "additionalProperties": TEXT, "propertyNames": {"pattern": "a"}},
        {"type": "object", "additionalProperties": TEXT},
    ),
    (
        {**INTEGER, "anyOf": [{"enum": [7]}, {"multipleOf": 31, "minimum": 31}]},
        {**INTEGER, "anyOf": [{"enum": [7, 731]}, {"multipleOf": 31, "minimum": 31}]},
    ),
    (
        {**INTEGER, "anyOf": [{"enum": [7]}, {"minimum": 31, "maximum": 713}]},
        {**INTEGER, "minimum": 7},
    ),
]


@pytest.mark.parametrize(("narrow", "wide"), WIDER)
def test_accepts_all_one_way(narrow: Schema, wide: Schema) -> None:
    assert accepts_all(wide, narrow)
    assert not accepts_all(narrow, wide)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({**INTEGER, "minimum": 5}, {**INTEGER, "maximum": 5}),
        ({**TEXT, "pattern": "^a$"}, {**TEXT, "pattern": "^ab?$"}),
        ({**INTEGER, "const": 5}, {**INTEGER, "minimum": 6}),
        (array(contains={"const": "a"}), array(contains={"const": "b"})),
        ({**INTEGER, "unknown": 1}, {**INTEGER, "unknown": 2}),
        ({**INTEGER, "multipleOf": 6}, {**INTEGER, "multipleOf": 4}),
        (array(uniqueItems=True), array()),
        ({**TEXT, "enum": ["1"]}, {**INTEGER, "enum": [1]}),
        ({"type": "boolean"}, INTEGER),
    ],
)
def test_accepts_all_refuses_what_it_cannot_show(one: Schema, other: Schema) -> None:
    assert not accepts_all(one, other)
    assert not accepts_all(other, one)


def test_same_distinguishes_json_types() -> None:
    assert same({"a": 1, "b": None}, {"b": None, "a": 1})
    assert not same(1, True)
    assert not same(1, 1.0)
    assert not same([1, 2], [2, 1])


NUMBERS = st.integers(-3, 4)
VALUES = range(-5, 7)
SIMPLE = st.one_of(
    st.builds(lambda n: {"minimum": n}, NUMBERS),
    st.builds(lambda n: {"maximum": n}, NUMBERS),
    st.builds(lambda n: {"const": n}, NUMBERS),
    st.builds(lambda n: {"multipleOf": n}, st.integers(1, 4)),
    st.lists(NUMBERS, min_size=1, max_size=3).map(lambda values: {"enum": values}),
)
SCHEMAS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"allOf": parts}),
        inner.map(lambda schema: {"not": schema}),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
    ),
    max_leaves=5,
).map(lambda schema: {"type": "integer"} | schema)


@given(SCHEMAS, SCHEMAS)
def test_accepts_all_is_sound(new: Schema, old: Schema) -> None:
    assert accepts_all(old, old)
    if accepts_all(new, old):
        old_values = {value for value in VALUES if jsonschema_rs.is_valid(old, value)}
        assert old_values <= {value for value in VALUES if jsonschema_rs.is_valid(new, value)}


@given(SCHEMAS, SCHEMAS)
def test_accepts_all_of_alternatives_and_conjunctions(one: Schema, other: Schema) -> None:
    assert accepts_all({"type": "integer", "anyOf": [one, other]}, one)
    assert accepts_all(other, {"type": "integer", "allOf": [one, other]})


@given(NUMBERS, NUMBERS)
def test_accepts_all_compares_bounds(one: int, other: int) -> None:
    schemas = [{**INTEGER, "minimum": low, "maximum": 100} for low in (one, other)]
    assert accepts_all(schemas[1], schemas[0]) == (other <= one)


WORDS = st.lists(st.text('abc,"\\]) ${&|?:', max_size=5), min_size=1, max_size=5)


@given(WORDS, WORDS)
def test_accepts_all_compares_enumerations(few: list[str], others: list[str]) -> None:
    wide, narrow = {**TEXT, "enum": few + others}, {**TEXT, "enum": few}
    refusing_many, refusing_few = {**TEXT, "not": wide}, {**TEXT, "not": narrow}
    assert accepts_all(wide, narrow)
    assert accepts_all(refusing_few, refusing_many)
    equal = set(others) <= set(few)
    assert accepts_all(narrow, wide) == accepts_all(refusing_many, refusing_few) == equal
