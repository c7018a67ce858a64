from __future__ import annotations

import itertools
import json
import random
import re
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import hcl2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finbase.render.hcl import Hcl, attributes, inline, literal, shift, type_constraint
from finbase.terraform.program import find_terraform, isolated_environ

NASTY = ["$", "%", "{", "}", "\\", '"', "a", "\n", "${x}", "%{if}", "\u202e", "é", "😀", "\0"]

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.lists(st.sampled_from(NASTY), max_size=6).map("".join),
)
numbers = st.one_of(st.integers(-(10**20), 10**20), st.floats(allow_nan=False, width=32))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts).filter(
    lambda value: value not in (float("inf"), float("-inf"))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | names, inner, max_size=4),
    max_leaves=12,
)


def terraform(*arguments: str, cwd: Path | None = None, given: str | None = None) -> str:
    command = [str(find_terraform().path), *arguments]
    done = subprocess.run(
        command, cwd=cwd, env=isolated_environ(), input=given, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (10**30, "1" + "0" * 30),
        (1.5, "1.5"),
        (-0.0, "0.0"),
        (1e21, "1e+21"),
        ("", '""'),
        ("plain", '"plain"'),
        ('say "hi"', r'"say \"hi\""'),
        ("a\\b", r'"a\\b"'),
        ("a\nb\tc\rd", r'"a\nb\tc\rd"'),
        ("\0\x1b\x7f", r'"\u0000\u001b\u007f"'),
        ("a\u202eb\U000e0001", r'"a\u202eb\U000e0001"'),
        ("${x} %{if}", '"$${x} %%{if}"'),
        ("$${x}", '"$$${x}"'),
        ("5 $ and 5 %", '"5 $ and 5 %"'),
        ("Zürich 😀", '"Zürich 😀"'),
        (Hcl("var.x"), "var.x"),
        ([], "[]"),
        ({}, "{}"),
        ([1, "a", None], '[1, "a", null]'),
        ((Hcl("var.x"), 2), "[var.x, 2]"),
        ([[]], "[\n  [],\n]"),
        ([{"a": 1}], "[\n  {\n    a = 1\n  },\n]"),
        ({"a": 1}, "{\n  a = 1\n}"),
        ({"for": 1, "a b": 2, "é": 3}, '{\n  "for"    = 1\n  "a b"    = 2\n  "\\u00e9" = 3\n}'),
        ({"a b": 1, "c": 2}, '{\n  "a b" = 1\n  "c"   = 2\n}'),
        ({"eu-west-1a": 1}, '{\n  "eu-west-1a" = 1\n}'),
    ],
)
def test_literal_format(value: Any, expected: str) -> None:
    assert literal(value) == expected


def test_literal_fills_lines() -> None:
    lines = literal([f"word{n}" for n in range(17)]).splitlines()
    assert lines[1] == "  " + ", ".join(f'"word{n}"' for n in range(8)) + ","
    assert [len(line) <= 80 for line in lines] == [True] * 5
    assert len(literal([f"{n}" * 30 for n in range(10, 26)]).splitlines()) == 18


def test_literal_list_width() -> None:
    fits = ["x" * 37, "y" * 35]  # 80 columns with quotes, comma and brackets
    assert len(literal(fits)) == 80
    assert literal([*fits[:-1], "y" * 36]) == f'[\n  "{"x" * 37}",\n  "{"y" * 36}",\n]'
    assert "\n" in literal(fits, indent=2)
    assert "\n" in attributes({"a": fits})


def row(columns: int) -> list[str]:
    """Give scalars that take so many columns on one line."""
    scalars = ["x", "y" * (columns - len('["x", ""]'))]
    assert len(inline(scalars)) == columns
    return scalars


@pytest.mark.parametrize("indent", [0, 2, 6])
@pytest.mark.parametrize("name", ["a", "subnet_ids"])
def test_literal_row_width(name: str, indent: int) -> None:
    """Wherever it stands, it may reach the last of 80 columns and not one further."""
    room = 80 - indent - len(f"{name} = ")
    fits, wide = row(room), row(room + 1)
    (line,) = attributes({name: fits}, indent).splitlines()
    assert len(line) == 80
    assert len(attributes({name: wide}, indent).splitlines()) == 4
    within = literal({name: row(room - 2)}, indent).splitlines()
    assert [len(" " * indent + within[0]), *map(len, within[1:])] == [1 + indent, 80, 1 + indent]
    assert len(literal({name: row(room - 1)}, indent).splitlines()) == 6
    if indent == 0:
        assert attributes({name: fits}) == line


def test_literal_nested_row_width() -> None:
    assert literal([row(78)]).splitlines()[1] == f"  {inline(row(78))},"
    assert len(literal([row(79)]).splitlines()) == 6


