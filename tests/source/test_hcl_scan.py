"""HCL is read by its blocks, whatever its strings, heredocs and comments contain."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.source.hcl_scan import Block, scan, scan_parts, string_value

Shape: TypeAlias = tuple[str, tuple[str, ...], dict[str, str], list["Shape"]]


def shape(block: Block) -> Shape:
    inner = [shape(block) for block in block.blocks]
    return block.type, block.labels, block.attributes, inner


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True)
NOISE = st.text(alphabet='{}[]()#/*"\\$%= \n<ab', max_size=12)

TEMPLATES = ["", "${x}", '${f("}", {a = "${y}"})}', "%{ if a }b%{ endif }"]


@st.composite
def comments(draw: st.DrawFn) -> str:
    text = draw(NOISE)
    line = text.replace("\n", " ")
    return draw(
        st.sampled_from(["", f"# {line}", f"// {line}", f"/* {text.replace('*/', '')}a */"])
    )


@st.composite
def strings(draw: st.DrawFn) -> str:
    text = draw(NOISE).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    text = text.replace("${", "$${").replace("%{", "%%{")
    template = draw(
        st.sampled_from(["", "${x}", '${f("}", {a = "${y}"})}', "%{ if a }b%{ endif }"])
    )
    return f'"{text} {template}"'


@st.composite
def heredocs(draw: st.DrawFn) -> str:
    text = draw(NOISE).replace("${", "$${").replace("%{", "%%{")
    mark = draw(st.sampled_from(["<<", "<<-"]))
    return f'{mark}TEXT\n{text} ${{f("}}")}}\n  TEXT'


def a_list(items: list[str]) -> str:
    return "[" + "".join(f"\n{item}\n," for item in items) + "]"


EXPRESSIONS = st.recursive(
    st.one_of(strings(), heredocs(), NAMES, st.just("1 == 2 ? 3 : 4")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(
            lambda items: "[" + "".join(f"\n{i}\n," for i in items) + "]"
        ),
        st.tuples(NAMES, inner).map(lambda pair: f"{{\n{pair[0]} = {pair[1]}\n}}"),
    ),
    max_leaves=4,
)


@st.composite
def bodies(draw: st.DrawFn, depth: int = 2) -> tuple[str, dict[str, str], list[Shape]]:
    lines, attributes, blocks = [draw(comments())], dict[str, str](), list[Shape]()
    for name in draw(st.lists(NAMES, unique=True, max_size=3)):
        attributes[name] = draw(EXPRESSIONS)
        end = "" if attributes[name].endswith("TEXT") else draw(comments())
        lines += [f"{name} = {attributes[name]} {end}".rstrip(), draw(comments())]
    for type_ in draw(st.lists(NAMES, max_size=2 if depth else 0)):
        label = draw(st.lists(NAMES, max_size=2))
        text, inner, nested = draw(bodies(depth - 1))
        header = " ".join([type_, *(f'"{part}"' for part in label)])
        lines += [f"{header} {{", text, "}"]
        blocks.append((type_, tuple(label), inner, nested))
    return "\n".join(lines), attributes, blocks


@given(bodies())
def test_scan_reads_generated_hcl(body: tuple[str, dict[str, str], list[Shape]]) -> None:
    text, attributes, blocks = body
    assert shape(scan(text)) == ("", (), attributes, blocks)


@given(st.text(alphabet='{}[]"\\$%=\n<-#/* ab', max_size=60))
def test_scan_ends_on_any_text(text: str) -> None:
    assert isinstance(scan(text), Block)


PIECES = st.sampled_from(
    ["\n}\n", "}", "a {\n", 'b "c" {', "d = 1\n", '"', "<<E\n", "E\n", "${", "/*", "*/", "#", "["]
)


@given(st.lists(PIECES, max_size=20).map("".join))
def test_parts_have_the_blocks_of_the_file(text: str) -> None:
    parts = list(scan_parts(text))
    assert "".join(part.text for part in parts) == text
    found = [shape(block) for part in parts for block in part.blocks]
    assert found == [shape(block) for block in scan(text).blocks]


def test_parts_end_behind_blocks() -> None:
    parts = ["# of one\n", "\na {\n  b {\n  }\n}\n", "\nc {\n}\n", "d = <<E\n}\n}\nE\n"]
    assert [part.text for part in scan_parts("".join(parts))] == parts


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ('a { b = "x" }', {"b": '"x"'}),
        ('a {\r\n  b = "x" # }\r\n}\r\n', {"b": '"x"'}),
        ("a {\n  b = <<-E\n    }\n  E\n}\n", {"b": "<<-E\n    }\n  E"}),
        ("a {\n  b = [\n    1,\n  ]\n}\n", {"b": "[\n    1,\n  ]"}),
    ],
)
def test_scan_reads_attributes(text: str, attributes: dict[str, str]) -> None:
    (block,) = scan(text).blocks
    assert block.attributes == attributes


def test_walk_finds_nested_blocks() -> None:
    file = scan("terraform {\n  required_providers {\n    a = 1\n  }\n}\n")
    assert [block.attributes for block in file.walk("required_providers")] == [{"a": "1"}]


def test_text_is_the_body_between_the_braces() -> None:
    file = scan("a {\n  b = 1\n}\nc { d = 2 }\n")
    assert [block.text for block in file.blocks] == ["\n  b = 1\n", " d = 2"]


def test_string_value_refuses_escapes() -> None:
    assert string_value('"a\\"b"') is None
    assert string_value('"$5"') == "$5"
