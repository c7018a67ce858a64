"""Text → values and places: what YAML may say here, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finbase import codes
from finbase.errors import InputError
from finbase.source import document
from finbase.source.document import Document, Where, parse
from finbase.source.scalars import printable
from finbase.source.syntax import INVISIBLE, MOST_BYTES

LOADERS = [yaml.SafeLoader, yaml.CSafeLoader] if yaml.__with_libyaml__ else [yaml.SafeLoader]


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__, autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers of PyYAML, which differ in their marks and words."""
    monkeypatch.setattr(document, "_LOADER", request.param)


def read(text: str) -> Document:
    parsed = parse("x.yaml", text.encode())
    assert not parsed.problems
    return parsed


def problems(data: str | bytes) -> list[tuple[int, int, str]]:
    """The place and code of all that is wrong, whether it ended the reading or not."""
    try:
        found = parse("x.yaml", data.encode() if isinstance(data, str) else data).problems
    except InputError as error:
        found = error.diagnostics
    return [(d.line, d.column, d.code) for d in found]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("16", 16),
        ("-5", -5),
        ("1.5", 1.5),
        ("-0.25", -0.25),
        ("'16'", "16"),
        ('"true"', "true"),
        ('""', ""),
        ('"\\u00e9\\t"', "é\t"),
    ],
)
def test_parse_typed_scalars(text: str, value: object) -> None:
    got = read(f"a: {text}\n").value["a"]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("no", "yes", "on", "off", "y", "True", "TRUE", "Null", "12:30:00", "1.20", "1.0.0"),
        *("2024-01-01", "0x1f", "0o17", "1_000", "1e3", ".5", "5.", "+5", "-0", ".inf", ".nan"),
        *("00:30-01:00", "mon:04:00-mon:05:00", "10.20.0.0/16", "123456789012345678901234567890"),
        *("=", "a#b", "CC-4711"),
    ],
)
def test_parse_keeps_text(text: str) -> None:
    assert read(f"a: {text}\n").value["a"] == text


@pytest.mark.parametrize("text", ["012", "011122223333", "00", "-007"])
def test_parse_refuses_leading_zero(text: str) -> None:
    assert problems(f"a: {text}\n") == [(1, 4, codes.LEADING_ZERO)]
    assert read(f"a: '{text}'\n").value["a"] == text


def test_parse_collections() -> None:
    value = read("a:\n  - 1\n  - {b: [], c: {}}\nd: [x, 'y']\n").value
    assert value == {"a": [1, {"b": [], "c": {}}], "d": ["x", "y"]}


def test_parse_positions() -> None:
    text = "# first\na:\n  b: {c: 1,\n      d: [é, x]}\n\nempty:\n"
    parsed = read(text)
    expected = {
        ((), False): (2, 1),
        (("a",), True): (2, 1),
        (("a",), False): (3, 3),
        (("a", "b"), True): (3, 3),
        (("a", "b"), False): (3, 6),
        (("a", "b", "c"), True): (3, 7),
        (("a", "b", "c"), False): (3, 10),
        (("a", "b", "d", 0), False): (4, 11),
        (("a", "b", "d", 1), False): (4, 14),
        (("a", "b", "d", 1), True): (4, 14),
        (("empty",), True): (6, 1),
        # What is missing is placed at the key that it would stand under.
        (("a", "b", "missing"), False): (3, 3),
        (("a", "missing", "deeper"), False): (2, 1),
        (("missing",), False): (2, 1),
    }
    assert {(w, k): parsed.position(w, k) for w, k in expected} == expected


def test_parse_skips_byte_order_mark() -> None:
    parsed = parse("x.yaml", b"\xef\xbb\xbfa: b\n")
    assert parsed.value == {"a": "b"}
    assert parsed.position(("a",), key=True) == (1, 1)


