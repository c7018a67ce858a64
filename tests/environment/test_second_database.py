"""Further databases in an environment file: what is refused, where, and how they are wired."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from finbase.contract.registry import Registry
from finbase.environment.load import load, load_environments
from finbase.environment.model import Environment
from finbase.errors import InputError
from finbase.render.hcl import Hcl
from finbase.render.stack import blocks, exports
from tests.support.commands import finbase
from tests.support.sample import REGISTRY, SAMPLE, write

NEEDED = ("secret", "access", "monitoring")
OWN = {name: value for name, value in SAMPLE["modules"]["database"].items() if name != "version"}


def two(key: str = "reports", **instances: Any) -> dict[str, Any]:
    """Return the sample with a further database; None leaves an instance out."""
    values = copy.deepcopy(SAMPLE)
    given: dict[str, Any] = {"database": OWN, **{name: {} for name in NEEDED}, **instances}
    for name, inputs in given.items():
        if inputs is not None:
            values["modules"][name].setdefault("instances", {})[key] = copy.deepcopy(inputs)
    return values


def refused(project: Path, values: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the text of the line, the code and the message of each problem."""
    path = write(project, values)
    with pytest.raises(InputError) as caught:
        load(path, Registry(project), project)
    lines = path.read_text().splitlines()
    return [
        (
            lines[d.line - 1][d.column - 1 :].partition(":")[0].partition(",")[0].strip('"'),
            d.code,
            d.message,
        )
        for d in caught.value.diagnostics
    ]


def loaded(project: Path, values: dict[str, Any]) -> Environment:
    return load(write(project, values), REGISTRY, project)


def test_wires_stay_within_a_database(project: Path) -> None:
    roles = {"roles": SAMPLE["modules"]["roles"]["roles"]}
    environment = loaded(project, two(roles=roles))
    by_label = {block.label: block for block in blocks(environment)}
    for name in ("database", *NEEDED, "roles"):
        further = by_label[f"{name}_reports"].wiring
        assert further["name"] == Hcl('"${local.name}-reports"')
        for input_, reference in by_label[name].wiring.items():
            parts = str(reference).split(".")
            if input_ == "name":
                continue
            if isinstance(reference, dict):  # Of replicas and of the cache.
                assert input_ not in further
            elif parts[0] == "module" and parts[1] in ("database", *NEEDED, "roles"):
                assert str(further[input_]) == f"module.{parts[1]}_reports.{parts[2]}"
            else:
                assert further[input_] == reference
    outputs = dict(exports(environment))
    assert str(outputs["secret_reports_arn"]["value"]) == "module.secret_reports.arn"
    assert outputs["secret_reports_arn"]["description"].endswith(", for the database reports.")


def test_first_database_is_rendered_as_before(project: Path) -> None:
    before = list(blocks(loaded(project, SAMPLE)))
    after = [b for b in blocks(loaded(project, two())) if not b.label.endswith("_reports")]
    assert after == before


@pytest.mark.parametrize("name", NEEDED)
def test_each_database_needs_its_modules(name: str, project: Path) -> None:
    left_out: dict[str, Any] = {name: None}
    (problem,) = refused(project, two(**left_out))
    assert problem == ("reports", "FB247", f"the database `reports` has no instance of `{name}`")


def test_instance_of_no_database(project: Path) -> None:
    values = two()
    values["modules"]["access"]["instances"]["billing"] = {}
    (problem,) = refused(project, values)
    message = "`access` names the database `billing`, which does not exist"
    assert problem == ("billing", "FB247", message)


def test_roles_need_nothing_that_is_missing(project: Path) -> None:
    assert loaded(project, two()).module("roles")


@pytest.mark.parametrize(
    ("module", "keys"),
    [
        ("cache", {"instances": {"reports": {}}}),
        ("replica", {"instances": {"ledger": {"instance_class": "db.r7g.large", "primary": "x"}}}),
        ("replica", {"instances": {"ledger": {"instance_class": "db.r7g.large", "database": "x"}}}),
    ],
)
def test_replicas_and_the_cache_are_of_the_first_database(
    module: str, keys: dict[str, Any], project: Path
) -> None:
    values = two()
    values["modules"][module] |= keys
    with pytest.raises(InputError) as caught:
        load(write(project, values), Registry(project), project)
    (problem,) = caught.value.diagnostics
    assert problem.code == "FB130"
    assert "of the first database, and a further one cannot have" in str(problem.hint)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "reporting",
            "the database `reporting` and the replica `reporting` would both have the instance "
            "ledger-production-reporting",
        ),
        ("r" * 20, ""),
    ],
)
def test_names_that_a_database_cannot_have(key: str, message: str, project: Path) -> None:
    values = two(key)
    if not message:
        values["project"] = "p" * 8
        assert loaded(project, values)
        values["project"] = "p" * 9
        message = "has 41 characters; the modules allow 40"
    (problem,) = refused(project, values)
    assert problem[:2] == (key, "FB248")
    assert message in problem[2]


