"""What only the account shows may stay open: of a network that exists already, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from finbase.judge.verdict import NOT_SHOWN, Verdict
from finbase.report import verdict_json
from tests.support.commands import finbase
from tests.support.evidence import verdict
from tests.support.sample import EXISTING_NETWORK

HIDDEN = ("F01", "F10", "B02")
VERSION = EXISTING_NETWORK["version"]
LEFT = "development: F01, F10, B02 left to the account"


def not_shown(*ids: str, name: str = "development") -> Verdict:
    """A verdict that fails only because the plan does not show what these controls judge."""
    return verdict(name, ids, f"{NOT_SHOWN}eu-west-1a: the routes of subnet-1")


def merged(project: Path, *verdicts: Verdict, flag: bool = True) -> tuple[int, str]:
    """The exit code and the output of a merge of the verdicts."""
    file = project.parent / "verdict.json"
    file.write_bytes(verdict_json.render(verdicts))
    done = finbase(project, "report", "merge", str(file), *["--allow-not-shown"] * flag)
    return done.exit_code, done.output


@pytest.fixture
def landing(project: Path) -> Path:
    """A project whose development uses a network that exists already."""
    file = project / "environments" / "development.yaml"
    content = yaml.safe_load(file.read_text())
    del content["modules"]["network"]
    content["modules"]["existing_network"] = {**EXISTING_NETWORK, "cidr": "10.40.0.0/20"}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return project


def test_what_the_account_shows_may_stay_open(landing: Path) -> None:
    code, said = merged(landing, verdict("staging"), not_shown(*HIDDEN))
    assert code == 0, said
    assert said.count("NOT SHOWN  ") == len(HIDDEN)
    assert "3 not shown by this plan" in " ".join(said.split())
    assert f"{LEFT}: `finbase apply` and `finbase drift` judge" in " ".join(said.split())
    assert said.endswith("1 of 2 environments pass; not shown without the account: development\n")
    assert merged(landing, not_shown("B02"))[0] == 0
    code, said = merged(landing, verdict("staging"), not_shown(*HIDDEN), flag=False)
    assert code == 1
    assert "failing: development" in said
    assert LEFT not in said


def with_another_id(found: Verdict) -> Verdict:
    first, *rest = found.scenarios
    return replace(found, scenarios=(replace(first, failure_ids=("F01", "F03")), *rest))


def with_a_finding(found: Verdict) -> Verdict:
    first, *rest = found.scenarios
    more = f"{first.evidence}\neu-west-1b: no NAT gateway"
    return replace(found, scenarios=(replace(first, evidence=more), *rest))


def with_a_feature(found: Verdict) -> Verdict:
    own = replace(found.scenarios[0], failure_ids=(), tags=())
    return replace(found, scenarios=(*found.scenarios, own))


@pytest.mark.parametrize(
    "found",
    [
        not_shown(*HIDDEN, "F03"),
        not_shown("B03"),
        not_shown(*HIDDEN, name="staging"),
        not_shown(*HIDDEN, name="unknown"),
        verdict("development", ("F01",), "eu-west-1a: no NAT gateway"),
        with_another_id(not_shown(*HIDDEN)),
        with_a_finding(not_shown(*HIDDEN)),
        with_a_feature(not_shown(*HIDDEN)),
        replace(not_shown(*HIDDEN), scenarios=not_shown(*HIDDEN).scenarios[:-1]),
    ],
    ids=lambda found: "-".join([found.environment, *(s.location[-12:] for s in found.failed)]),
)
def test_nothing_else_may_stay_open(found: Verdict, landing: Path) -> None:
    code, said = merged(landing, found)
    assert code == 1, said
    assert f"failing: {found.environment}" in said


def edited(project: Path) -> None:
    with (project / "modules" / "existing_network" / VERSION / "main.tf").open("a") as file:
        file.write("# Also reads nothing of the second zone.\n")


def locked(project: Path) -> None:
    edited(project)
    lock = project / "modules" / "releases.lock"
    lines = lock.read_text().splitlines()
    (number,) = (
        n for n, line in enumerate(lines) if line.startswith(f"existing_network {VERSION}")
    )
    lines[number] = f"existing_network {VERSION} h1:{'A' * 43}="
    lock.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("change", [edited, locked])
def test_another_module_of_this_name_may_not(change: Callable[[Path], None], landing: Path) -> None:
    change(landing)
    assert merged(landing, not_shown(*HIDDEN))[0] == 1


@pytest.mark.parametrize(
    "command",
    [
        ("check", "development"),
        ("evidence", "create", "development", "--unsigned", "--output", "bundle.zip"),
    ],
)
def test_plan_of_the_account_shows_everything(command: tuple[str, ...], project: Path) -> None:
    plan = project / "plan.json"
    plan.write_text("{}")
    done = finbase(project, *command, "--plan", str(plan), "--allow-not-shown")
    assert done.exit_code == 2
    assert "--plan and --allow-not-shown are mutually exclusive" in done.output
