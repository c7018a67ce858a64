"""Drift: what runs is judged beside what the next apply would make."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from finbase.judge import drift
from finbase.judge.prove import applied_state
from finbase.plan.altered import alterations
from finbase.plan.running import unconfirmed
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
        plan.setdefault("resource_drift", []).append({**changes[address], "change": drift})

    primary, group = "module.database.aws_db_instance.primary", "aws_security_group.database"
    set_on_aws(primary, performance_insights_enabled=False, publicly_accessible=True)
    set_on_aws("module.kms.aws_kms_key.logs", tags={"Somebody": "else"})
    state[f"module.database.{group}"]["values"]["ingress"].append(OPEN)
    code, hash_ = "module.secret.aws_lambda_function.rotation", "of-other-code"
    set_on_aws(code, code_sha256=hash_)
    changes[code]["change"]["actions"] = ["no-op"]
    file, report, junit = (tmp_path / name for name in ("plan.json", "drift.json", "drift.xml"))
    sarif = tmp_path / "drift.sarif"
    file.write_text(json.dumps(plan))
    options = ("--json", str(report), "--junit", str(junit), "--sarif", str(sarif))
    result = finbase(project, "drift", NAME, "--plan", str(file), *options)
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
    (altered,) = found["alterations"]
    assert altered["address"] == code
    assert [(a["name"], a["after"]) for a in altered["arguments"]] == [
        ("code_sha256", f'"{hash_}"')
    ]
    # The next refresh knows of no drift any more, but which code runs.
    assert [(r["kind"], r["address"]) for r in found["refused"]] == [("OTHER CODE", code)]
    cases = ElementTree.parse(junit).iterfind(".//testcase[@classname='drift']")
    assert sorted(case.get("name") or "" for case in cases) == sorted(
        (primary, f"module.database.{group}", code, code)
    )
    results = json.loads(sarif.read_text())["runs"][0]["results"]
    (listed,) = (r for r in results if r["ruleId"] == "drift")
    assert hash_ in listed["message"]["text"]
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


def altered(type_: str, *, before: Any, after: Any, expressions: Any = None) -> list[str]:
    """Return the attributes that are reported after one of a resource changed."""
    name = {"address": f"module.a.{type_}.b[0]", "mode": "managed", "type": type_, "name": "b"}
    change = {"actions": ["update"], "before": before, "after": after}
    block = {"address": f"{type_}.b", "expressions": expressions or {}}
    called = {"a": {"module": {"resources": [block]}}}
    plan = {
        "configuration": {"root_module": {"module_calls": called}},
        "resource_drift": [{**name, "change": change}],
    }
    return [each.name for found in alterations(plan) for each in found.arguments]


def test_alterations_are_what_nothing_else_compares() -> None:
    type_ = "aws_db_instance"
    one, other = {"option_group_name": "default"}, {"option_group_name": "evil"}
    assert altered(type_, before=one, after=other) == ["option_group_name"]
    # A plan compares what the configuration sets.
    assert altered(type_, before=one, after=other, expressions=one) == []
    # The first refresh fills in what nobody set.
    assert altered(type_, before={"option_group_name": ""}, after=one) == []
    users = {"master_user_secret": [{"secret_arn": "arn"}]}
    assert "master_user_secret[0].secret_arn" in altered(
        type_, before={"master_user_secret": []}, after=users
    )
    gateways = [{"propagating_vgws": names} for names in (["one"], ["one", "other"])]
    assert altered("aws_route_table", before=gateways[0], after=gateways[1]) == [
        "propagating_vgws[1]"
    ]


@pytest.mark.parametrize(
    ("type_", "attribute", "before", "after"),
    [
        ("aws_db_instance", "latest_restorable_time", "12:00", "12:05"),
        ("aws_db_instance", "engine_version_actual", "17.6", "17.7"),
        ("aws_db_instance", "status", "available", "backing-up"),
        ("aws_secretsmanager_secret_version", "version_stages", ["AWSCURRENT"], []),
        ("aws_sns_topic_subscription", "pending_confirmation", True, False),
        ("aws_security_group", "ingress", [{"from_port": 1}], [{"from_port": 2}]),
        ("aws_kms_key", "tags_all", {"a": "b"}, {"a": "c"}),
    ],
)
def test_alterations_leave_out_what_changes_by_itself(
    type_: str, attribute: str, before: Any, after: Any
) -> None:
    assert altered(type_, before={attribute: before}, after={attribute: after}) == []
    assert altered(type_, before={"id": "1"}, after={"id": "2"}) == ["id"]


def test_unconfirmed_subscriptions_are_listed() -> None:
    resource = {
        "address": "aws_sns_topic_subscription.a",
        "mode": "managed",
        "type": "aws_sns_topic_subscription",
        "name": "a",
    }
    waits, agreed = (
        {**resource, "address": f"{resource['address']}[{number}]", "values": values}
        for number, values in enumerate(
            ({"pending_confirmation": True}, {"pending_confirmation": False})
        )
    )
    state = {"values": {"root_module": {"resources": [waits, agreed]}}}
    assert unconfirmed({"prior_state": state}) == (waits["address"],)
