"""Complete command lines in real shells, and compare the answers to the shells."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from finbase.cli import main
from finbase.commands.completion import Bash
from finbase.contract.registry import Registry
from finbase.environment.rules.index import TITLES
from finbase.judge.catalogue import load_failures
from finbase.judge.mutations import load_mutations
from tests.support.commands import ROOT, finbase, search_path
from tests.support.terminal import Terminal

FAILURES = [failure.id for failure in load_failures(ROOT / "features")]
SHELLS = ("bash", "zsh", "fish")
START = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
SETUP = {
    "bash": "PS1='ready> '; note() {{ echo \"$@\" >> {notes}; echo noted $1.; }}; source {script}",
    "zsh": "autoload -Uz compinit; compinit -D -u; bindkey -e; PS1='ready> '; "
    'note() {{ echo "$@" >> {notes}; echo noted $1.; }}; source {script}',
    "fish": "function fish_prompt; echo -n 'ready> '; end; "
    "function note; echo $argv >> {notes}; echo noted $argv[1].; end; source {script}",
}
LINES = [
    ("finbase compl", "finbase completion"),
    ("finbase render prod", "finbase render production"),
    ("finbase render --chec", "finbase render --check"),
    ("finbase check production stag", "finbase check production staging"),
    (
        "finbase --project {root} diff staging dev",
        "finbase --project {root} diff staging development",
    ),
    ("finbase evidence stag", "finbase evidence staging"),
    ("finbase evidence staging --unsi", "finbase evidence staging --unsigned"),
    ("finbase evidence veri", "finbase evidence verify"),
    ("finbase graph staging --of net", "finbase graph staging --of network"),
    ("finbase upgrade production cache@1.0", "finbase upgrade production cache@1.0.0"),
    ("finbase show staging monit", "finbase show staging monitoring"),
    ("finbase prove nat-gateway-s", "finbase prove nat-gateway-single"),
    ("finbase explain FB24", "finbase explain FB24"),
    ("finbase release monit", "finbase release monitoring"),
]


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment with ``finbase`` on PATH and an empty home."""
    home = tmp_path_factory.mktemp("home")
    program = home / "bin" / "finbase"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "
        '\'from finbase.cli import main; main(prog_name="finbase")\' "$@"\n'
    )
    program.chmod(0o755)
    return {
        "HOME": str(home),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": search_path(),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }


def answered(line: str, folder: Path = ROOT) -> list[str]:
    """Return the answers that bash would get for a line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COMP_LINE", line)
        patch.setenv("COMP_POINT", str(len(line)))
        patch.setenv("COMP_WORDBREAKS", " \t\n\"'@><=;|&(:")
        text = Bash(main, {}, "finbase", "_FINBASE_COMPLETE").complete()
    return [line.removeprefix("plain,") for line in text.splitlines() if line]


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_in_real_shell(shell: str, environ: dict[str, str], tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed; the answers to it are tested below")
    script = tmp_path / f"finbase.{shell}"
    script.write_text(finbase(ROOT, "completion", shell).stdout)
    notes = tmp_path / "notes"
    with Terminal([shell, *START[shell]], environ=environ, cwd=ROOT, columns=200) as terminal:
        terminal.press(SETUP[shell].format(script=script, notes=notes) + "; note begin\n")
        terminal.wait_for(r"noted begin\.")
        for number, (line, _) in enumerate(LINES):
            terminal.press(line.format(root=ROOT) + "\t")
            terminal.press(f"\x01note {number} \n")  # At its start: not run.
            terminal.wait_for(rf"noted {number}\.")
    completed = [line.partition(" ")[2].strip() for line in notes.read_text().splitlines()]
    assert completed[1:] == [full.format(root=ROOT) for _, full in LINES]


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("finbase check ", ["development", "production", "staging"]),
        ("finbase check production ", ["development", "staging"]),
        ("finbase -q -v check st", ["staging"]),
        ("finbase graph --format=", ["mermaid", "svg"]),
        ("finbase graph --format s", ["svg"]),
        ("finbase upgrade staging cache@", ["@2.1.0", "@2.0.0", "@1.2.0", "@1.1.0", "@1.0.0"]),
        ("finbase upgrade staging cache@1.0", ["@1.0.0"]),
        ("finbase new environment x --from prod", ["production"]),
        ("finbase diff production st", ["staging"]),
        ("finbase completion ", ["bash", "zsh", "fish"]),
        ("finbase release cache m", ["minor", "major"]),
        ("finbase check --js", ["--json"]),
        ("finbase check --json ", ["file,"]),
        ("finbase check nowhere", []),
    ],
)
def test_completion_answers(line: str, answers: list[str]) -> None:
    assert answered(line) == answers


def test_completion_of_codes_inputs_and_ids() -> None:
    codes = answered("finbase explain ")
    assert {*TITLES, *FAILURES} < set(codes)
    assert "cache." in codes
    inputs = answered("finbase explain cache.")
    assert inputs == [f"cache.{each.name}" for each in Registry(ROOT).current("cache").inputs]
    ids = answered("finbase prove ")
    assert ids[: len(FAILURES)] == FAILURES
    assert ids[len(FAILURES) :] == [m.id for m in load_mutations(ROOT / "features")]


def test_completion_of_every_environment_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    root, named = click.Context(main, info_name="finbase"), []
    for name in main.list_commands(root):
        command = main.get_command(root, name)
        assert command is not None
        below = command.commands.values() if isinstance(command, click.Group) else [command]
        for each in below:
            for parameter in each.params:
                if "ENV" in re.findall(r"[A-Z]+", parameter.make_metavar(root)):
                    items = parameter.shell_complete(click.Context(each, root), "")
                    assert [item.value for item in items] == answered_environments(), name
                    named.append(name)
    assert {"apply", "check", "plan", "prove", "render", "show", "upgrade"} <= set(named)


def answered_environments() -> list[str]:
    return sorted(path.stem for path in (ROOT / "environments").glob("*.yaml"))


@pytest.mark.parametrize("harm", ["no project", "broken"])
def test_completion_is_silent_without_valid_project(
    tmp_path: Path, harm: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if harm == "broken":
        for folder in ("templates/modules/x", "environments", "modules/releases.lock"):
            (tmp_path / folder).mkdir(parents=True)
        (tmp_path / "environments" / "x.yaml").write_bytes(b"\xff")
    known = ["x"] if harm == "broken" else []
    assert answered("finbase check ", tmp_path) == known
    for line in ("show x ", "upgrade x ", "upgrade x y@", "explain x.", "prove ", "release "):
        assert answered(f"finbase {line}", tmp_path) == []
    assert answered("finbase chec", tmp_path) == ["check"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_for_zsh_and_fish(shell: str, environ: dict[str, str]) -> None:
    given = {
        "COMP_WORDS": "finbase comp",
        "COMP_CWORD": "1" if shell == "zsh" else "comp",
        "_FINBASE_COMPLETE": f"{shell}_complete",
    }
    done = subprocess.run(
        ["finbase"], env={**environ, **given}, capture_output=True, text=True, check=True
    )
    summary = "Print the completion script of a shell."
    expected = {"zsh": f"plain\ncompletion\n{summary}", "fish": f"plain,completion\t{summary}"}
    assert done.stdout.strip() == expected[shell]
    script = finbase(ROOT, "completion", shell).stdout
    assert f"_FINBASE_COMPLETE={shell}_complete" in script
