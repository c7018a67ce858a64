"""A new module is a folder: one that finbase has never heard of renders and is released."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from finbase.contract.lock import PATH, Lock
from finbase.contract.registry import Registry
from finbase.judge.check import check
from finbase.render.editor_schema import environment_schema, pinnable
from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT, finbase
from tests.support.formatting import fmt_check

FIXTURE = ROOT / "tests" / "fixtures" / "modules" / "exports"
MODULE = Path("modules", "exports", "1.0.0")
PIN = """
  exports:
    version: 1.0.0
    expire_after_days: 30
"""


@pytest.fixture
def added(project: Path) -> Path:
    """The project with the templates of the module, which staging pins; all rendered."""
    shutil.copytree(FIXTURE, project / "templates" / "modules" / "exports")
    with (project / "environments" / "staging.yaml").open("a") as file:
        file.write(PIN)
    result = finbase(project, "render")
    assert result.exit_code == 0, result.output
    return project


def test_package_does_not_name_module() -> None:
    code = (
        path
        for path in (ROOT / "generator" / "finbase").rglob("*")
        if path.suffix in (".py", ".yaml")
    )
    naming = [path for path in code if "expire_after_days" in path.read_text()]
    assert naming == []
    assert "exports" not in Registry(ROOT).names


def test_render_added_module(added: Path) -> None:
    names = {path.relative_to(added / MODULE).as_posix() for path in (added / MODULE).rglob("*.*")}
    assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md"} <= names
    assert finbase(added, "render", "--check").exit_code == 0


def test_added_module_is_wired_once(added: Path) -> None:
    stacks = {
        name: (added / "environments" / name / "main.tf").read_text()
        for name in ("development", "production", "staging")
    }
    assert [name for name, text in stacks.items() if 'module "exports"' in text] == ["staging"]
    block = stacks["staging"].split('module "exports" {')[1].split("\n}")[0]
    assert [" ".join(line.split()) for line in block.splitlines() if line] == [
        'source = "../../modules/exports/1.0.0"',
        "expire_after_days = 30",
        "name = local.name",
        "account_id = local.account_id",
        "database_key_arn = module.kms.database_key_arn",
    ]
    outputs = (added / "environments" / "staging" / "outputs.tf").read_text()
    assert 'output "exports_bucket"' in outputs


def test_load_refuses_wrong_value(added: Path) -> None:
    path = added / "environments" / "staging.yaml"
    path.write_text(path.read_text().replace("expire_after_days: 30", "expire_after_days: 0"))
    result = finbase(added, "render")
    assert result.exit_code == 2
    line = len(path.read_text().splitlines())
    assert f"environments/staging.yaml:{line}:" in result.output
    assert "`exports.expire_after_days` must be from 1 to 3650, not 0" in result.output


def test_commands_know_module(added: Path) -> None:
    explained = finbase(added, "explain", "exports.expire_after_days")
    assert explained.exit_code == 0
    assert "must be a whole number between 1 and 3650" in explained.output
    assert finbase(added, "rules").exit_code == 0
    schema = environment_schema(pinnable(Registry(added)))
    assert "exports" in schema["properties"]["modules"]["properties"]
    assert "exports" not in schema["properties"]["modules"]["required"]
    differs = finbase(added, "diff", "staging", "production").output
    assert "exports.version\n" in differs
    assert "exports.expire_after_days\n" in differs


def test_release_and_outdated(added: Path) -> None:
    first = finbase(added, "release", "exports", "minor", "-m", "Exports have a bucket.")
    assert first.exit_code == 0, first.output
    version = Registry(added).current("exports").version
    assert ("exports", version) in Lock.load(added)
    assert finbase(added, "render", "--check").exit_code == 0
    assert (added / "modules" / "exports" / "CHANGELOG.md").is_file()
    before = (added / MODULE / "main.tf").read_bytes()

    template = added / "templates" / "modules" / "exports" / "main.tf.j2"
    seven = "days_after_initiation = 7"
    assert seven in template.read_text()
    template.write_text(template.read_text().replace(seven, "days_after_initiation = 3"))
    second = finbase(added, "release", "exports", "patch", "-m", "Cut uploads go sooner.")
    assert second.exit_code == 0, second.output
    assert (added / MODULE / "main.tf").read_bytes() == before
    assert (added / PATH).read_text().count("exports 1.0.") == 2
    behind = finbase(added, "outdated", "staging")
    assert behind.exit_code == 1
    (row,) = (line.split() for line in behind.output.splitlines() if "exports" in line)
    lines = (added / "environments" / "staging.yaml").read_text().splitlines()
    where = f"environments/staging.yaml:{lines.index('  exports:') + 2}"
    assert row == [where, "exports", "1.0.0", "1.0.1", "1.0.1"]


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_check_added_module(added: Path, workspace: Workspace) -> None:
    assert fmt_check([added / MODULE], find_terraform()) == ()
    (verdict,) = check(added, ["staging"], jobs=1, progress=lambda *_: None)
    assert verdict.passed, [s.evidence for s in verdict.failed]
    workspace.validate(added / MODULE, project=added)
    plan = json.loads(workspace.plan(added / "environments" / "staging", project=added))
    after = {each["address"]: each["change"]["after"] for each in plan["resource_changes"]}
    bucket = after["module.exports.aws_s3_bucket.main"]
    assert bucket["bucket"] == "ledger-staging-exports-444455556666"
    access = after["module.exports.aws_s3_bucket_public_access_block.main"]
    assert {
        access[key] for key in access if key.startswith(("block_", "ignore_", "restrict_"))
    } == {True}
    lifecycle = after["module.exports.aws_s3_bucket_lifecycle_configuration.main"]
    assert lifecycle["rule"][0]["expiration"][0]["days"] == 30
