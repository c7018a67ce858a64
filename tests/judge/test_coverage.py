"""Each planned resource, and the controls that judged it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finbase.judge.coverage import coverage, named
from finbase.judge.since import changes
from finbase.judge.verdict import Verdict
from finbase.plan.kinds import managed_addresses
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT
from tests.support.evidence import FAILURES, scenarios, verdict
from tests.support.plans import plan, resource

FEATURES = ROOT / "features"


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ("aws_x.main: a = 1", {"aws_x.main"}),
        ("aws_x.main2: a = 1", set()),
        ("module.a.aws_x.main: a", set()),
        ('module.a.aws_y.it["k"]: a', {'module.a.aws_y.it["k"]'}),
        ("module.a.aws_y.it: all of them", {'module.a.aws_y.it["k"]', 'module.a.aws_y.it["l"]'}),
        ("key from aws_x.main.arn", {"aws_x.main"}),
        ("", set()),
    ],
)
def test_addresses_that_a_text_names(evidence: str, expected: set[str]) -> None:
    addresses = {"aws_x.main", 'module.a.aws_y.it["k"]', 'module.a.aws_y.it["l"]'}
    assert named(evidence, addresses) == expected


def test_coverage_of_a_foreign_stack(tmp_path: Path) -> None:
    made = plan(resource("aws_vpc.main"), resource("aws_s3_bucket.logs"), resource("aws_eip.a"))
    first, second, *rest = scenarios(evidence="nothing")
    own = replace(
        second, failure_ids=(), evidence="aws_eip.a: x", location="features/own.feature:3"
    )
    skipped = replace(second, status="skipped", evidence="aws_s3_bucket.logs")
    seen = Verdict("x", (replace(first, evidence="aws_vpc.main: a"), own, skipped, *rest), FAILURES)
    assert coverage(seen, made, tmp_path) == (
        ("aws_vpc.main", (first.failure_ids[0],)),
        ("aws_s3_bucket.logs", ()),
        ("aws_eip.a", ("features/own.feature:3",)),
    )


@pytest.mark.terraform
def test_coverage_of_a_rendered_stack(workspace: Workspace) -> None:
    made: dict[str, Any] = json.loads(
        workspace.plan(ROOT / "environments" / "production", project=ROOT)
    )
    seen = verdict("production", evidence="nothing")
    without = tuple(s for s in seen.scenarios if "design.feature" not in s.location)
    assert without != seen.scenarios
    rows = coverage(seen, made, FEATURES)
    assert tuple(row.address for row in rows) == managed_addresses(made)
    by_address = {row.address: row.controls for row in rows}
    # The evidence of B04 names it; it belongs to no module of the design.
    by_evidence = "terraform_data.keep_database"
    assert [address for address in by_address if not by_address[address]] == [by_evidence]
    assert {"F04a", "B01", "B04"} <= set(by_address["module.database.aws_db_instance.primary"])
    assert "F08" in by_address["module.kms.aws_kms_key.database"]
    # A resource that the design lacks is not judged by it, nor is any without its scenarios.
    module = made["planned_values"]["root_module"]["child_modules"][0]
    module["resources"].append(
        {"address": f"{module['address']}.aws_sqs_queue.x", "mode": "managed", "values": {}}
    )
    extra = coverage(seen, made, FEATURES)
    assert [row.address for row in extra if not row.controls] == [
        by_evidence,
        f"{module['address']}.aws_sqs_queue.x",
    ]
    other = replace(seen, scenarios=without)
    assert not any(row.controls for row in coverage(other, made, FEATURES))


def test_changes_between_verdicts() -> None:
    before, after = verdict("x", (), "a = 1"), verdict("x", ("F01",), "a = 1")
    assert changes(before, before) == ()
    (change,) = changes(before, after)
    assert (change.id, change.before, change.after) == ("F01", "passed", "failed")
    new = verdict("x", (), "a = 2\nb = 1")
    assert all((c.gone, c.new) == (("a = 1",), ("a = 2", "b = 1")) for c in changes(before, new))
    assert len(changes(before, new)) == len(FAILURES)
    fewer = replace(before, failures=FAILURES[1:])
    ((added,), (removed,)) = changes(fewer, before), changes(before, fewer)
    assert (added.before, added.after) == ("", "passed")
    assert (removed.before, removed.after) == ("passed", "")
