"""Plans that hold no stack to judge get one clear answer each, with and without finbase."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from finbase.errors import ComplianceError
from finbase.plan.document import read_plan
from finbase.plan.kinds import absence_of_stack, managed_addresses
from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

from plan_kinds import why_not_judged
from stack_graph import Stack

PLANS = ROOT / "tests" / "fixtures" / "plans" / "kinds"
"""Plans of Terraform 1.11.4, of ``terraform_data`` resources; ``un…`` are before an apply."""


def load(name: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((PLANS / f"{name}.json").read_bytes())
    return plan


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("destroy", "removes all 2 resources", "plan without -destroy"),
        ("gone", "removes all 2 resources", "plan without -destroy"),
        ("unapplied", "has no resource, as with -destroy", "plan without these options"),
        ("unrefreshed", "has no resource, as with -destroy", "plan without these options"),
        ("forget_all", "forgets all 2 resources", "judge the stack that manages them"),
        ("refresh", "is refresh-only", "plan without -refresh-only"),
        ("empty", "is empty", "plan in the folder of the stack"),
        ("target", "is incomplete: Terraform left out", "plan without -target"),
    ],
)
def test_read_plan_names_the_kind(name: str, message: str, hint: str) -> None:
    with pytest.raises(ComplianceError) as caught:
        read_plan((PLANS / f"{name}.json").read_bytes(), "x.json")
    assert caught.value.message.startswith(f"x.json {message}")
    assert hint in str(caught.value.hint)
    assert why_not_judged(load(name)) == (
        f"the plan {caught.value.message.removeprefix('x.json ')}; {caught.value.hint}"
    )


@pytest.mark.parametrize("change", [{"errored": True}, {"deferred_changes": [{}]}])
def test_why_not_judged_refuses_half_a_plan(change: dict[str, Any]) -> None:
    sentence = why_not_judged(load("nochange") | change)
    with pytest.raises(ComplianceError) as caught:
        read_plan(json.dumps(load("nochange") | change).encode(), "x.json")
    assert sentence == (
        f"the plan {caught.value.message.removeprefix('x.json ')}; {caught.value.hint}"
    )


@pytest.mark.parametrize("name", ["nochange", "forget", "forget_module"])
def test_read_plan_accepts_plans_with_a_stack(name: str) -> None:
    plan = read_plan((PLANS / f"{name}.json").read_bytes(), name)
    assert absence_of_stack(plan) is None
    assert why_not_judged(plan) == ""


def test_stack_omits_forgotten_resources() -> None:
    assert [r.address for r in Stack(load("forget")).resources] == ["terraform_data.a"]


def test_read_plan_refuses_a_resource_without_values() -> None:
    plan = load("forget")
    plan["resource_changes"][1]["change"]["actions"] = ["update"]
    with pytest.raises(ComplianceError, match="but not in planned_values"):
        read_plan(json.dumps(plan).encode(), "x.json")


def test_managed_addresses_have_resources_without_known_values() -> None:
    plan = load("forget")
    assert managed_addresses(plan) == ("terraform_data.a",)
    (entry,) = [c for c in plan["resource_changes"] if c["address"] == "terraform_data.b"]
    entry["change"] |= {"actions": ["create"], "after": {}, "after_unknown": {"id": True}}
    # All its values are known only after an apply, so Terraform lists none.
    assert managed_addresses(plan) == ("terraform_data.a", "terraform_data.b")
