"""Printed text: nothing in it can move a cursor, hide, or be a command to a runner of CI."""

from __future__ import annotations

import re
import unicodedata

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from finbase.console.speech import echo
from finbase.system.printable import printable, printable_name, without_commands

SIGNS = st.sampled_from(
    [
        *(
            "\x1b",
            "\x1b]52;c;aGk=\x07",
            "\x9b31m",
            "\r",
            "\n",
            "\x08",
            "\u202e",
            "\u2066",
            "\u200b",
        ),
        *("::error::", "##[error]", "##vso[task]", " ::set-output", "\x1b[8m", "\x1b[2J", "\u2028"),
        *("#", ":", "[", "vso[", "\t", "\x1b[31m", "a"),
    ]
)
TEXTS = st.lists(SIGNS | st.characters()).map("".join)
COLOURS = re.compile(r"\x1b\[[0-37;]*m")


@given(TEXTS)
@example("\x1b[31\x1b[0mm")
def test_printable_has_no_control(text: str) -> None:
    rest = COLOURS.sub("", printable(text))
    assert not [c for c in rest if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert not [c for c in rest if unicodedata.bidirectional(c) in ("RLO", "LRO", "RLI", "LRI")]
    assert not set("\u200b\u200d\u2028\u2029\ufeff\xad") & set(rest)


@given(TEXTS)
def test_printable_name_is_one_line(text: str) -> None:
    assert len(printable_name(text).splitlines()) <= 1
    assert "\x1b" not in printable_name(text)


@given(TEXTS, st.sampled_from(["CI", "GITHUB_ACTIONS", "TF_BUILD"]))
def test_commands_are_broken_in_ci(text: str, name: str) -> None:
    safe = without_commands(printable(text), {name: "true"})
    assert "##[" not in safe
    assert "##vso[" not in safe
    assert not [line for line in re.split(r"[\r\n]", safe) if line.strip().startswith("::")]


@given(TEXTS)
def test_text_outside_of_ci_is_unchanged(text: str) -> None:
    assert without_commands(text, {"CI": ""}) == text


@given(st.text(st.characters(categories=["L", "N", "P", "Z"], exclude_characters="\u2028\u2029")))
def test_printable_keeps_plain_text(text: str) -> None:
    assert printable(text) == printable_name(text) == text


def test_echo_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with CliRunner().isolation() as (out, *_):
        echo("\x1b]52;c;aGk=\x07\n::error::approved\nx ##[error]approved")
        printed = out.getvalue().decode()
    assert printed == "\\u001b]52;c;aGk=\\u0007\n: :error::approved\nx # #[error]approved\n"
