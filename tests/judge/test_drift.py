"""Drift: what runs is judged beside what the next apply would make."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finbase.judge import drift
from finbase.judge.prove import applied_state
from finbase.report import documents
from finbase.report.drift import DriftReport
from finbase.terraform.workspace import Workspace
from tests.report.test_json import fits
from tests.support.commands import ROOT, finbase

NAME = "development"
STACK = ROOT / "environments" / NAME
OPEN = {
    "protocol": "tcp",
    "from_port": 5432,
    "to_port": 5432,
    "self": False,
    "description": "",
    "cidr_blocks": ["0.0.0.0/0"],
    "ipv6_cidr_blocks": [],
    "prefix_list_ids": [],
    "security_groups": [],
}


@pytest.fixture(scope="module")
def quiet(workspace: Workspace) -> bytes:
    """Return a plan of the applied stack that changes nothing."""
    return workspace.plan(STACK, project=ROOT, state=applied_state(ROOT, NAME))


def managed(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from managed(child)


@pytest.mark.terraform
def test_judge_finds_no_drift_of_a_stack_as_applied(quiet: bytes) -> None:
    found = drift.judge(quiet, ROOT / "features", environment=NAME, stack=STACK)
    report = DriftReport(found, 100)
    assert report.text().splitlines() == [
        "N/A   F05  Encrypted Performance Insights on every replica",
        "      not applicable, because the stack has no replica",
        "development: runs as rendered, and every control that applies passes",
    ]
    document = fits(documents.render(report), "drift")
    assert document["clean"] is True
    assert [row["id"] for row in document["not_applicable"]] == ["F05"]


@pytest.mark.terraform
def test_judge_names_what_fails_now(quiet: bytes, project: Path, tmp_path: Path) -> None:
    plan = json.loads(quiet)
    state = {r["address"]: r for r in managed(plan["prior_state"]["values"]["root_module"])}
    changes = {change["address"]: change for change in plan["resource_changes"]}

    def set_on_aws(address: str, **values: Any) -> None:
        change = changes[address]["change"]
        applied = dict(state[address]["values"])
        state[address]["values"].update(values)
        change["before"] = state[address]["values"]
        change["actions"] = ["update"]
        drift = {"actions": ["update"], "before": applied, "after": change["before"]}
        plan.setdefault("resource_drift", []).append({"address": address, "change": drift})

    primary, group = "module.database.aws_db_instance.primary", "aws_security_group.database"
    set_on_aws(primary, performance_insights_enabled=False, publicly_accessible=True)
    set_on_aws("module.kms.aws_kms_key.logs", tags={"Somebody": "else"})
    state[f"module.database.{group}"]["values"]["ingress"].append(OPEN)
    file, report = tmp_path / "plan.json", tmp_path / "drift.json"
    file.write_text(json.dumps(plan))
    result = finbase(project, "drift", NAME, "--plan", str(file), "--json", str(report))
    assert result.exit_code == 1, result.output
    found = fits(report.read_bytes(), "drift")
    assert {c["id"]: (c["running"], c["planned"]) for c in found["controls"]} == {
        "F02": ("failed", "passed"),
        "F04a": ("failed", "passed"),
        "B03": ("failed", "passed"),
        "B02": ("failed", "passed"),
    }
    assert [(d["address"], d["outside"]) for d in found["deviations"]] == [(primary, True)]
    assert found["additions"] == [
        {"address": f"module.database.{group}", "what": "ingress rule: tcp 5432-5432, 0.0.0.0/0"}
    ]
    printed = " ".join(result.output.split())
    assert "4 controls fail now: F02, F04a, B02, B03; the next apply changes 1" in printed
    assert "1 part added on AWS" in printed

    # The design of the checkout says nothing about a plan of other versions.
    pins = re.search(r"modules/database/([0-9.]+)", file.read_text())
    assert pins
    older = file.read_text().replace(pins[0], "modules/database/1.0.0")
    file.write_text(older)
    result = finbase(project, "drift", NAME, "--plan", str(file), "--json", str(report))
    assert result.exit_code == 2, result.output
    printed = " ".join(result.output.split())
    assert f"it does not call database {pins[1]}, which environments/{NAME}.yaml pins" in printed
    assert "check out the commit whose files were planned" in printed
    assert "FAIL" not in printed


RUNS = {"class": "large", "ports": [1], "last": "12:00"}


@pytest.mark.parametrize(
    ("actions", "drifted", "planned", "outside"),
    [
        (["update"], {"last": "12:05"}, {"class": "xlarge"}, False),
        (["update"], {"class": "small"}, {"class": "large"}, True),
        (["update"], {"ports": [1, 2]}, {"ports": [1]}, True),
        (["delete", "create"], {"last": "12:05"}, {"class": "xlarge", "last": None}, False),
        (["delete", "create"], {"class": "small"}, {"class": "large", "last": None}, True),
        (["create"], None, RUNS, True),
        (["delete"], {"last": "12:05"}, None, False),
    ],
)
def test_only_a_change_that_takes_back_a_drift_is_from_outside(
    actions: list[str],
    drifted: dict[str, Any] | None,
    planned: dict[str, Any] | None,
    *,
    outside: bool,
) -> None:
    now = None if drifted is None else {**RUNS, **drifted}
    resource = {"address": "a_b.c", "mode": "managed", "type": "a_b", "name": "c"}
    change = {
        "actions": actions,
        "before": now,
        "after": None if planned is None else {**(now or {}), **planned},
        "after_unknown": {"last": "create" in actions},
    }
    drift_ = {"actions": ["update" if now else "delete"], "before": RUNS, "after": now}
    plan = {
        "resource_changes": [{**resource, "change": change}],
        "resource_drift": [{**resource, "change": drift_}],
    }
    assert [each.outside for each in drift.deviations(plan)] == [outside]
