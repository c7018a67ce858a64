"""Run the commands as a user does, on a copy of the project."""

from __future__ import annotations

import json
import re
import shutil
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


def test_render_writes_missing_files_once(project: Path) -> None:
    before = snapshot(project)
    newest = project / "modules" / "cache" / str(Registry(project).current("cache").version)
    shutil.rmtree(newest)
    shutil.rmtree(project / "environments" / "staging")
    first = finbase(project, "render")
    assert first.exit_code == 0
    assert "environments/staging: 6 new" in first.output
    assert snapshot(project) == before
    second = finbase(project, "render")
    assert second.exit_code == 0
    assert re.match(
        r"3 environments, 9 module versions: 0 files new, 0 changed", second.output.strip()
    )
    assert finbase(project, "render", "--check").exit_code == 0


def test_render_of_one_environment_leaves_others_alone(project: Path) -> None:
    for name in ("staging", "production"):
        shutil.rmtree(project / "environments" / name)
    assert finbase(project, "render", "staging").exit_code == 0
    assert (project / "environments" / "staging" / "main.tf").is_file()
    assert not (project / "environments" / "production").exists()


def test_render_check_shows_and_render_undoes_hand_edits(project: Path) -> None:
    before = snapshot(project)
    changed = project / "environments" / "staging" / "main.tf"
    [source] = re.findall(r'source = "../../modules/access/[\d.]+"', changed.read_text())
    replace(changed, source, 'source = "../../modules/access"')
    orphan = project / "environments" / "production" / "extra.tf"
    orphan.write_text(f"# {'Rendered by finbase from '}nowhere\n")
    result = finbase(project, "render", "--check")
    assert result.exit_code == 1
    header = "--- a/environments/staging/main.tf\ton disk\n+++ b/environments/staging/main.tf\t"
    assert header in result.output
    assert f'-  source = "../../modules/access"\n+  {source}' in result.output
    assert "--- a/environments/production/extra.tf\ton disk\n+++ /dev/null" in result.output
    assert finbase(project, "render").exit_code == 0
    assert snapshot(project) == before


def test_render_check_names_foreign_file_without_its_contents(project: Path) -> None:
    (project / "environments" / "staging" / "plan.json").write_text('{"password": "hunter2"}')
    result = finbase(project, "render", "--check")
    assert result.exit_code == 1
    assert "environments/staging/plan.json was not rendered by finbase" in result.output
    assert "hunter2" not in result.output


def test_render_removes_foreign_files_with_force_only(project: Path) -> None:
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


def test_render_removes_stack_without_file(project: Path) -> None:
    (project / "environments" / "staging.yaml").unlink()
    stack = project / "environments" / "staging"
    (stack / ".terraform.tfstate.lock.info").touch()
    assert finbase(project, "render", "production").exit_code == 0
    shown = finbase(project, "render", "--check")
    assert shown.exit_code == 1
    assert "--- a/environments/staging/main.tf\ton disk\n+++ /dev/null" in shown.output
    done = finbase(project, "render")
    assert done.exit_code == 0
    assert "environments/staging: 6 removed" in done.output
    assert "because environments/staging.yaml no longer exists" in done.output
    assert "resources that were applied from it still exist" in done.output
    assert "Terraform's files remain: .terraform.tfstate.lock.info" in " ".join(done.output.split())
    assert [path.name for path in stack.iterdir()] == [".terraform.tfstate.lock.info"]
    again = finbase(project, "render")
    assert "no longer exists" not in again.output
    assert again.output.strip().endswith("nothing to do")


def test_render_reports_unreadable_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_bytes

    def refuse(self: Path) -> bytes:
        if self.name == "stack.yaml":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = finbase(project, "render")
    assert result.exit_code == 2
    assert "templates/stack/stack.yaml: Permission denied" in result.output


def test_render_reports_all_errors_and_writes_nothing(project: Path) -> None:
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
    for message in (
        "environments/staging.yaml:",
        "`allocated_storage`",
        "engine_version",
        "environments/development.yaml:",
    ):
        assert message in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("render", "producton"), "did you mean `production`?"),
        (("render", "--chek"), "--check"),
        (("check", "production", "staging", "--plan", str(ROOT / "README.md")), "one plan"),
        (("check", "--plan", str(ROOT / "README.md")), "is not JSON"),
        (("check", "--plan", str(ROOT / "nowhere.json")), "does not exist"),
        (("prove-all",), "no such command 'prove-all'. Did you mean 'prove'?"),
        (("chekc",), "no such command 'chekc'. Did you mean 'check'?"),
        (("new", "modul"), "no such command 'modul'. Did you mean 'module'?"),
        (("render", "--chek"), "no such option '--chek'. Did you mean '--check'?"),
    ],
)
def test_wrong_usage_exits_2(project: Path, arguments: tuple[str, ...], message: str) -> None:
    result = finbase(project, *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_render_outside_project_suggests_project_option(tmp_path: Path) -> None:
    result = finbase(tmp_path, "render")
    assert result.exit_code == 2
    assert "--project DIR" in result.output


def test_check_without_terraform_suggests_installation(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("FINBASE_TERRAFORM", raising=False)
    result = finbase(project, "check", "development")
    assert result.exit_code == 2
    assert "install Terraform" in result.output
    assert "OpenTofu" in result.output


def test_command_table_has_every_file() -> None:
    files = {path.stem for path in (ROOT / "generator" / "finbase" / "commands").glob("*.py")}
    named = {name.replace("_", "-") for name in files if not name.startswith("_")}
    assert set(main.list_commands(click.Context(main))) == named


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_check_passes_and_finds_a_failure_put_back(project: Path) -> None:
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
    differs = "environments/staging/versions.tf: not as the YAML and the templates render"
    assert differs in " ".join(bad.output.split())
    [environment] = json.loads(report.read_text())["environments"]
    failed = [row["id"] for row in environment["failures"] if row["status"] == "failed"]
    assert failed == ["F09"]
    assert int(ET.parse(junit).getroot().get("failures", "0")) > 0
