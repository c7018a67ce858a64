"""``man finbase``: fresh, whole, and without a warning of what shows it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import click
import pytest

from docs.generate.manual import _escaped, _marked, page
from finbase.cli import main
from tests.support.commands import ROOT

PAGE = ROOT / "docs" / "finbase.1"

VIEWERS = {
    "mandoc": ["mandoc", "-Tlint", "-Wwarning"],
    "groff": ["groff", "-man", "-Tutf8", "-ww", "-z"],
    "man": ["man", "--warnings", "--local-file"],
}


def test_the_page_is_fresh() -> None:
    text = page()
    if os.environ.get("FINBASE_UPDATE_DOCS"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text, "FINBASE_UPDATE_DOCS=1 pytest tests/whole/test_man_page.py"


def test_every_command_and_every_option_is_there() -> None:
    text = page()
    context = click.Context(main, info_name="finbase")
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        below = command.commands if isinstance(command, click.Group) else {"": command}
        for more, each in below.items():
            path = f"finbase {name} {more}".strip()
            _, heading, section = text.partition(f'.SS "{_escaped(path)}"\n')
            assert heading, path
            section = re.split(r"^\.S[HS] ", section, flags=re.MULTILINE)[0]
            assert "Examples:" in section, path
            for parameter in each.params:
                if isinstance(parameter, click.Option) and parameter.name not in (
                    "quiet",
                    "verbose",
                ):
                    assert f"\\fB{_escaped(parameter.opts[-1])}\\fR" in section, (path, parameter)


def test_what_means_something_to_roff_is_escaped() -> None:
    assert _marked(".x \\ - ' \"") == "\\&.x \\e \\- \\(aq \\(dq"
    assert _marked("run `finbase -q`.") == "run \\fBfinbase \\-q\\fR."
    assert page().isascii()
    lines = page().splitlines()
    assert all(
        re.match(r"\.(TH|SH|SS|PP|TP|RS|RE|nf|fi)\b", x) for x in lines if x[:1] in (".", "'")
    )


@pytest.mark.parametrize("viewer", VIEWERS)
def test_what_shows_it_has_nothing_to_say(viewer: str) -> None:
    if not shutil.which(viewer):
        pytest.skip(f"{viewer} is not installed; the escapes are tested all the same")
    done = subprocess.run(
        [*VIEWERS[viewer], str(PAGE)],
        env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stderr + (done.stdout if viewer == "mandoc" else "")
    # It has no date, so that it is the same on each day.
    assert [x for x in said.splitlines() if "missing date" not in x] == []
    if viewer == "man":
        assert "finbase render --check" in done.stdout
