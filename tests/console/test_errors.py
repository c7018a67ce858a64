"""Errors in one voice: what is wrong, where, and what to do; exit code 2 and no traceback."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from finbase.cli import main
from tests.support.commands import ROOT, finbase, run

NO_PEOPLE = ("sandbox", "rehears")
"""What answers a provider, or stands in the report of a rehearsal."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "generator" / "finbase").rglob("*.py")):
        place = path.relative_to(ROOT / "generator" / "finbase")
        if not place.parts[0].startswith(NO_PEOPLE):
            yield str(place), ast.parse(path.read_text(encoding="utf-8"))


def family() -> set[str]:
    """The names of all errors that have a message and a hint, those of single modules too."""
    found, names = {"FinbaseError"}, set[str]()
    classes = [n for _, tree in sources() for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
    while found != names:
        names = set(found)
        for each in classes:
            bases = {base.id for base in each.bases if isinstance(base, ast.Name)}
            found |= {each.name} if bases & names and each.name != "InputError" else set()
    return found


def raised() -> Iterator[tuple[str, ast.Call]]:
    names = family()
    assert {"TerraformError", "TreeError", "ComplianceError"} < names
    for place, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if name in {*names, "UsageError"}:
                    yield f"{place}:{node.lineno}", node


def test_every_error_says_what_to_do() -> None:
    silent = [
        place
        for place, call in raised()
        if isinstance(call.func, ast.Name)
        and len(call.args) < 2
        and not any(isinstance(argument, ast.Starred) for argument in call.args)
        and not any(keyword.arg == "hint" for keyword in call.keywords)
    ]
    assert silent == []


def test_neither_messages_nor_hints_are_sentences() -> None:
    """They stand after a place, or after `hint:`."""
    odd = [
        f"{place}: {text}"
        for place, call in raised()
        for text in map(_text, call.args[:2])
        if text.endswith((".", "!")) or (text[:1].isupper() and text[1:2].islower())
    ]
    assert [each for each in odd if "PostgreSQL" not in each] == []


def _text(node: ast.expr) -> str:
    """The literal text of a message, with `…` for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(_text, parts))
    return "…"


def every_command() -> list[tuple[str, ...]]:
    context, found = click.Context(main), list[tuple[str, ...]]()
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        if isinstance(command, click.Group):
            found += [(name, below) for below in command.commands]
        else:
            found.append((name,))
    return found


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_wrong_usage_of_each_command_is_told_with_its_usage(command: tuple[str, ...]) -> None:
    for wrong in (("--no-such-option",), ("a", "b", "c", "--no-such-option"), ("--project",)):
        done = finbase(ROOT, *command, *wrong)
        assert done.exit_code == 2, done.output
        first, hint, *rest = done.stderr.splitlines()
        assert first.startswith(f"{' '.join(('finbase', *command))}: "), first
        assert hint.startswith(f"    hint: usage: finbase {' '.join(command)} ".rstrip()), hint
        assert rest == []


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that is no repository, and that nothing here writes to."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("templates", "environments", "modules", "features"):
        shutil.copytree(ROOT / folder, root / folder)
    return root


@pytest.mark.parametrize(
    ("arguments", "told", "hint"),
    [
        (("show", "prod"), "there is no such environment", "there are development"),
        (("show", "staging", "queue"), "staging has no module queue", "it has kms"),
        (("diff", "staging", "prod"), "there is no such environment", "there are development"),
        (("prove", "F99"), "no failure and no mutation is called F99", "features/failures.yaml"),
        (("explain", "FB999"), "neither a code nor an input", "`finbase rules` lists them all"),
        (("apply", "staging"), "there is no ", "run `finbase plan staging` first"),
        (("affected", "--since", "x"), "is not in a readable git repository", "clone the project"),
        (("upgrade", "staging", "queue"), "staging has no module queue", "it has "),
        (("upgrade", "staging", "cache@9.9.9"), "there is no cache 9.9.9", "there are 1.0.0"),
        (("release", "queue", "patch", "-m", "x"), "contract.yaml", "`finbase new module`"),
        (("new", "environment", "staging"), "staging", ""),
        (("check", "--plan", "{features}/failures.yaml"), "is not JSON", "terraform show -json"),
        (("render", "../x"), "", "there are"),
        (("bogus",), "no such command 'bogus'", "usage: finbase"),
        (("-q", "-v", "render"), "cannot both be", "usage: finbase"),
        (("graph",), "name one environment", "usage: finbase graph"),
        (("--project", "/", "render"), "/ is not a finbase project", "--project DIR"),
    ],
)
def test_wrong_input_exits_2_with_what_is_wrong_and_what_to_do(
    untouched: Path, arguments: tuple[str, ...], told: str, hint: str
) -> None:
    given = (argument.format(features=untouched / "features") for argument in arguments)
    done = run(untouched, *given)
    assert done.returncode == 2
    assert told in done.stderr
    assert f"    hint: {hint}" in done.stderr or (
        hint in done.stderr and "    hint: " in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_file_that_cannot_be_written_is_told(project: Path, tmp_path: Path) -> None:
    done = run(project, "rules", "--json", str(tmp_path / "no" / "folder.json"))
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
    assert "    hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_what_nobody_foresaw_is_not_hidden(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("finbase.environment.load.load_environments", fail)
    assert isinstance(finbase(project, "outdated").exception, ZeroDivisionError)
