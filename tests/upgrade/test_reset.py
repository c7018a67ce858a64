"""``finbase reset-password``: the next generation of the password."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.source.document import parse
from finbase.source.edit import with_key, with_value
from tests.support.commands import finbase

FILE = "environments/staging.yaml"
STACK = "environments/staging/main.tf"
VERSION = "  database:\n    version: "


def generations(project: Path) -> list[str]:
    """The numbers in the stack; the secret takes that of the database."""
    return re.findall(r"^  password_generation += (\d+)$", (project / STACK).read_text(), re.M)


def test_reset_increases_the_generation(project: Path) -> None:
    before = (project / FILE).read_text()
    assert finbase(project, "render").exit_code == 0
    first = finbase(project, "reset-password", "staging")
    assert first.exit_code == 0
    assert f"{FILE}: password_generation is 2, and was 1; rendered\n" in first.output
    lines = before.splitlines()
    at = lines.index("  database:") + 2
    assert (project / FILE).read_text().splitlines() == [
        *lines[:at],
        "    password_generation: 2",
        *lines[at:],
    ]
    assert generations(project) == ["2"]
    assert finbase(project, "reset-password", "staging").exit_code == 0
    assert (project / FILE).read_text().count("    password_generation: 3\n") == 1
    assert generations(project) == ["3"]
    assert finbase(project, "render", "--check").exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (VERSION, "  database:\n    password_generation: 9007199254740992\n    version: ", "[FB"),
        (VERSION, f"{VERSION[:-9]}version: >-\n      ", "cannot edit environments/staging.yaml"),
        ("region: ", "regime: ", "[FB130]"),
    ],
)
def test_reset_refuses_and_writes_nothing(project: Path, old: str, new: str, message: str) -> None:
    file = project / FILE
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    stack = (project / STACK).read_bytes() if (project / STACK).exists() else b""
    done = finbase(project, "reset-password", "staging")
    assert done.exit_code == 2
    assert message in done.output
    assert file.read_text() == text.replace(old, new)
    assert ((project / STACK).read_bytes() if stack else b"") == stack


def test_reset_refuses_an_unknown_environment(project: Path) -> None:
    done = finbase(project, "reset-password", "stagin")
    assert done.exit_code == 2
    assert "staging" in done.output


KEYS = st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=1, max_size=4, unique=True)
SCALARS = st.sampled_from(["1", "'1'", '"1"', "x # why", "true"])


@given(KEYS, SCALARS, st.booleans(), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_edits_change_one_value(
    keys: list[str], scalar: str, flow: bool, end: str, last: bool
) -> None:
    keys = ["version", *(key for key in keys if key not in ("version", "new"))]
    if flow:
        inner = ", ".join(f"{key}: {scalar.partition(' ')[0]}" for key in keys)
        text = f"a:{end}  b: {{{inner}}}"
    else:
        text = f"a:{end}  b:" + "".join(f"{end}    {key}: {scalar}" for key in keys)
    text += end if last else ""
    document = parse("x.yaml", text.encode())
    for where in (("a", "b", keys[-1]), ("a", "b", "version")):
        edited = parse("x.yaml", with_value(document, text, where, "7").encode()).value
        old = document.value["a"]["b"]
        assert {k: str(v) for k, v in edited["a"]["b"].items()} == {
            k: "7" if k == where[-1] else str(v) for k, v in old.items()
        }
    added = with_key(document, text, ("a", "b", "new"), "7", "version")
    assert parse("x.yaml", added.encode()).value["a"]["b"] == {**document.value["a"]["b"], "new": 7}
    assert ("\n" in added.replace("\r\n", "")) == (end == "\n")
