"""Plans of stacks that finbase did not render, with and without finbase.

The plans are of Terraform 1.11.4 and the AWS provider 5.100.0.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from finbase.errors import ComplianceError
from finbase.judge import compliance
from tests.judge.in_process import messages
from tests.support.commands import ROOT, finbase
from tests.support.plain_command import comply, judge_plainly

FEATURES = ROOT / "features"
PLANS = ROOT / "tests" / "fixtures" / "plans" / "kinds"


def plain(name: str, folder: Path) -> tuple[int, str, list[str]]:
    return judge_plainly((PLANS / f"{name}.json").read_bytes(), folder, FEATURES)


def test_run_judges_what_applies(tmp_path: Path) -> None:
    verdict = compliance.run(PLANS / "foreign-secret.json", FEATURES)
    rows = {row.id: row for row in verdict.by_failure()}
    judged = {id_: row.status for id_, row in rows.items() if row.status != "not applicable"}
    assert judged == {"F06a": "passed", "B01": "failed", "B04": "passed", "B08": "passed"}
    why = "not applicable, because the plan has no aws_elasticache_serverless_cache"
    assert why in rows["F07a"].evidence.splitlines()
    assert verdict.not_judged == ("aws_s3_bucket.logs",)
    assert not verdict.passed  # Its secret is encrypted by a key that the stack does not hold.
    code, _, states = plain("foreign-secret", tmp_path)
    assert code == 1
    assert states == [scenario.status for scenario in verdict.scenarios]


def test_run_refuses_to_judge_nothing(tmp_path: Path) -> None:
    with pytest.raises(ComplianceError, match="nothing to judge"):
        compliance.run(PLANS / "foreign-bucket.json", FEATURES)
    code, output, states = plain("foreign-bucket", tmp_path)
    assert (code, set(states)) == (1, {"skipped"})
    assert "ERROR: nothing to judge" in output


def test_steps_are_silent_about_a_plan_that_no_scenario_judged(tmp_path: Path) -> None:
    plan = json.loads((PLANS / "foreign-secret.json").read_bytes())
    (tmp_path / "plan.json").write_text(json.dumps(plan | {"terraform_version": "1.17.0"}))
    code, output = comply(tmp_path, FEATURES)
    assert code == 1
    assert "FATAL ERROR: Unsupported terraform version (1.17.0)" in output
    assert "nothing to judge" not in output


def test_steps_refuse_an_invalid_profile_once(tmp_path: Path) -> None:
    features = tmp_path / "features"
    shutil.copytree(FEATURES, features)
    profile = (features / "design.yaml").read_text().splitlines()
    profile[9:9] = ["<<<<<<< HEAD"]
    (features / "design.yaml").write_text("\n".join(profile))
    shutil.copy(PLANS / "foreign-secret.json", tmp_path / "plan.json")
    code, output = comply(tmp_path, features)
    assert code == 1
    (line,) = [line for line in output.splitlines() if "design.yaml" in line]
    assert line.startswith(f"ERROR: {features}/design.yaml:10: invalid profile: '<<<<<<< HEAD'")
    assert "Scenario" not in output


def test_run_of_an_environment_fails_what_is_missing() -> None:
    verdict = compliance.run(PLANS / "foreign-bucket.json", FEATURES, rendered=True)
    assert {row.status for row in verdict.by_failure()} == {"failed"}


def test_plain_terraform_compliance_names_the_kind(tmp_path: Path) -> None:
    """``test_kinds`` has the sentences of all kinds."""
    code, output, states = plain("destroy", tmp_path)
    assert (code, set(states)) == (1, {"failed"})
    with pytest.raises(ComplianceError) as caught:
        compliance.run(PLANS / "destroy.json", FEATURES)
    reason = caught.value.message.removeprefix(f"{PLANS / 'destroy.json'} ")
    assert f"the plan {reason}; {caught.value.hint}" in output


OWN = """Feature: Own
  Scenario: A mistyped type in a stock step
    Given I have aws_kms_keys defined
    Then it must contain multi_region

  Scenario: A forbidden type
    Given I have aws_dynamodb_table defined
    Then it must fail

  Scenario: A mistyped type that is forbidden
    Given I have aws_dynamodb_tabel defined
    Then it must fail

  Scenario: A mistyped type in a step of the project
    Given the planned stack
    Then every aws_kms_keys sets multi_region
"""


def test_own_scenario_without_a_subject_fails(tmp_path: Path) -> None:
    shutil.copytree(FEATURES / "steps", tmp_path / "features" / "steps")
    (tmp_path / "features" / "failures.yaml").write_bytes((FEATURES / "failures.yaml").read_bytes())
    (tmp_path / "features" / "own.feature").write_text(OWN)
    plan = ROOT / "tests" / "fixtures" / "compliance" / "plan.json"
    stock, forbidden, mistyped, own = compliance.run(plan, tmp_path / "features").scenarios
    assert [stock.status, forbidden.status, own.status] == ["failed", "passed", "failed"]
    assert mistyped.status == "failed"
    assert mistyped.evidence == (
        "no type is named aws_dynamodb_tabel; did you mean aws_dynamodb_table?"
    )
    assert stock.evidence.endswith("target terraform plan; did you mean aws_kms_key?")
    assert own.evidence == "the plan has no aws_kms_keys; did you mean aws_kms_key?"


def test_check_of_a_destroy_plan_exits_2() -> None:
    result = finbase(ROOT, "check", "--plan", str(PLANS / "destroy.json"))
    assert result.exit_code == 2
    assert "removes all 2 resources" in result.output


def test_network_of_count_and_element_is_not_shown() -> None:
    plan = json.loads((PLANS / "foreign-network.json").read_bytes())
    texts = messages(plan, without="features/design.feature")
    assert texts.keys() >= {"F01", "F10"}
    for text in (texts["F01"], texts["F10"]):
        assert "this plan" in text
        assert "no NAT gateway" not in text
        assert "0 route tables" not in text
