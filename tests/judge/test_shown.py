"""A report states of a supplied plan only what the plan shows, and no plan of another stack."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from finbase.contract.registry import Registry
from finbase.environment.load import load_environments
from finbase.errors import FinbaseError
from finbase.judge.shown import demand_same, read_shown
from tests.support.commands import ROOT, finbase

FOREIGN = ROOT / "tests" / "fixtures" / "compliance" / "plan.json"
MADE = json.loads(gzip.decompress((ROOT / "docs/evidence/samples/plan.json.gz").read_bytes()))
(PRODUCTION,) = load_environments(ROOT, Registry(ROOT), ["production"])


def changed(old: str, new: str) -> dict[str, Any]:
    text = json.dumps(MADE)
    assert old in text
    found: dict[str, Any] = json.loads(text.replace(old, new))
    return found


def provider(**settings: object) -> dict[str, Any]:
    """The plan with these constants, and without finbase's, in the provider's configuration."""
    plan: dict[str, Any] = copy.deepcopy(MADE)
    constants = {name: {"constant_value": value} for name, value in settings.items()}
    plan["configuration"]["provider_config"]["aws"]["expressions"] = constants
    return plan


def test_plan_of_the_environment_is_accepted() -> None:
    shown = read_shown(MADE)
    demand_same(shown, PRODUCTION, "or")
    assert shown.one(shown.accounts, "111122223333") == "111122223333"
    assert shown.one(shown.regions, "eu-west-1") == "eu-west-1"
    assert ("kms", "2.0.0") in shown.modules
    assert shown.offline


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (changed("111122223333", "999988887777"), "its account is 999988887777"),
        (changed("eu-west-1", "eu-west-2"), "its region is eu-west-2"),
        (changed('"Environment": "production"', '"Environment": "x"'), "its tag Environment is x"),
        (changed("modules/kms/2.0.0", "modules/kms/1.0.0"), "it does not call kms 2.0.0"),
        (changed("modules/kms/2.0.0", "vendor/kms"), "it does not call kms 2.0.0"),
        (provider(allowed_account_ids=["999988887777"]), "its account is 999988887777"),
        (provider(region="us-east-1"), "its region is us-east-1"),
    ],
)
def test_plan_of_another_stack_is_refused(plan: dict[str, Any], why: str) -> None:
    with pytest.raises(FinbaseError, match="the plan is not of production: ") as error:
        demand_same(read_shown(plan), PRODUCTION, "or")
    assert why in str(error.value)
    assert "environments/production.yaml" in str(error.value)


def test_variables_of_the_provider_are_followed() -> None:
    plan = provider()
    plan["variables"] = {"account": {"value": "999988887777"}, "region": {"value": "us-east-1"}}
    plan["configuration"]["provider_config"]["aws"]["expressions"] = {
        "allowed_account_ids": {"references": ["var.account"]},
        "region": {"references": ["var.region"]},
    }
    shown = read_shown(plan)
    assert shown.accounts == {"999988887777"}
    assert shown.regions == {"us-east-1"}
    assert shown.one(shown.regions, None) == "us-east-1"


def test_expression_that_chooses_is_not_followed() -> None:
    plan = provider()
    plan["variables"] = {"other": {"value": True}, "region": {"value": "us-east-1"}}
    references = {"references": ["var.other", "var.region"]}
    plan["configuration"]["provider_config"]["aws"]["expressions"] = {"region": references}
    assert read_shown(plan).regions == {"eu-west-1"}


@pytest.mark.parametrize(
    ("settings", "offline"),
    [
        ({"access_key": "offline"}, True),
        ({"access_key": "mock", "secret_key": "mock"}, None),
        ({"skip_requesting_account_id": True}, None),
        ({"skip_requesting_account_id": False, "region": "eu-west-1"}, False),
    ],
)
def test_plan_shows_whether_it_was_offline(settings: dict[str, Any], offline: bool | None) -> None:
    assert read_shown(provider(**settings)).offline is offline


def test_account_of_no_environment_is_the_configured_one() -> None:
    """An ARN can name the account of somebody else."""
    shown = read_shown(MADE)
    assert shown.accounts
    assert shown.one(shown.accounts, None) == ""
    shown = read_shown(provider(allowed_account_ids=["111122223333"]))
    assert shown.one(shown.accounts, None) == "111122223333"


@pytest.mark.parametrize("command", ["check", "evidence"])
def test_foreign_plan_is_no_evidence_on_an_environment(command: str, tmp_path: Path) -> None:
    output = tmp_path / "x.zip"
    more = ("--unsigned", "--output", str(output)) if command == "evidence" else ()
    done = finbase(ROOT, command, "production", "--plan", str(FOREIGN), *more)
    assert done.exit_code == 2, done.output
    assert "the plan is not of production: it does not call" in done.output
    assert "hint: " in done.output
    assert not output.exists()