def test_literal_row_threshold() -> None:
    words = [f"word{n:02}" for n in range(17)]
    assert len(literal(words[:16]).splitlines()) == 18
    assert len(literal(words).splitlines()) == 5


def test_literal_multiline_fragment() -> None:
    call = Hcl("merge(\n  a,\n)")
    assert literal([call, 1]) == "[\n  merge(\n    a,\n  ),\n  1,\n]"
    assert literal([call] * 17).splitlines() == ["[", *["  merge(", "    a,", "  ),"] * 17, "]"]


def test_literal_escapes_astral_keys() -> None:
    assert literal({"\uffff": 1}) == '{\n  "\\uffff" = 1\n}'
    assert literal({"\U00010000": 1}) == '{\n  "\\U00010000" = 1\n}'
    assert literal({"\U00010001": 1}) == '{\n  "\\U00010001" = 1\n}'


def test_literal_indent() -> None:
    assert literal({"a": {"b": 1}}, indent=4) == "{\n      a = {\n        b = 1\n      }\n    }"
    assert shift("a\n\nb", 2) == "a\n\n  b"


def test_attributes_alignment() -> None:
    pairs = [("a", 1), ("bbb", 2), ("object", {"x": 1}), ("cc", 3), ("d-d-d", Hcl("var.d"))]
    assert attributes(pairs, 2) == (
        "  a   = 1\n  bbb = 2\n  object = {\n    x = 1\n  }\n  cc    = 3\n  d-d-d = var.d"
    )
    assert attributes({}) == ""


@pytest.mark.parametrize("name", ["", "1a", "a b", "a\n", 'a" = 1 #', "a.b", "é"])
def test_attributes_refuses_names(name: str) -> None:
    with pytest.raises(ValueError, match="not an identifier"):
        attributes({name: 1})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a"}, "a set cannot be written as HCL: {'a'}"),
        (b"a", "a bytes cannot be written as HCL: b'a'"),
        (1j, "a complex cannot be written as HCL: 1j"),
        ({1: 2}, "a key must be text, not 1"),
        ([{None: 1}], "a key must be text, not None"),
    ],
)
def test_literal_refuses_types(value: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        literal(value)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"\udfff": 1}])
def test_literal_refuses_values(value: Any) -> None:
    with pytest.raises(ValueError, match="not"):
        literal(value)


