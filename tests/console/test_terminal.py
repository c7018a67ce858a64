"""Progress, colours and verbosity on a terminal."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from finbase.cli import main
from finbase.console.line import Line
from finbase.console.speech import DIFF, ERROR, coloured, echo, paint, progress
from finbase.system.progress import Stages, clock, ignore
from tests.support.commands import ROOT, finbase, search_path
from tests.support.terminal import Terminal

COMMAND = [sys.executable, "-c", "from finbase.cli import main; main(prog_name='finbase')"]
CLEAR = "\r\x1b[K"
GREEN, YELLOW, RED = (f"\x1b[{code}m\x1b[1m" for code in (32, 33, 31))
SECRET = "no-one-may-read-this"

TERRAFORM = """#!/bin/sh
if [ "$1" = version ]; then printf 'Terraform v1.11.4\\non linux_amd64\\n'; exit; fi
echo "terraform says $1" >&2
sleep {seconds}
exit 1
"""


@pytest.fixture
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a terminal whose Terraform is slow and then fails."""
    folder = tmp_path_factory.mktemp("terraform")
    program = folder / "terraform"
    program.write_text(TERRAFORM.format(seconds=0.7))
    program.chmod(0o755)
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return {
        **kept,
        "FINBASE_TERRAFORM": str(program),
        "PYTHONPATH": search_path(),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": str(folder / "cache"),
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "TERM": "xterm",
    }


def on_terminal(environ: dict[str, str], *arguments: str, **streams: int) -> Terminal:
    return Terminal([*COMMAND, *arguments], environ=environ, cwd=ROOT, **streams)


# --- progress ------------------------------------------------------------------------------------


def test_progress_line_is_drawn_and_removed(
    environ: dict[str, str],
) -> None:
    with on_terminal(environ, "check", "staging") as terminal:
        terminal.wait_for(re.escape(CLEAR) + r"\d:\d\d  staging: plan 0:\d\d")
        assert terminal.finish() == 2
    last = terminal.seen.rpartition("staging: plan 0:")[2]
    assert re.match(r"\d\d" + re.escape(CLEAR + RED) + "terraform init failed for", last)


def test_progress_lines_beside_terraform_output(environ: dict[str, str]) -> None:
    with on_terminal(environ, "plan", "staging") as terminal:
        assert terminal.finish() == 2
    assert terminal.seen.splitlines()[:2] == [
        "staging: terraform init …",
        "terraform says init",
    ]
    assert CLEAR not in terminal.seen


@pytest.mark.parametrize(
    "settings", [{"CI": "true"}, {"TERM": "dumb"}, {"arguments": "-q"}, {"piped": "stderr"}]
)
def test_progress_is_hidden_without_reader(
    environ: dict[str, str], settings: dict[str, str]
) -> None:
    quiet = [settings["arguments"]] if "arguments" in settings else []
    piped = {settings["piped"]: subprocess.PIPE} if "piped" in settings else {}
    variables = {key: value for key, value in settings.items() if key.isupper()}
    pin = ("provider", "pin", "5.100.0", *quiet)  # It starts Terraform at once.
    with on_terminal({**environ, **variables}, *pin, **piped) as terminal:
        written = terminal.child.stderr.read().decode() if terminal.child.stderr else ""
        assert terminal.finish() == 2
    written += terminal.seen
    assert CLEAR not in written
    assert "lock 0:" not in written
    assert "terraform providers failed" in written


def test_ctrl_c_removes_line_and_exits_130(environ: dict[str, str]) -> None:
    program = Path(environ["FINBASE_TERRAFORM"])
    program.write_text(TERRAFORM.format(seconds=600))
    with on_terminal(environ, "check", "staging") as terminal:
        terminal.wait_for(r"staging: plan 0:\d\d")
        terminal.press("\x03")
        assert terminal.finish() == 130
    _, _, after = terminal.seen.partition("^C")
    # The line may be drawn once more, and is gone in the end.
    _, _, last = after.replace("\r\n", "").rpartition(CLEAR)
    assert click.unstyle(last) == "interrupted; all child processes were stopped"


def test_line_fits_terminal_and_hides_for_output() -> None:
    class Screen(io.StringIO):
        drawn = threading.Event()

        def write(self, text: str) -> int:
            if "x" in text:
                self.drawn.set()
            return super().write(text)

    screen = Screen()
    line = Line(lambda: "x" * 500, screen)
    with line:
        assert screen.drawn.wait(30)
        with line.hidden():
            screen.write("something else\n")
    drawn, _, after = screen.getvalue().partition("something else\n")
    assert drawn.endswith(CLEAR + "x" * 79 + CLEAR)
    assert after in ("", CLEAR + "x" * 79 + CLEAR)


def test_stages_line_counts_done_left_and_running() -> None:
    now = [0.0]
    ended: list[tuple[str, str, float]] = []
    stages = Stages(3, ended=lambda *step: ended.append(step), now=lambda: now[0])
    assert stages.line() == ""
    stages("a", "plan")
    now[0] = 5.0
    stages("b", "plan")
    stages("a", "features")
    now[0] = 65.0
    assert stages.line() == "1:05  0 of 3  b: plan 1:00  a: features 1:00"
    stages("a", "")
    assert stages.line() == "1:05  1 of 3, 2:10 left  b: plan 1:00"
    stages("b", "")
    stages("c", "")
    assert stages.line() == "1:05  3 of 3"
    assert ended == [("a", "plan", 5.0), ("a", "features", 60.0), ("b", "plan", 60.0)]


