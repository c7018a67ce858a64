"""What the campaigns found on their way, judged once more; and the harness itself."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from finbase.environment import load as environment
from finbase.errors import Diagnostic, InputError
from finbase.judge import compliance
from finbase.terraform.workspace import Workspace
from tests.fuzz import fuzz_yaml
from tests.fuzz.fast_judge import FEATURES, ROOT, Judge
from tests.fuzz.fuzz_literals import drawn, same, wrong
from tests.fuzz.fuzz_plans import Campaign, WrongError
from tests.fuzz.fuzz_yaml import examine
from tests.fuzz.mutilation import WAYS, mutilated, places

CORPUS = Path(__file__).parent / "corpus"
CASES = [json.loads(line) for line in (CORPUS / "yaml.jsonl").read_text().splitlines()]

CALLS = ("configuration", "root_module", "module_calls")
FOUND = [
    ((*CALLS, "secret", "expressions", "database_port"), "wrapped"),
    ((*CALLS, "secret", "expressions", "account_id"), "wrapped"),
    ((*CALLS, "access", "expressions", "cache_security_group_ids"), "wrapped"),
    ((*CALLS, "network", "expressions", "zones"), "wrapped"),
]
"""Places that made a step crash, which is a failed scenario without a reason."""


def test_corpus_exists() -> None:
    assert len(CASES) > 50
    assert len({text for _, text in CASES}) == len(CASES)


def test_corpus_texts_have_same_answer() -> None:
    """Each had a set of codes that no other has; bytes are written as Latin-1.

    What is wrong with the text does not change with the contracts, as all else may.
    """
    for outcome, text in CASES:
        now = examine(text.encode("latin-1"))
        assert of_the_text(now) == of_the_text(outcome), text
        assert (now == "fine") is (outcome == "fine"), text


def of_the_text(outcome: str) -> set[str]:
    return {code for code in outcome.split() if "FB101" <= code <= "FB115"}


@pytest.mark.parametrize(
    "diagnostics",
    [
        [],
        [Diagnostic("x", 3, 1, "FB105", "below the last line")],
        [Diagnostic("x", 0, 1, "FB105", "above the first line")],
        [Diagnostic("x", 2, 5, "FB105", "behind the end of its line")],
        [Diagnostic("x", 1, 1, "FB105", "an escape \x1b[31m")],
        [Diagnostic("x", 1, 1, "FB105", "fine", "a hint\nof two lines")],
        [Diagnostic("x", 1, 1, "FB105", "endless " * 100)],
        [Diagnostic("x", 1, 1, "FB105", "one of many")] * 200,
    ],
)
def test_examination_can_fail(
    diagnostics: list[Diagnostic], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise InputError(diagnostics)

    monkeypatch.setattr(environment, "read", read)
    with pytest.raises(fuzz_yaml.WrongError):
        examine(b"a: 1\nb:\n"[:-1])


def test_literal_comparison_can_fail() -> None:
    assert same({"e\u0301": [1e300, True, None]}, {"é": [10**300, True, None]})
    for value, back in [(True, 1), (0, False), (None, "None"), ("a", "b"), ([1], [1, 2]), (1, 1.5)]:
        assert not same(value, back)


@pytest.mark.terraform
def test_random_literals_are_read_back() -> None:
    values = drawn(0, count=150)
    assert len(values) > 100
    assert wrong(values) == []


@pytest.mark.terraform
def test_damaged_plan_never_passes(workspace: Workspace) -> None:
    """One failure of a value and one of a reference, each spoilt in a hundred places."""
    good = workspace.plan(ROOT / "environments" / "development", project=ROOT)
    old_storage = good.replace(b'"storage_type":"gp3"', b'"storage_type":"gp2"')
    other_key = good.replace(b'"aws_kms_key.cache"', b'"aws_kms_key.secret"')
    plans = {"F04b": old_storage, "F07b": other_key}
    campaign = Campaign(plans)
    for name, data in plans.items():
        verdict = compliance.run(data, FEATURES)
        assert campaign.failed[name] == {scenario.location for scenario in verdict.failed}, name
    choice = random.Random(0)
    for name in plans:
        for place in choice.sample(campaign.places[name], 100):
            way = choice.choice([*WAYS])
            campaign.counts[campaign.spoilt(name, place, way)] += 1
    assert min(campaign.counts[each] for each in ("refused", "failed")) > 20
    for place, way in FOUND:
        assert campaign.spoilt("F04b", place, way) == "refused"
    judged_as_a_whole(campaign)
    campaign.failed["F04b"] |= campaign.failed["F07b"]
    with pytest.raises(WrongError, match=r"without \('timestamp',\) \(gone\) passes"):
        campaign.spoilt("F04b", ("timestamp",), "gone")


def judged_as_a_whole(campaign: Campaign) -> None:
    """What is unknown from end to end may hold any host: it fails, and says so."""
    plan, secret = campaign.plans["F04b"], "module.secret.terraform_data.connection"
    (change,) = (each for each in plan["resource_changes"] if each["address"] == secret)
    before = campaign.judge.failed(plan)
    change["change"]["after_unknown"]["input"] = True
    assert campaign.judge.failed(plan) - before


def test_damage_is_undone() -> None:
    plan = {"a": [{"b": 1}, 2], "c": "x"}
    before = json.dumps(plan)
    for way in WAYS:
        for place in list(places(plan)):
            with mutilated(plan, place, way):
                assert way == "empty" or json.dumps(plan) != before
            assert json.dumps(plan) == before


def test_fast_judge_has_every_scenario() -> None:
    outlines = sum(path.read_text().count("Scenario") for path in FEATURES.glob("*.feature"))
    assert len(Judge().places) >= outlines
