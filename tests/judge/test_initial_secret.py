"""The initial secret has the master user's password until the first rotation: who may read it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from finbase.terraform.workspace import Workspace
from tests.judge.in_process import failed_ids, messages
from tests.support.commands import FOLDERS, copy_folders
from tests.support.second import with_second

pytestmark = pytest.mark.terraform
POLICY = "aws_secretsmanager_secret_policy"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory, workspace: Workspace) -> dict[str, Any]:
    """The plan of two databases whose secrets have a policy for the initial one."""
    root = tmp_path_factory.mktemp("initial")
    copy_folders(root, *FOLDERS)
    file = root / "environments" / "development.yaml"
    text = re.sub(r"(\n  secret:\n    version: )\S+", r"\g<1>2.2.0", file.read_text())
    file.write_text(text)
    stack = with_second(root, "development", port=5433)
    planned: dict[str, Any] = json.loads(workspace.plan(stack, project=root))
    return planned


def edited(plan: dict[str, Any], edit: Callable[[list[Any]], object]) -> dict[str, Any]:
    """Return a plan in which the resources of the second database's secret are changed."""
    other = copy.deepcopy(plan)
    modules = other["planned_values"]["root_module"]["child_modules"]
    called = other["configuration"]["root_module"]["module_calls"]["secret_reports"]["module"]
    for resources in (
        next(m for m in modules if m["address"] == "module.secret_reports")["resources"],
        called["resources"],
    ):
        edit(resources)
    return other


def policies(resources: list[Any]) -> list[dict[str, Any]]:
    return [r for r in resources if (r["type"], r["name"]) == (POLICY, "initial")]


def test_initial_secrets_have_the_readers_of_the_connection_secrets(plan: dict[str, Any]) -> None:
    assert failed_ids(plan) == set()
    modules = plan["planned_values"]["root_module"]["child_modules"]
    found = [r for m in modules for r in policies(m["resources"])]
    assert len(found) == 2
    for resource in found:
        _, only = json.loads(resource["values"]["policy"])["Statement"]
        names = only["Condition"]["StringNotEquals"]["aws:PrincipalArn"]
        assert [name.rpartition("-")[2] for name in names] == ["apply", "plan"]
        assert resource["values"]["block_public_policy"] is True


def test_initial_secret_without_a_policy_fails(plan: dict[str, Any]) -> None:
    def edit(resources: list[Any]) -> None:
        for resource in policies(resources):
            resources.remove(resource)

    without = edited(plan, edit)
    said = messages(without, "-")["B13"]
    assert "module.database_reports.aws_secretsmanager_secret.initial: no policy limits" in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("StringNotEquals", "StringEquals"),
        ("GetSecretValue", "DeleteSecret"),
        (r"role/[\w-]+-apply", "role/*"),
    ],
)
def test_initial_secret_that_others_may_read_fails(
    plan: dict[str, Any], old: str, new: str
) -> None:
    def edit(resources: list[Any]) -> None:
        for resource in policies(resources):
            if values := resource.get("values"):
                values["policy"], count = re.subn(old, new, values["policy"])
                assert count

    assert "B13" in failed_ids(edited(plan, edit))


def test_policy_of_the_initial_secret_of_another_database_fails(plan: dict[str, Any]) -> None:
    crossed = copy.deepcopy(plan)
    call = crossed["configuration"]["root_module"]["module_calls"]["secret_reports"]
    wire = call["expressions"]["initial_secret_id"]["references"]
    wire[:] = [text.replace("database_reports", "database") for text in wire]
    assert "B13" in failed_ids(crossed)
