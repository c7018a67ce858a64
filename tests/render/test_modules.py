"""The released modules and the stacks, as they lie in the project."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

from finbase.contract.contract import Contract
from finbase.contract.registry import Registry
from finbase.environment.load import load_environments
from finbase.project import tree
from finbase.render import archive
from finbase.render.project import render_project
from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT
from tests.support.formatting import fmt_check

MODULES = sorted(path.parent for path in ROOT.glob("modules/*/*/contract.yaml"))
STACKS = sorted(path.parent for path in ROOT.glob("environments/*/main.tf"))
CONTROLS = {  # Of the registry: what no environment may be able to switch off.
    "auto_minor_version_upgrade",
    "copy_tags_to_snapshot",
    "enable_key_rotation",
    "multi_region",
    "performance_insights_enabled",
    "publicly_accessible",
    "single_nat_gateway",
    "storage_encrypted",
    "storage_type",
}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def variables(module: Path) -> dict[str, dict[str, Any]]:
    options = hcl2.SerializationOptions(strip_string_quotes=True, with_comments=False)
    text = (module / "variables.tf").read_text()
    blocks = hcl2.loads(text, serialization_options=options)["variable"]
    return {name: body for block in blocks for name, body in block.items()}


def test_own_modules_and_stacks() -> None:
    assert {module.parent.name for module in MODULES} == {
        *("access", "cache", "database", "existing_network", "kms", "monitoring", "network"),
        *("replica", "roles", "secret"),
    }
    assert [stack.name for stack in STACKS] == ["development", "production", "staging"]


def test_project_is_rendered() -> None:
    registry = Registry(ROOT)
    rendered = render_project(load_environments(ROOT, registry, ()), registry, ROOT)
    assert tree.diff(tree.compare(rendered, ROOT)) == ""


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_module_has_files_documents_itself_and_cannot_disable_controls(module: Path) -> None:
    standard = ("main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md")
    assert [name for name in standard if not (module / name).is_file()] == []
    contract = Contract.load(module / "contract.yaml")
    assert {each.name for each in contract.inputs} & CONTROLS == set()
    for output in contract.outputs:
        assert output.description.endswith("."), output.name
    declared = variables(module)
    assert list(declared) == [variable.name for variable in contract.variables]
    for variable in contract.variables:
        block = declared[variable.name]
        assert block["type"], variable.name
        assert block["description"] == variable.description
        told = [validation["error_message"] for validation in block.get("validation", [])]
        if variable.rule:
            assert f"{variable.name} {variable.rule}." in told


def pinned_secret(stack: Path) -> Path:
    """Return the release of the module ``secret`` that an environment pins."""
    (version,) = re.findall(r'"../../modules/secret/([^"]+)"', (stack / "main.tf").read_text())
    return ROOT / "modules" / "secret" / str(version)


@pytest.mark.parametrize("module", sorted({*map(pinned_secret, STACKS)}), ids=named)
def test_rotation_archive_equals_sources(module: Path) -> None:
    folder = module / "rotation"
    sources = [*folder.glob("*.py"), *folder.glob("ca/*.pem")]
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sources}
    assert (module / "rotation.zip").read_bytes() == archive.pack(files)


@pytest.mark.parametrize("stack", STACKS, ids=named)
def test_rotation_has_roots_of_region(stack: Path) -> None:
    region = yaml.safe_load(stack.with_suffix(".yaml").read_text())["region"]
    roots = pinned_secret(stack) / "rotation" / "ca" / f"{region}.pem"
    assert roots.read_text().count("BEGIN CERTIFICATE") == 3


@pytest.mark.terraform
def test_project_is_formatted() -> None:
    assert fmt_check([ROOT / "modules", ROOT / "environments"], find_terraform()) == ()


@pytest.mark.terraform
@pytest.mark.parametrize("folder", [*MODULES, *STACKS], ids=named)
def test_terraform_validates(folder: Path, workspace: Workspace) -> None:
    workspace.validate(folder, project=ROOT)


@pytest.mark.terraform
def test_plan_has_no_password(workspace: Workspace) -> None:
    plan = json.loads(workspace.plan(ROOT / "environments" / "production", project=ROOT))
    after = {change["address"]: change["change"]["after"] for change in plan["resource_changes"]}
    primary = after["module.database.aws_db_instance.primary"]
    assert (primary["password"], primary["password_wo"]) == (None, None)
    versions = [a for a in after if "aws_secretsmanager_secret_version" in a]
    assert len(versions) == 2
    for address in versions:
        assert (after[address].get("secret_string"), after[address]["secret_string_wo"]) == (
            None,
            None,
        )
