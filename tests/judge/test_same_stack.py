"""The HCL beside a plan is read only if it says what the plan contains of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from finbase.judge.features import folder_of_stack
from finbase.judge.same_stack import difference
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT, copy_folders, finbase


def planned(workspace: Workspace, name: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(workspace.plan(ROOT / "environments" / name, project=ROOT))
    return plan


@pytest.mark.terraform
@pytest.mark.parametrize("name", ["production", "staging", "development"])
def test_hcl_of_a_plan_agrees_with_it(name: str, workspace: Workspace) -> None:
    root = planned(workspace, name)["configuration"]["root_module"]
    assert difference(root, ROOT / "environments" / name) == ""
    others = {"production", "staging", "development"} - {name}
    assert all(difference(root, ROOT / "environments" / other) for other in others)


EDITS = (
    ("environments/production/main.tf", "500", "501", "module.database: allocated_storage"),
    ("environments/production/main.tf", "local.name", "var.name", "module.access: name"),
    ("environments/production/outputs.tf", ".address", ".arn", "output.database_address: value"),
    ("modules/kms/*/*.tf", "= true", "= false", "enable_key_rotation"),
    ("modules/database/*/parameters.tf", '"ddl,role"', '"ddl"', "parameter.value"),
    ("modules/database/*/main.tf", "var.database_key_arn", "null", "kms_key_id"),
    ("modules/network/*/main.tf", "for_each = var.zones", "for_each = {}", "for_each"),
    ("modules/secret/*/rotation.tf", "depends_on = [", "depends_on = [aws_x.y, ", "depends_on"),
)


@pytest.mark.terraform
@pytest.mark.parametrize(("pattern", "old", "new", "expected"), EDITS)
def test_other_version_is_not_read(
    pattern: str, old: str, new: str, expected: str, workspace: Workspace, tmp_path: Path
) -> None:
    plan = planned(workspace, "production")
    copy_folders(tmp_path, "environments", "modules")
    stack = tmp_path / "environments" / "production"
    assert folder_of_stack(plan, stack / "plan.json", tmp_path, "x") == (stack, "")
    changed = [file for file in tmp_path.glob(pattern) if old in file.read_text()]
    assert changed
    for file in changed:
        file.write_text(file.read_text().replace(old, new))
    folder, differs = folder_of_stack(plan, stack / "plan.json", tmp_path, "x")
    assert folder is None
    assert expected in differs
    assert differs.endswith(" differs")


@pytest.mark.terraform
def test_resources_and_modules_are_those_of_the_plan(workspace: Workspace, tmp_path: Path) -> None:
    root = planned(workspace, "production")["configuration"]["root_module"]
    copy_folders(tmp_path, "environments", "modules")
    stack = tmp_path / "environments" / "production"
    (stack / "extra.tf").write_text('resource "terraform_data" "x" {}\n')
    assert (
        difference(root, stack) == f"{stack}/extra.tf: resource.terraform_data.x is not in the plan"
    )
    (stack / "extra.tf").unlink()
    (stack / "outputs.tf").write_text("")
    assert difference(root, stack).endswith(" is only in the plan")


@pytest.mark.terraform
def test_check_says_that_the_hcl_was_not_read(workspace: Workspace, tmp_path: Path) -> None:
    plan = planned(workspace, "production")
    copy_folders(tmp_path, "environments", "modules", "features", "templates")
    stack = tmp_path / "environments" / "production"
    main = stack / "main.tf"
    main.write_text(main.read_text().replace("500", "501"))
    (stack / "plan.json").write_text(json.dumps(plan))
    done = finbase(tmp_path, "check", "--plan", str(stack / "plan.json"))
    said = " ".join((done.stdout + done.stderr).split())
    assert "the HCL beside the plan is of another version:" in said
    assert "module.database: allocated_storage differs" in said
    assert "because the HCL of the stack was not read" in said
