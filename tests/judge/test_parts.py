"""Parts that an environment leaves out: their controls are not applicable, and never pass."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from finbase.plan import kinds
from finbase.terraform.workspace import Workspace
from tests.fuzz.fast_judge import Judge
from tests.judge.in_process import failed_ids, messages
from tests.support.commands import finbase

pytestmark = pytest.mark.terraform

OF_CACHE = ["F07a", "F07b", "F07c", "B09"]
WITHOUT = ["F05", *OF_CACHE]
NO_CACHE = "not applicable, because the stack has no cache"
NO_DASHBOARD = "not applicable, because module monitoring lists no dashboards"


def leave_out(project: Path) -> Path:
    """Leave the cache and the dashboard out of development, which has no replica."""
    file = project / "environments" / "development.yaml"
    text, cut = re.subn(r"\n  cache:\n(    .+\n)+", "\n", file.read_text())
    monitoring = r"\n  monitoring:\n    version: .+\n"
    text, listed = re.subn(monitoring, r"\g<0>    dashboards: []\n", text)
    assert (cut, listed) == (1, 1)
    file.write_text(text)
    done = finbase(project, "render", "development")
    assert done.exit_code == 0, done.output
    return project / "environments" / "development"


@pytest.mark.usefixtures("shared_workspace")
def test_every_output_names_what_is_left_out(project: Path, tmp_path: Path) -> None:
    leave_out(project)
    names = ("json", "junit", "sarif", "html")
    files = {name: tmp_path / f"verdict.{name}" for name in names}
    options = [text for name, file in files.items() for text in (f"--{name}", str(file))]
    done = finbase(project, "check", "development", "--no-cache", *options)
    assert done.exit_code == 0, done.output
    printed = re.sub(r"\s+", " ", done.output)
    assert re.findall(r"N/A +(\w+)", printed) == WITHOUT
    assert printed.count(NO_CACHE) == len(OF_CACHE)
    assert f"PASS F09 Every resource type of the design {NO_DASHBOARD} PASS F10" in printed
    assert "30 of 35 controls pass: review 15 of 19" in printed
    assert "5 not applicable" in printed

    (environment,) = json.loads(files["json"].read_text())["environments"]
    assert environment["counts"]["failures_not_applicable"] == len(WITHOUT)
    rows = {row["id"]: row for row in environment["failures"]}
    assert [i for i, row in rows.items() if row["status"] != "passed"] == WITHOUT
    assert all(NO_CACHE in rows[id_]["evidence"] for id_ in OF_CACHE)

    cases = ET.parse(files["junit"]).iter("testcase")
    skipped = {case.get("classname", "") for case in cases if case.find("skipped") is not None}
    assert {id_ for id_ in WITHOUT if any(id_ in name for name in skipped)} == {*WITHOUT}

    (run,) = json.loads(files["sarif"].read_text())["runs"]
    kinds_ = {(r["ruleId"], r["kind"]) for r in run["results"] if r.get("kind") == "notApplicable"}
    assert kinds_ == {(id_, "notApplicable") for id_ in WITHOUT}

    page = files["html"].read_text()
    assert NO_CACHE in page
    assert "pass or are not applicable" in page

    file = tmp_path / "merged.json"
    merged = finbase(project, "report", "merge", str(files["json"]), "--json", str(file))
    assert merged.exit_code == 0, merged.output
    (same,) = json.loads(file.read_text())["environments"]
    assert same["counts"] == environment["counts"]


def test_missing_cache_of_a_stack_with_the_module_fails(plan: dict[str, Any]) -> None:
    for module in plan["planned_values"]["root_module"]["child_modules"]:
        if module["address"] == "module.cache":
            module["resources"] = []
    assert {"F07a", "F07b", "F07c", "B09"} <= failed_ids(plan)


@pytest.mark.parametrize("type_", ["aws_elasticache_replication_group", "aws_memorydb_cluster"])
def test_cache_of_another_kind_is_not_left_out(
    type_: str, project: Path, workspace: Workspace
) -> None:
    stack = leave_out(project)
    plan = json.loads(workspace.plan(stack, project=project))
    assert failed_ids(plan) == set()
    add(plan, type_)
    assert {"F07a", "F07b", "F07c"} <= failed_ids(plan)


def test_missing_dashboard_that_is_listed_fails(plan: dict[str, Any]) -> None:
    for module in plan["planned_values"]["root_module"]["child_modules"]:
        kept = [r for r in module["resources"] if r["type"] != "aws_cloudwatch_dashboard"]
        module["resources"] = kept
    assert "the plan has no aws_cloudwatch_dashboard" in Judge().messages(plan).values()
    assert failed_ids(plan) == {"F09"}


def test_missing_roles_fail_by_name(plan: dict[str, Any]) -> None:
    """An environment can leave out the section ``roles``, but then a control says so."""
    root, gone = plan["planned_values"]["root_module"], "module.roles"
    root["child_modules"] = [each for each in root["child_modules"] if each["address"] != gone]
    plan["resource_changes"] = [
        each for each in plan["resource_changes"] if each.get("module_address") != gone
    ]
    del plan["configuration"]["root_module"]["module_calls"]["roles"]
    assert kinds.leaves_out(plan, "roles")
    told = messages(plan, "none")
    assert told.keys() == {"B13"}
    assert "the plan declares no role of an application: pin the module roles" in told["B13"]
    assert "docs/how-to/move-to-roles.md" in told["B13"]


def test_stack_without_modules_leaves_nothing_out(plan: dict[str, Any]) -> None:
    assert kinds.leaves_out(plan, "replica")
    plan["configuration"]["root_module"]["module_calls"] = {}
    assert not kinds.leaves_out(plan, "replica")


def add(plan: dict[str, Any], type_: str) -> None:
    """Plan a resource of a type in the root module."""
    identity: Mapping[str, Any] = {"mode": "managed", "type": type_, "name": "other"}
    address = {"address": f"{type_}.other"}
    root = plan["planned_values"]["root_module"]
    root.setdefault("resources", []).append({**address, **identity, "values": {}})
    configured = plan["configuration"]["root_module"].setdefault("resources", [])
    configured.append({**address, **identity, "expressions": {}})