@pytest.mark.parametrize("data", ["a: 1\r\nb: 012\r\n", "a: é\nb: 012\n"])
def test_parse_counts_lines_like_editors(data: str) -> None:
    assert problems(data) == [(2, 4, codes.LEADING_ZERO)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", [(1, 1, codes.EMPTY)]),
        (b"# only\n", [(1, 1, codes.EMPTY)]),
        (b"---\n...\n", [(1, 1, codes.EMPTY)]),
        (b"a: 1\nb: \xc3\xa9\xff\n", [(2, 5, codes.NOT_UTF8)]),
        (b"\xef\xbb\xbf\xff", [(1, 2, codes.NOT_UTF8)]),
        (b"a: x\0y\n", [(1, 5, codes.CHARACTER)]),
        ("a: 1\nb: x\u2028y\n", [(2, 5, codes.CHARACTER)]),
        ("a: x\ry\n", [(1, 5, codes.CHARACTER)]),
        ('a: "\\a"\n"\\0": 1\n', [(1, 4, codes.CHARACTER), (2, 1, codes.CHARACTER)]),
        (" " * (MOST_BYTES + 1), [(1, 1, codes.TOO_LARGE)]),
        ("a:\n\tb: 1\n", [(2, 1, codes.TAB)]),
        ("a:\n  b: 1\n  \tc: 1\n", [(3, 3, codes.TAB)]),
        ("a:\n  b: 1\n c: 1\n", [(3, 2, codes.INDENTATION)]),
        ("a:\n  b: 1\n   c: 1\n", [(3, 4, codes.INDENTATION)]),
        ("a: 1\n  b: 1\n", [(2, 3, codes.INDENTATION)]),
        ("a: b\n  c\n", [(1, 4, codes.INDENTATION)]),
        ("a: [1, 2\nb: 3\n", [(1, 4, codes.SYNTAX)]),
        ("a: 'b\n", [(1, 4, codes.SYNTAX)]),
        ("a: b: c\n", [(1, 5, codes.SYNTAX)]),
        ("a: @b\n", [(1, 4, codes.SYNTAX)]),
        ("a: 1\nb:2\nc: 3\n", [(2, 1, codes.SYNTAX)]),
        ("a: 1\na: 2\na: 3\n", [(2, 1, codes.DUPLICATE_KEY), (3, 1, codes.DUPLICATE_KEY)]),
        ("a: 1\n'a': {b: 012}\n", [(2, 1, codes.DUPLICATE_KEY)]),
        ("a: &x 1\nb: *x\n", [(1, 4, codes.ALIAS), (2, 4, codes.ALIAS)]),
        ("a: &x [*x]\n", [(1, 4, codes.ALIAS), (1, 8, codes.ALIAS)]),
        ("a: *nothing\n", [(1, 4, codes.ALIAS)]),
        ("&x a: 1\n", [(1, 1, codes.ALIAS)]),
        ("a: !!str 1\n", [(1, 4, codes.TAG)]),
        ("a: !!python/object:os.system {}\n", [(1, 4, codes.TAG)]),
        ("a: !x!y 1\n", [(1, 4, codes.TAG)]),
        ("a: &x !y 1\n", [(1, 4, codes.ALIAS), (1, 4, codes.TAG)]),
        ("!x a: 1\n", [(1, 1, codes.TAG)]),
        ("a: 1\n---\nb: 1\n", [(2, 1, codes.SEVERAL_DOCUMENTS)]),
        ("<<: {a: 1}\nb: 2\n", [(1, 1, codes.MERGE_KEY)]),
        ("1: a\n1.5: b\ntrue: c\n~: d\n", [(n, 1, codes.KEY_NOT_TEXT) for n in (1, 2, 3, 4)]),
        ("? [a, {b: c}]\n: d\n", [(1, 3, codes.KEY_NOT_TEXT)]),
        ("[" * 33 + "]" * 33, [(1, 33, codes.TOO_DEEP)]),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, str | bytes) else None,
)
def test_parse_refuses(data: str | bytes, expected: list[tuple[int, int, str]]) -> None:
    assert problems(data) == expected


def test_parse_deepest_nesting() -> None:
    assert read("[" * 32 + "]" * 32)


@pytest.mark.parametrize("text", ["[" * 200_000, "? " * 200_000, "a: &a [" * 100_000])
def test_parse_stops_early_at_bomb(text: str) -> None:
    assert problems(text)[-1][2] in (codes.TOO_DEEP, codes.SYNTAX, codes.INDENTATION)


def test_parse_bounds_problems() -> None:
    assert len(problems("a: 1\n" * 5000)) == document.MOST_PROBLEMS + 1


def test_parse_marks_spoiled_values() -> None:
    parsed = parse("x.yaml", b"a: *x\nb: !y 1\nc: 012\nd: &z 1\ne: 1\n")
    assert parsed.spoiled == {("a",), ("b",), ("c",)}
    assert parsed.value == {"a": None, "b": "1", "c": "012", "d": 1, "e": 1}


def test_shown_escapes_control_characters() -> None:
    with pytest.raises(InputError) as caught:
        parse("x.yaml", b"a: \x1b[31m\n")
    assert "\x1b" not in str(caught.value)
    assert printable("a\x1b\nb") == "a\\x1b\\nb"
    assert printable("x" * 100) == "x" * 59 + "…"


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(-1e6, 1e6).map(lambda number: round(number, 3) + 0.0)
    | st.text(
        st.characters(exclude_categories=["C", "Z"]).filter(lambda c: not INVISIBLE.match(c)),
        max_size=20,
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcxyz_-", min_size=1, max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


class Strict(yaml.SafeDumper):
    """Quotes every text, and writes floats as Python does."""


Strict.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)
Strict.add_representer(
    float, lambda dumper, number: dumper.represent_scalar("tag:yaml.org,2002:float", repr(number))
)
Strict.ignore_aliases = lambda *_: True  # type: ignore[method-assign]


@settings(deadline=None)
@given(plain_values)
def test_parse_reads_written_values(value: object) -> None:
    text = yaml.dump({"a": value}, Dumper=Strict, allow_unicode=True, width=math.inf)
    assert read(text).value == {"a": value}


@settings(deadline=None)
@given(plain_values, st.booleans())
def test_parse_positions_within_text(value: object, flow: bool) -> None:
    text = yaml.dump({"a": value}, Dumper=Strict, default_flow_style=flow, allow_unicode=True)
    parsed = read(text)
    lines = text.split("\n")
    for places in parsed.positions.values():
        for line, column in places:
            assert 1 <= column <= len(lines[line - 1]) + 1

    def ways(value: object, where: Where) -> Iterator[Where]:
        yield where
        if isinstance(value, dict):
            for key, child in value.items():
                yield from ways(child, (*where, key))
        elif isinstance(value, list):
            for index, child in enumerate(value):
                yield from ways(child, (*where, index))

    assert set(ways(parsed.value, ())) == parsed.positions.keys()


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300) | st.text("ab:-[]{}&*!|>'\"%@`#?, \n\t~<01", max_size=60))
@example("{}")
@example("%YAML 2.0\n---\na: 1")
@example("%TAG ! !\n--- !a b")
@example("a: |9\n  b")
@example("'" * 999)
def test_parse_any_text(text: str) -> None:
    for line, column, code in problems(text.encode("utf-8", "surrogatepass")):
        assert line >= 1
        assert column >= 1
        assert code in codes.TITLES


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_parse_any_bytes(data: bytes) -> None:
    assert isinstance(problems(data), list)
