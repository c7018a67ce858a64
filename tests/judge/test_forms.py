"""Only a few forms of an expression keep a value; everything else is named as a change."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

from forms import changed, pieces
from sources import words

HEREDOC = "<<EOT\n${aws_x.y.id}\nEOT"


def of(text: str, *, many: bool = False) -> str:
    return changed(words(text), ("id", "arn"), many=many)


@pytest.mark.parametrize(
    "text",
    [
        *("var.x", "local.x", "module.m.x", "aws_x.y.id", "(aws_x.y.id)", '"${aws_x.y.id}"'),
        *("aws_x.y[each.key].id", 'aws_x.y["a"].id', "aws_x.y[0].id", "aws_x.y[count.index].id"),
        'module.m["a"].x',
    ],
)
@pytest.mark.parametrize("many", [False, True])
def test_reference_keeps_its_value(text: str, many: bool) -> None:
    assert of(text, many=many) == ""


@pytest.mark.parametrize(
    "text",
    [
        "[aws_x.y.id, aws_x.z.id]",
        "[for s in aws_x.y : s.id]",
        "[for k, s in aws_x.y : s.id]",
        "{ for k, s in aws_x.y : k => s.id }",
        "[for id in var.ids : id]",
        "aws_x.y[*].id",
        "values(aws_x.y)[*].id",
        "concat([for t in aws_x.y : t.id], [aws_x.z.id])",
        'concat([aws_x.y["a"].id], values(var.ids))',
        "slice(var.ids, 0, min(3, length(var.ids)))",
        "sort(toset(var.ids))",
        "{ a = module.m.id, b = module.n.id }",
        "[]",
    ],
)
def test_list_keeps_its_values(text: str) -> None:
    assert of(text, many=True) == ""
    assert of(text) != ""


@pytest.mark.parametrize(
    "text",
    [
        *("lower(var.x)", "var.x == null", "var.x != null", "!var.x", "-var.x", "var.x + 1"),
        *('var.x ? "a" : var.y', "var.x && true", "null", "true", "1", '"a"', '""', "", "x"),
        *('"${var.x}a"', '"a${var.x}"', '"${var.x == null ? var.x : null}"', '"${lower(var.x)}"'),
        *('"${var.x}${var.y}"', '"%{ if true }a%{ endif }"', HEREDOC, f"({HEREDOC})"),
        *("try(var.x, null)", "coalesce(var.x)", 'aws_x.y[lower("a")].id', "aws_x.y[var.k].id"),
        *("(var.x == null)", "[var.x][0]", "var.x[*].id[0]"),
    ],
)
def test_everything_else_changes_the_value(text: str) -> None:
    assert of(text) != ""


@pytest.mark.parametrize(
    "text",
    [
        '[aws_x.y.id, "sg-1"]',
        'concat(aws_x.y, ["sg-1"])',
        'concat(var.ids, ["sg-1"])',
        'concat([aws_x.y.id], ["sg-1"])',
        "[for s in aws_x.y : s.id if s.id != null]",
        "[for s in aws_x.y : s.other]",
        "[for s in aws_x.y : s.id == null]",
        '[for s in aws_x.y : aws_x.y["a"].id]',
        "[for k, s in aws_x.y : k]",
        "[for s in [for t in aws_x.y : t.other] : s]",
        "{ for k, s in aws_x.y : lower(k) => s.id }",
        "{ for k, s in aws_x.y : k => values(aws_x.y)[0].id }",
        "aws_x.y[*].other",
        "values(aws_x.y)[*].other",
        "zipmap(keys(aws_x.y), reverse(values(aws_x.y)))",
        "reverse(var.ids)",
        "slice(reverse(var.ids), 0, 3)",
        "setsubtract(var.ids, [])",
        "merge(var.a, var.b)",
        "{ a = lower(var.x) }",
        f"[{HEREDOC}]",
    ],
)
def test_other_lists_change_the_values(text: str) -> None:
    assert of(text, many=True) != ""


WORDS = ("var.x", "[", "]", "(", ")", "{", "}", "for", "s", "in", ":", "=>", "=", "s.id", ".", "id")
OTHERS = ("==", "?", "null", '"a"', "lower", "!", "+", "if", "...")


@given(st.lists(st.sampled_from((*WORDS, *OTHERS)), max_size=14), st.booleans())
def test_no_other_word_is_in_a_form_that_keeps_its_value(tokens: list[str], many: bool) -> None:
    if changed(tokens, ("id",), many=many) == "":
        # A text can be a key between brackets, and a word the name of a field or a loop's item.
        for at, word in enumerate(tokens):
            if word in OTHERS:
                assert word == '"a"' or word in ("null", "lower", "if")
                key = tokens[at - 1 : at + 2 : 2] == ["[", "]"]
                field = tokens[at + 1 : at + 2] == ["="]
                assert key or field or "for" in tokens[:at]


@given(st.text(alphabet='var.x[]{}()"$%\\ :=<>EOT\n,*0', max_size=40), st.booleans())
def test_changed_ends_for_every_text(text: str, many: bool) -> None:
    assert isinstance(changed(words(text), ("id",), many=many), str)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("var.x", [("var.x", "")]),
        (
            '["${aws_x.y.arn}:*", "b", aws_x.z.arn]',
            [("aws_x.y.arn", ":*"), ("", "b"), ("aws_x.z.arn", "")],
        ),
        ('["a${aws_x.y.arn}"]', None),
        ('["${substr(aws_x.y.arn, 0, 8)}*"]', None),
        ("[lower(var.x)]", None),
        ('["${var.x}-${var.y}"]', None),
        (f"[{HEREDOC}]", None),
        ("concat([var.x], [])", None),
    ],
)
def test_pieces_are_texts_and_references(text: str, expected: list[tuple[str, str]] | None) -> None:
    assert pieces(words(text)) == expected