@pytest.mark.parametrize(
    "made", [Hcl("a") + "b", Hcl("a b")[:1], ",".join([Hcl("a")]), Hcl("a").upper(), f"{Hcl('a')}"]
)
def test_hcl_operations_return_data(made: str) -> None:
    assert literal(made).startswith('"')


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "number"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "bool"),
        ({"type": "array", "items": {"type": "string"}}, "list(string)"),
        ({"type": "array", "uniqueItems": True, "items": {"type": "string"}}, "set(string)"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "map(number)"),
        (
            {
                "type": "object",
                "properties": {
                    "size": {"type": "integer"},
                    "note": {"type": "string"},
                    "on": {"type": "boolean", "default": True},
                },
                "required": ["size"],
                "additionalProperties": False,
            },
            "object({\n"
            "  size = number\n"
            "  note = optional(string)\n"
            "  on   = optional(bool, true)\n"
            "})",
        ),
    ],
)
def test_type_constraint(schema: dict[str, Any], expected: str) -> None:
    assert type_constraint(schema) == expected
    nested = type_constraint({"type": "array", "items": schema})
    assert nested == f"list({expected})"
    on_one_line = type_constraint(schema, on_one_line=True)
    assert re.sub(r"\s+", " ", on_one_line.replace(",", "")) == re.sub(
        r"\s+", " ", expected.replace("({", "({ ").replace(",", "")
    )
    assert "\n" not in on_one_line


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": ["string", "null"]},
        {"type": "null"},
        {"type": "array"},
        {"type": "array", "items": True},
        {"type": "object"},
        {"type": "object", "additionalProperties": True},
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "additionalProperties": {"type": "string"},
        },
    ],
)
def test_type_constraint_refuses_open_type(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no Terraform type") as caught:
        type_constraint(schema)
    assert str(caught.value) == (
        f"no Terraform type for {schema.get('type')!r}: the type must be known, an array "
        "requires items, and an object either properties or a schema for additionalProperties"
    )


@pytest.mark.parametrize(
    "around",
    [
        lambda schema: {"type": "array", "items": schema},
        lambda schema: {"type": "object", "additionalProperties": schema},
        lambda schema: {"type": "object", "properties": {"a": schema}},
        lambda schema: {"type": "object", "properties": {"a": schema}, "required": ["a"]},
    ],
)
def test_type_constraint_on_one_line(around: Any) -> None:
    inner = {"type": "object", "properties": {"b": {"type": "string"}}}
    written = "object({ b = optional(string) })"
    whole = type_constraint(around(inner), on_one_line=True)
    assert written in whole
    assert "\n" not in whole
    assert "\n" in type_constraint(around(inner))


# python-hcl2 takes `$${` for the escape only where a `}` follows in the same string, so text
# with half a template is left to the test with Terraform below.
READABLE = ("$${", "%%{")


@settings(deadline=None, max_examples=150)
@given(values.filter(lambda value: not any(mark in literal(value) for mark in READABLE)))
def test_literal_roundtrip(value: Any) -> None:
    assert plain(hcl2.loads(f"x = {literal(value)}\n")["x"]) == value
    assert plain(hcl2.loads(f"x = {inline(value)}\n")["x"]) == value


# A process of Terraform takes longer than many blocks.
@settings(deadline=None, max_examples=10)
@given(st.lists(st.dictionaries(names, values, min_size=1, max_size=8), min_size=6, max_size=12))
@pytest.mark.terraform
def test_attributes_match_terraform_fmt(blocks: list[dict[str, Any]]) -> None:
    text = "\n".join(f"locals {{\n{attributes(pairs, 2)}\n}}\n" for pairs in blocks)
    assert terraform("fmt", "-no-color", "-", given=text) == text


SCHEMAS = st.recursive(
    st.sampled_from([{"type": kind} for kind in ("string", "integer", "number", "boolean")]),
    lambda inner: st.one_of(
        st.builds(
            lambda items, u: {"type": "array", "items": items, "uniqueItems": u},
            inner,
            st.booleans(),
        ),
        st.builds(lambda values: {"type": "object", "additionalProperties": values}, inner),
        st.builds(
            lambda members, n: {
                "type": "object",
                "properties": members,
                "required": [*members][:n],
            },
            st.dictionaries(names, inner, min_size=1, max_size=4),
            st.integers(0, 4),
        ),
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=10)
@given(st.lists(SCHEMAS, min_size=6, max_size=12))
@pytest.mark.terraform
def test_types_match_terraform_fmt(schemas: list[dict[str, Any]]) -> None:
    variables = (
        {"description": "x", "type": type_constraint(schema), "nullable": False}
        for schema in schemas
    )
    text = "\n".join(f'variable "x" {{\n{attributes(pairs, 2)}\n}}\n' for pairs in variables)
    assert terraform("fmt", "-no-color", "-", given=text) == text


@pytest.mark.terraform
def test_terraform_reads_literals(tmp_path: Path) -> None:
    rest = random.Random(0)
    nasty: list[Any] = ["".join(parts) for parts in itertools.product(NASTY[:8], repeat=4)]
    nasty += ["".join(rest.choices(NASTY, k=9)) for _ in range(500)]
    nasty += [chr(code) for code in range(0x3000)]
    nasty += [{text: text} for text in NASTY] + [[text, [text]] for text in NASTY]
    nasty += [True, None, 0, -1, 12345678901234567890, 1.5, -2.25, 1e21, 1e-7, {"a": {"b": []}}]
    assert len(nasty) > 16_000
    output = f'output "nasty" {{\n{attributes({"value": nasty}, 2)}\n}}\n'
    (tmp_path / "main.tf").write_text(output, encoding="utf-8", newline="\n")
    terraform("plan", "-out=plan.tfplan", cwd=tmp_path)
    plan = json.loads(terraform("show", "-json", "plan.tfplan", cwd=tmp_path))
    assert plan["output_changes"]["nasty"]["after"] == composed(nasty)


def composed(value: Any) -> Any:
    """Terraform keeps text in Unicode's composed form."""
    match value:
        case str():
            return unicodedata.normalize("NFC", value)
        case dict():
            return {composed(key): composed(entry) for key, entry in value.items()}
        case list():
            return [composed(entry) for entry in value]
    return value


ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
SHORT = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"'}


def plain(value: Any) -> Any:
    """What python-hcl2 read, without the quotes and escapes that it keeps."""
    match value:
        case dict():
            return {text(key): plain(entry) for key, entry in value.items()}
        case list():
            return [plain(entry) for entry in value]
        case str() if value.startswith('"'):
            return text(value)
        case str():
            return float(value.removeprefix("${").removesuffix("}"))
    return value


def text(quoted: str) -> str:
    def unescape(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else SHORT[match[3]]

    if not quoted.startswith('"'):
        return quoted
    assert quoted.endswith('"')
    return ESCAPE.sub(unescape, quoted[1:-1])