def test_values_of_a_further_database_are_checked(project: Path) -> None:
    database = {**OWN, "allocated_storage": 1, "engin_version": "17"}
    problems = refused(project, two(database=database))
    assert {(where, code) for where, code, _ in problems} == {
        ("1", "FB135"),
        ("engin_version", "FB130"),
    }
    (problem,) = refused(project, two(database={**OWN, "multi_az": False}))
    assert problem[1] == "FB252"
    (problem,) = refused(project, two(secret={"keep_logs": False}))
    assert problem[1] == "FB256"


def test_thresholds_are_those_of_the_same_database(project: Path) -> None:
    small = {**OWN, "instance_class": "db.t4g.small"}
    (problem,) = refused(project, two(database=small))
    assert problem[:2] == ("reports", "FB281")
    fine = {"connections_threshold": 100}
    assert loaded(project, two(database=small, monitoring=fine))


def test_further_database_has_no_cache(project: Path) -> None:
    client = {"to": ["cache"], "description": "Batch", "reason": "Reads"}
    (problem,) = refused(project, two(access={"clients": {"batch": client}}))
    assert problem[1] == "FB214"
    assert "the database `reports`, which has no cache" in problem[2]


def test_database_is_not_restored_from_itself(project: Path) -> None:
    other = {**OWN, "restore_from": {"instance": "ledger-production"}}
    assert loaded(project, two(database=other))
    own = {**OWN, "restore_from": {"instance": "ledger-production-reports"}}
    (problem,) = refused(project, two(database=own))
    assert problem[1] == "FB234"


def test_names_of_another_environment(project: Path) -> None:
    write(project, two())
    write(project, {**SAMPLE, "environment": "production-reports"})
    names = ["production", "production-reports"]
    with pytest.raises(InputError) as caught:
        load_environments(project, REGISTRY, names)
    (problem,) = caught.value.diagnostics
    assert problem.code == "FB125"
    assert problem.message == "the name ledger-production-reports is one of production, too"


def test_replica_with_the_name_of_another_environment(project: Path) -> None:
    write(project, SAMPLE)
    write(project, {**SAMPLE, "environment": "production-reporting"})
    with pytest.raises(InputError) as caught:
        load_environments(project, REGISTRY, ["production", "production-reporting"])
    (problem,) = caught.value.diagnostics
    assert problem.code == "FB125"
    assert problem.message == "the instance ledger-production-reporting is one of production, too"


def test_roles_of_iam_have_one_name_in_all_regions(project: Path) -> None:
    write(project, two())
    other = json.dumps({**SAMPLE, "environment": "production-reports"})
    write(project, json.loads(other.replace("eu-west-1", "eu-central-1")))
    with pytest.raises(InputError) as caught:
        load_environments(project, REGISTRY, ["production", "production-reports"])
    (problem,) = caught.value.diagnostics
    assert problem.code == "FB125"
    assert problem.message.startswith("the role of IAM ledger-production-reports-")


def test_reset_the_password_of_a_further_database(project: Path) -> None:
    path = write(project, two())
    done = finbase(project, "reset-password", "production", "--database", "reports")
    assert done.exit_code == 0, done.output
    assert "password_generation of reports is 2, and was 1" in done.output
    environment = load(path, REGISTRY, project)
    generations = [
        use.value(i, "password_generation") for use, i in environment.instances("database")
    ]
    assert generations == [1, 2]
    again = finbase(project, "reset-password", "production", "--database", "reports")
    assert "is 3, and was 2" in again.output
    unknown = finbase(project, "reset-password", "production", "--database", "report")
    assert unknown.exit_code == 2
    assert "production has no database `report`" in unknown.output
    assert "its further databases: reports" in unknown.output