def test_stages_line_of_one_and_clock_minutes() -> None:
    now = iter([0.0, 1.0, 2.5])
    stages = Stages(1, now=lambda: next(now))
    stages("a", "plan")
    assert stages.line() == "0:02  a: plan 0:01"
    assert (clock(0.9), clock(59), clock(3600)) == ("0:00", "0:59", "60:00")


def test_progress_without_terminal_is_unwatched() -> None:
    with progress(3) as watch:
        assert watch is ignore


# --- colour --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "terminal", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR_FORCE": "0"}, False, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_coloured_follows_terminal_and_variables(
    given: dict[str, str], terminal: bool, colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    for name in ("NO_COLOR", "CLICOLOR_FORCE", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert coloured(Stream()) is colour


# --- less, and more ------------------------------------------------------------------------------


def every_command() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(main, info_name="finbase")
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            for below in command.commands.values():
                yield f"{name} {below.name}", below


def test_commands_have_verbosity_options() -> None:
    for name, command in every_command():
        flags = {flag for parameter in command.params for flag in parameter.opts}
        assert {"-q", "--quiet", "-v", "--verbose"} <= flags, name
        assert len([p for p in command.params if "-q" in p.opts]) == 1, name


@pytest.mark.parametrize("arguments", [("-q", "render"), ("render", "-q"), ("-q", "render", "-q")])
def test_quiet_render_prints_nothing(project: Path, arguments: tuple[str, ...]) -> None:
    done = finbase(project, *arguments)
    assert (done.exit_code, done.output) == (0, "")


def test_quiet_prints_findings_and_answers(project: Path) -> None:
    with (project / "environments" / "staging" / "main.tf").open("a") as file:
        file.write("\n")
    wrong = finbase(project, "-q", "render", "--check")
    assert wrong.exit_code == 1
    assert "+++ b/environments/staging/main.tf" in wrong.stdout
    assert "not as rendered: run `finbase render`" in wrong.stderr
    assert "default of database" in finbase(project, "-q", "show", "staging", "database").stdout
    asked = finbase(project, "-q", "rules", "--json", "-")
    assert asked.stdout.startswith("{")
    assert asked.stderr == ""


def test_verbose_prints_programs_without_secrets(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "check", "staging", "--verbose"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    program = re.escape(environ["FINBASE_TERRAFORM"])
    assert re.search(rf"^{program} version  \[0\.\d\d s, exit code 0, in \.\]$", done.stderr, re.M)
    ran = rf"^{program} init -input=false -no-color -lockfile=readonly  "
    ran += r"\[\d+\.\d\d s, exit code 1, in (\S+)\]$"
    found = re.search(ran, done.stderr, re.M)
    assert found
    assert found[1].endswith("environments/staging")
    assert "the AWS provider comes from " in done.stderr
    assert SECRET not in done.stderr + done.stdout
    assert "\x1b" not in done.stderr


def test_verbose_ends_with_command(project: Path) -> None:
    command, affected = "rev-parse --is-inside-work-tree", ("affected", "--since", "x")
    assert command in finbase(project, "-v", *affected).stderr
    assert command not in finbase(project, *affected).stderr


def test_quiet_and_verbose_exclude_each_other(project: Path) -> None:
    done = finbase(project, "-v", "render", "-q")
    assert done.exit_code == 2
    assert "--quiet and --verbose are mutually exclusive" in done.output


def test_outcomes_are_coloured_alike(environ: dict[str, str], project: Path) -> None:
    main_tf = project / "environments" / "staging" / "main.tf"
    main_tf.write_text(main_tf.read_text() + "# edited\n")
    staging = project / "environments" / "staging.yaml"
    staging.write_text(
        re.sub(r"(?m)^(  kms:\n    version: )\S+", r"\g<1>1.0.1", staging.read_text())
    )
    shown = {}
    for arguments in (("render", "--check"), ("doctor",), ("outdated",)):
        with on_terminal(environ, "--project", str(project), *arguments) as terminal:
            terminal.finish()
        shown[arguments[0]] = terminal.seen.replace("\r\n", "\n")
    assert "\x1b[31m-# edited\x1b[0m\n" in shown["render"]
    assert re.search(re.escape(RED) + r"3 environments.* not as rendered: run ", shown["render"])
    assert f"\n{GREEN}ok\x1b[0m       libraries " in shown["doctor"]
    assert f"\n{RED}WRONG\x1b[0m    render " in shown["doctor"]
    assert re.search(re.escape(YELLOW) + r"\d+\.\d+\.\d+\x1b\[0m", shown["outdated"])


def test_echo_paints_only_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    echo("-a\n+b", looks=DIFF)
    assert capsys.readouterr().out == "-a\n+b\n"
    assert paint("--- a\n-a\n+b\n c", DIFF) == (
        "\x1b[1m--- a\x1b[0m\n\x1b[31m-a\x1b[0m\n\x1b[32m+b\x1b[0m\n c"
    )
    assert paint("a.yaml:1:1: b\n    hint: c", ERROR) == (
        f"{RED}a.yaml:1:1: b\x1b[0m\n\x1b[36m    hint:\x1b[0m c"
    )
