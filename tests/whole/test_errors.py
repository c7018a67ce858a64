"""Errors say what is wrong, where, and how to fix it; exit code 2 and no traceback."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from finbase.cli import main
from tests.support.commands import ROOT, finbase, run

NO_PEOPLE = ("sandbox", "rehears")
"""Packages whose errors go to a provider or into the report of a rehearsal."""


@cache
def sources() -> list[tuple[str, ast.Module]]:
    package = ROOT / "generator" / "finbase"
    return [
        (str(path.relative_to(package)), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(package.rglob("*.py"))
        if not path.relative_to(package).parts[0].startswith(NO_PEOPLE)
    ]


def family() -> set[str]:
    """Return the names of all error classes with a message and a hint."""
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


def test_errors_have_hints() -> None:
    silent = [
        place
        for place, call in raised()
        if isinstance(call.func, ast.Name)
        and len(call.args) < 2
        and not any(isinstance(argument, ast.Starred) for argument in call.args)
        and not any(keyword.arg == "hint" for keyword in call.keywords)
    ]
    assert silent == []


def test_messages_and_hints_are_no_sentences() -> None:
    """They follow a location or `hint:`, so they start in lower case and end without a stop."""
    odd = [
        f"{place}: {text}"
        for place, call in raised()
        for text in map(_text, call.args[:2])
        if text.endswith((".", "!")) or (text[:1].isupper() and text[1:2].islower())
    ]
    assert [each for each in odd if "PostgreSQL" not in each] == []


def _text(node: ast.expr) -> str:
    """Return the literal text of a message, with `…` for each placeholder."""
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
def test_wrong_usage_of_each_command_prints_usage(command: tuple[str, ...]) -> None:
    for wrong in (("--no-such-option",), ("a", "b", "c", "--no-such-option"), ("--project",)):
        done = finbase(ROOT, *command, *wrong)
        assert done.exit_code == 2, done.output
        first, hint, *rest = done.stderr.splitlines()
        assert first.startswith(f"{' '.join(('finbase', *command))}: "), first
        assert hint.startswith(f"    hint: usage: finbase {' '.join(command)} ".rstrip()), hint
        assert rest == []


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project outside a repository, for tests that only read."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("templates", "environments", "modules", "features"):
        shutil.copytree(ROOT / folder, root / folder)
    return root


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("show", "prod"), "environment not found", "environments/ contains dev"),
        (("show", "staging", "queue"), "staging has no module queue", "it has kms"),
        (("diff", "staging", "prod"), "environment not found", "environments/ contains dev"),
        (("prove", "F99"), "no such failure or mutation: F99", "features/failures.yaml"),
        (("explain", "FB999"), "is not a code, an input or a failure", "`finbase rules` lists"),
        (("apply", "staging"), "staging.tfplan does not exist", "run `finbase plan staging` first"),
        (("affected", "--since", "x"), "is not in a readable git repository", "clone the project"),
        (("upgrade", "staging", "queue"), "does not use the module queue", "it uses access"),
        (("upgrade", "staging", "cache@9.9.9"), "cache 9.9.9 does not exist", "available: 1.0.0"),
        (
            ("release", "queue", "patch", "-m", "x"),
            "contract.yaml",
            "`finbase new module queue`",
        ),
        (("new", "environment", "staging"), "staging", ""),
        (("check", "--plan", "{features}/failures.yaml"), "is not JSON", "terraform show -json"),
        (("render", "../x"), "not found", "environments/ contains dev"),
        (("bogus",), "no such command 'bogus'", "usage: finbase"),
        (("-q", "-v", "render"), "mutually exclusive", "usage: finbase"),
        (("show", "staging", "databse"), "has no module databse", "did you mean `database`?"),
        (("prove", "F4a"), "no such failure or mutation: F4a", "did you mean `F04a`?"),
        (("prove", "--environment", "stagin"), "environment not found", "did you mean `staging`?"),
        (("explain", "kmss.name"), "kmss.name is not a code", "did you mean `kms.name`?"),
        (("release", "cach", "minor"), "contract.yaml", "did you mean `cache`?"),
        (("release", "cache", "mino"), "'mino'; did you mean `minor`?", "usage: finbase release"),
        (("release", "cache"), "patch, minor or major", "usage: finbase release"),
        (("graph", "--of", "netwrk"), "did you mean `network`?", "usage: finbase graph"),
        (("matrix", "--shards", "x"), "'x' is not a whole number", "usage: finbase matrix"),
        (("matrix", "--shards", "0"), "0 is too small; use 1 or more", "usage: finbase matrix"),
        (("render", "--check", "--force"), "--check writes nothing", "usage: finbase render"),
        (("graph",), "name either one environment", "usage: finbase graph"),
        (("--project", "/", "render"), "/ is not a finbase project", "--project DIR"),
    ],
)
def test_wrong_input_exits_2_with_hint(
    untouched: Path, arguments: tuple[str, ...], message: str, hint: str
) -> None:
    formatted = (argument.format(features=untouched / "features") for argument in arguments)
    done = finbase(untouched, *formatted)
    assert done.exit_code == 2
    assert message in done.stderr
    assert f"    hint: {hint}" in done.stderr or (
        hint in done.stderr and "    hint: " in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_unwritable_output_file_exits_2(project: Path, tmp_path: Path) -> None:
    done = run(project, "rules", "--json", str(tmp_path / "no" / "folder.json"))
    assert done.returncode == 2
    assert "does not exist" in done.stderr
    assert "    hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_unexpected_error_is_not_hidden(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("finbase.environment.load.load_environments", fail)
    assert isinstance(finbase(project, "outdated").exception, ZeroDivisionError)
