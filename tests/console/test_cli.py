"""The commands as a person calls them, on a copy of the project."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import pytest

from finbase.cli import main
from finbase.contract.registry import Registry
from tests.support.commands import ROOT, finbase


def snapshot(project: Path) -> dict[str, bytes]:
    files = (path for path in project.rglob("*") if path.is_file())
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files}


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_render_writes_everything_and_then_nothing(project: Path) -> None:
    before = snapshot(project)
    newest = project / "modules" / "cache" / str(Registry(project).current("cache").version)
    shutil.rmtree(newest)
    shutil.rmtree(project / "environments" / "staging")
    first = finbase(project, "render")
    assert first.exit_code == 0
    assert "environments/staging: 5 new" in first.output
    assert snapshot(project) == before
    second = finbase(project, "render")
    assert second.exit_code == 0
    assert re.match(
        r"3 environments, 11 module versions: 0 files new, 0 changed", second.output.strip()
    )
    assert finbase(project, "render", "--check").exit_code == 0


def test_render_of_one_environment_leaves_the_others_alone(project: Path) -> None:
    for name in ("staging", "production"):
        shutil.rmtree(project / "environments" / name)
    assert finbase(project, "render", "staging").exit_code == 0
    assert (project / "environments" / "staging" / "main.tf").is_file()
    assert not (project / "environments" / "production").exists()


def test_a_change_by_hand_is_shown_as_a_diff_and_undone(project: Path) -> None:
    before = snapshot(project)
    changed = project / "environments" / "staging" / "main.tf"
    replace(changed, 'source = "../../modules/access/1.0.1"', 'source = "../../modules/access"')
    orphan = project / "environments" / "production" / "extra.tf"
    orphan.write_text(f"# {'Rendered by finbase from '}nowhere\n")
    result = finbase(project, "render", "--check")
    assert result.exit_code == 1
    header = "--- a/environments/staging/main.tf\ton disk\n+++ b/environments/staging/main.tf\t"
    assert header in result.output
    assert '-  source = "../../modules/access"\n+  source = "../../modules/access/1.0.1"' in (
        result.output
    )
    assert "--- a/environments/production/extra.tf\ton disk\n+++ /dev/null" in result.output
    assert finbase(project, "render").exit_code == 0
    assert snapshot(project) == before


def test_a_foreign_file_goes_by_force_only(project: Path) -> None:
    before = snapshot(project)
    extra = project / "environments" / "staging" / "extra.tf"
    extra.write_text("locals {}\n")
    refused = finbase(project, "render")
    assert refused.exit_code == 2
    assert "environments/staging/extra.tf" in refused.output
    assert "finbase render --force" in refused.output
    assert extra.exists()
    forced = finbase(project, "render", "--force")
    assert forced.exit_code == 0
    assert "environments/staging: 1 removed" in forced.output
    assert snapshot(project) == before


def test_a_stack_whose_file_is_gone_is_removed_and_told(project: Path) -> None:
    (project / "environments" / "staging.yaml").unlink()
    stack = project / "environments" / "staging"
    (stack / ".terraform.lock.hcl").touch()
    assert finbase(project, "render", "production").exit_code == 0
    shown = finbase(project, "render", "--check")
    assert shown.exit_code == 1
    assert "--- a/environments/staging/main.tf\ton disk\n+++ /dev/null" in shown.output
    done = finbase(project, "render")
    assert done.exit_code == 0
    assert "environments/staging: 5 removed" in done.output
    assert "environments/staging.yaml is gone" in done.output
    assert "what was applied of it stays, and of Terraform's own files there" in done.output
    assert [path.name for path in stack.iterdir()] == [".terraform.lock.hcl"]
    again = finbase(project, "render")
    assert "is gone" not in again.output
    assert again.output.strip().endswith("nothing to do")


def test_a_file_that_cannot_be_read_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_bytes

    def refuse(self: Path) -> bytes:
        if self.name == "stack.yaml":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = finbase(project, "render")
    assert result.exit_code == 2
    assert "templates/stack/stack.yaml: Permission denied" in result.output


def test_every_wrong_value_is_told_at_once_and_nothing_is_written(project: Path) -> None:
    staging = project / "environments" / "staging.yaml"
    replace(staging, "allocated_storage: 100", "alocated_storage: 100")
    replace(staging, 'engine_version: "17"', "engine_version: 17.4")
    development = project / "environments" / "development.yaml"
    replace(development, "region: eu-west-1", "region: eu-west-2")
    before = snapshot(project)
    result = finbase(project, "render")
    assert result.exit_code == 2
    assert snapshot(project) == before
    assert "Traceback" not in result.output
    for told in (
        "environments/staging.yaml:",
        "`allocated_storage`",
        "engine_version",
        "environments/development.yaml:",
    ):
        assert told in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("render", "producton"), "did you mean `production`?"),
        (("render", "--chek"), "--check"),
        (("check", "production", "staging", "--plan", str(ROOT / "README.md")), "one plan"),
        (("check", "--plan", str(ROOT / "README.md")), "is not JSON"),
        (("check", "--plan", str(ROOT / "nowhere.json")), "does not exist"),
        (("prove-all",), "no such command"),
    ],
)
def test_wrong_usage_exits_2(project: Path, arguments: tuple[str, ...], told: str) -> None:
    result = finbase(project, *arguments)
    assert result.exit_code == 2
    assert told in result.output
    assert "Traceback" not in result.output


def test_outside_of_a_project_the_way_in_is_told(tmp_path: Path) -> None:
    result = finbase(tmp_path, "render")
    assert result.exit_code == 2
    assert "--project DIR" in result.output


def test_without_terraform_the_installation_is_told(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("FINBASE_TERRAFORM", raising=False)
    result = finbase(project, "check", "development")
    assert result.exit_code == 2
    assert "install Terraform" in result.output
    assert "OpenTofu" in result.output


SHARED = {"__init__", "_evidence", "_rendered"}


def every_command() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(main, info_name="finbase")
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert command.name == name
        yield name, command
        if isinstance(command, click.Group):
            for below in command.commands.values():
                yield f"{name} {below.name}", below


def test_every_file_of_a_command_is_in_the_list() -> None:
    files = {path.stem for path in (ROOT / "generator" / "finbase" / "commands").glob("*.py")}
    assert set(main.list_commands(click.Context(main))) == files - SHARED


EXAMPLES = [
    (name, line.strip())
    for name, command in every_command()
    for line in (command.help or "").partition("Examples:")[2].splitlines()
    if line.strip()
]


def test_every_command_has_an_example() -> None:
    assert {name for name, _ in EXAMPLES} == {name for name, _ in every_command()}


@pytest.mark.parametrize(("name", "line"), EXAMPLES, ids=lambda part: part)
def test_every_example_is_a_call_that_is_understood(
    name: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r"finbase ([^|>#)]*)", line)
    assert found, line
    arguments = shlex.split(re.sub(r"\$\w+", "2", found[1].rstrip()))
    assert arguments[: len(name.split())] == name.split()
    monkeypatch.chdir(tmp_path)
    for argument in arguments:
        if re.search(r"\.(json|tfplan)$", argument):
            (tmp_path / argument).touch()
    understood: list[str] = []
    context = main.make_context("finbase", list(arguments))
    command: click.Command = main
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        below, next_, rest = command.resolve_command(context, rest)
        assert next_ is not None
        understood.append(str(below))
        context = next_.make_context(below, rest, parent=context)
        command = next_
    assert " ".join(understood).startswith(name)
    assert context.args == []


def test_help_and_render_do_not_load_what_they_do_not_need() -> None:
    script = (
        "import sys; from finbase.cli import main; main({!r}, standalone_mode=False); "
        "print(*sys.modules, file=sys.stderr)"
    )

    def loaded(*arguments: str) -> set[str]:
        run = [sys.executable, "-c", script.format(list(arguments))]
        done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
        return set(done.stderr.split())

    assert loaded("--help") & {"jinja2", "yaml", "jsonschema_rs", "hcl2", "subprocess"} == set()
    assert loaded("render", "--check") & {"hcl2", "difflib", "radish", "jsonschema"} == set()


@pytest.mark.terraform
def test_check_proves_the_environments_and_finds_a_failure_put_back(project: Path) -> None:
    report, junit = project / "verdict.json", project / "verdict.xml"
    files = ("--json", str(report), "--junit", str(junit))
    good = finbase(project, "check", *files)
    assert good.exit_code == 0, good.output
    verdict = json.loads(report.read_text())
    assert verdict["passed"]
    names = [environment["name"] for environment in verdict["environments"]]
    assert names == ["development", "production", "staging"]
    assert ET.parse(junit).getroot().get("failures") == "0"

    replace(project / "environments" / "staging" / "versions.tf", 'version = "= 5.100.0"', "")
    bad = finbase(project, "check", "staging", *files)
    assert bad.exit_code == 1, bad.output
    assert "differ from what the YAML and the templates render" in bad.output
    [environment] = json.loads(report.read_text())["environments"]
    failed = [row["id"] for row in environment["failures"] if row["status"] == "failed"]
    assert failed == ["F09"]
    assert int(ET.parse(junit).getroot().get("failures", "0")) > 0
