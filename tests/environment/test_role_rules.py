"""Rules about roles: the nearest values on both sides, and values that other rules report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finbase.aws.schedules import longest_gap, weekly_windows
from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.environment.model import Environment
from finbase.environment.rules.index import breaches
from finbase.errors import InputError
from tests.support.commands import ROOT
from tests.support.sample import changed, write

REGISTRY = Registry(ROOT)
ACCOUNT = "111122223333"


def said(tmp_path: Path, **change: Any) -> list[tuple[str, str]]:
    """Code and message of each error or note about a change of the sample."""
    path = write(tmp_path, changed({k.replace("__", "."): v for k, v in change.items()}))
    try:
        environment = load(path, REGISTRY, tmp_path)
    except InputError as error:
        return [(d.code, d.message) for d in error.diagnostics]
    return [(d.code, d.message) for d in breaches(environment)]


def codes(tmp_path: Path, **change: Any) -> set[str]:
    about = ("FB27", "FB280", "FB314")
    return {code for code, _ in said(tmp_path, **change) if code.startswith(about)}


def role(kind: str = "owner", *schemas: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "schemas": list(schemas or ["app"]), **more}


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("table", True),
        ("tables", False),
        ("pg_app", True),
        ("pgapp", False),
        ("rdsadmin", True),
        ("app_1", True),
        ("app_3", False),
        ("app_iam", True),
        ("public", True),
        ("ledger_owner", True),
        ("ledger_owners", False),
    ],
)
def test_name_of_role(name: str, refused: bool, tmp_path: Path) -> None:
    assert codes(tmp_path, roles__roles={name: role()}) == ({"FB271"} if refused else set())


def test_login_with_the_name_of_the_master(tmp_path: Path) -> None:
    found = said(tmp_path, database__username="app_2", roles__roles={"app": role()})
    assert ("FB271", "the role `app` and the master user app_2 would have one name") in found


@pytest.mark.parametrize(
    ("schema", "refused"),
    [("public", False), ("pg_temp", True), ("information_schema", True), ("user", True)],
)
def test_name_of_schema(schema: str, refused: bool, tmp_path: Path) -> None:
    found = codes(tmp_path, roles__roles={"app": role("owner", schema)})
    assert found == ({"FB271"} if refused else set())


def test_owners_of_a_schema(tmp_path: Path) -> None:
    both = {"a": role("owner", "x", "y"), "b": role("owner", "y"), "c": role("read-only", "z")}
    found = [message for code, message in said(tmp_path, roles__roles=both) if code == "FB272"]
    assert found == ["the schema `y` has two owners: a and b", "the schema `z` has no owner"]


def test_readers_of_another_account(tmp_path: Path) -> None:
    arns = [f"arn:aws:iam::{account}:role/a" for account in (ACCOUNT, "999999999999")]
    found = said(tmp_path, roles__roles={"app": role(readers=arns)}, secret__readers=arns)
    message = f"{arns[1]} is not of the account {ACCOUNT}"
    assert [line for line in found if line[0] == "FB273"] == [("FB273", message)] * 2


@pytest.mark.parametrize(
    ("schedule", "hours", "region", "refused"),
    [
        ("cron(0 4 ? * MON *)", 2, "eu-west-1", False),
        ("cron(0 4 ? * MON *)", 3, "eu-west-1", True),
        ("cron(0 12 ? * SAT *)", 2, "eu-west-1", False),
        ("cron(0 18 ? * FRI *)", 2, "eu-west-1", False),
        ("cron(0 17 ? * FRI *)", 2, "eu-west-1", True),
        # By the day of the month, any weekday can come.
        ("cron(0 12 1 * ? *)", 1, "eu-west-1", True),
        ("cron(0 12 ? * SUN,TUE *)", 1, "eu-west-1", True),
        # A rate in days starts at midnight in UTC, which is the morning of Singapore.
        ("rate(30 days)", 2, "eu-west-1", False),
        ("rate(30 days)", 2, "ap-southeast-1", True),
        # Monday in Sydney starts on Sunday evening in UTC.
        ("cron(0 22 ? * SUN *)", 1, "ap-southeast-2", True),
        ("cron(0 22 ? * SAT *)", 1, "ap-southeast-2", False),
    ],
)
def test_rotation_during_business_hours(
    schedule: str, hours: int, region: str, refused: bool, tmp_path: Path
) -> None:
    sample = changed({"region": region})
    sample["modules"]["roles"] |= {
        "rotation_schedule": schedule,
        "rotation_window_hours": hours,
        "rotation_overdue_days": 40,
    }
    sample["modules"]["cache"]["daily_snapshot_time"] = "14:00"
    sample["modules"]["database"] |= {
        "backup_window": "19:00-20:00",
        "maintenance_window": "sat:19:00-sat:19:30",
    }
    path = write(tmp_path, sample)
    try:
        load(path, REGISTRY, tmp_path)
        found = set()
    except InputError as error:
        found = {diagnostic.code for diagnostic in error.diagnostics}
    assert ("FB274" in found) == refused


@pytest.mark.parametrize(
    ("schedule", "overdue", "expected"),
    [
        ("rate(90 days)", 91, set()),
        ("rate(90 days)", 90, {"FB276"}),
        ("rate(91 days)", 95, {"FB275"}),
        ("cron(0 2 ? * SUN *)", 8, set()),
        ("cron(0 2 ? * SUN *)", 7, {"FB276"}),
        ("cron(0 2 1 1,4,7,10 ? *)", 95, {"FB275"}),  # 92 days from July to October
        ("cron(0 2 31 2 ? *)", 95, {"FB275"}),
        ("cron(0 2 * * * *)", 95, {"FB275"}),  # AWS requires one question mark.
    ],
)
def test_rotation_often_enough(
    schedule: str, overdue: int, expected: set[str], tmp_path: Path
) -> None:
    change = {"roles__rotation_schedule": schedule, "roles__rotation_overdue_days": overdue}
    assert codes(tmp_path, **change) == expected


@pytest.mark.parametrize(
    ("schedule", "hours", "refused"),
    [
        ("cron(0 22 ? * SUN *)", 2, False),
        ("cron(0 23 ? * SUN *)", 2, True),
        ("cron(0 23 ? * SUN *)", 1, False),
        ("cron(0 0 ? * SUN *)", 24, False),
        ("cron(0 2 ? * SUN *)", 22, False),
        ("cron(0 2 ? * SUN *)", 23, True),
        ("rate(7 days)", 5, False),
        # Quartz, whose expressions these are, refuses a step or a number beyond its field.
        ("cron(0 2 1/31 * ? *)", 2, False),
        ("cron(0 2 1/40 * ? *)", 2, True),
        ("cron(0 2 1,32 * ? *)", 2, True),
        ("cron(0 2 1,5-3 * ? *)", 2, True),
        ("cron(0 2 1 JAN-DEC/2 ? *)", 2, False),
        ("cron(0 2 ? * SUN,8 *)", 2, True),
        ("cron(0 2 ? 1,13 SUN *)", 2, True),
    ],
)
def test_rotation_that_aws_refuses(
    schedule: str, hours: int, refused: bool, tmp_path: Path
) -> None:
    change = {"roles__rotation_schedule": schedule, "roles__rotation_window_hours": hours}
    found = codes(tmp_path, roles__rotation_overdue_days=90, **change) - {"FB274"}
    assert found - {"FB275"} == ({"FB280"} if refused else set())


def test_window_that_ends_on_the_next_day_is_said(tmp_path: Path) -> None:
    found = said(tmp_path, roles__rotation_schedule="cron(0 23 ? * SUN *)")
    assert ("FB280", "a window of 2 hours from 23:00 UTC ends on the next day") in found


def test_reader_that_moves_in_another_database_is_refused(tmp_path: Path) -> None:
    """`moving_readers` excuses readers of the connection secret of its own database only."""
    arn, plan = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("app", "plan"))
    for moving, refused in (([], True), ([arn], False)):
        sample = changed(
            {
                "secret.readers": [arn, plan],
                "roles.moving_readers": moving,
                "roles.roles": {"app": role(readers=[arn])},
            }
        )
        modules = sample["modules"]
        for part in ("database", "secret", "access", "monitoring", "roles"):
            modules[part]["instances"] = {"reports": {}}
        modules["roles"]["instances"]["reports"] = {"moving_readers": [] if moving else [arn]}
        modules["secret"]["instances"]["reports"] = {"readers": [plan] if moving else [arn]}
        try:
            load(write(tmp_path, sample), REGISTRY, tmp_path)
            found = []
        except InputError as error:
            found = [d for d in error.diagnostics if d.code == "FB277"]
        assert bool(found) == refused, [str(d) for d in found]


def test_never_runs_is_said(tmp_path: Path) -> None:
    found = said(tmp_path, roles__rotation_schedule="cron(0 2 31 2 ? *)")
    assert ("FB275", "cron(0 2 31 2 ? *) never runs; a password may be 90 days old") in found


@pytest.mark.parametrize(
    ("class_", "limit", "noted"),
    [
        ("db.m7g.large", 449, False),
        ("db.m7g.large", 451, True),
        ("db.r7g.large", 451, False),
        ("db.r7g.16xlarge", 2500, True),  # Beside another role: RDS allows 5000 in all.
        ("db.t4g.medium", 224, False),
        ("db.t4g.medium", 225, True),
        ("db.z1d.large", 5000, False),  # finbase does not know its memory.
    ],
)
def test_connections_of_roles(class_: str, limit: int, noted: bool, tmp_path: Path) -> None:
    roles = {"app": role(connection_limit=limit), "b": role("read-only", connection_limit=1)}
    change = {"database__instance_class": class_, "roles__roles": roles}
    path = write(tmp_path, changed({k.replace("__", "."): v for k, v in change.items()}))
    environment: Environment = load(path, REGISTRY, tmp_path)
    assert ("FB314" in {d.code for d in breaches(environment)}) == noted


def test_connections_by_parameter(tmp_path: Path) -> None:
    roles = {"app": role(connection_limit=5000)}
    change = {"roles.roles": roles, "database.parameters": {"max_connections": "10000"}}
    environment = load(write(tmp_path, changed(change)), REGISTRY, tmp_path)
    assert "FB314" not in {d.code for d in breaches(environment)}


def test_role_without_readers(tmp_path: Path) -> None:
    roles = {
        "a": role(readers=[f"arn:aws:iam::{ACCOUNT}:role/a"]),
        "b": role("read-only", iam_login=True),
        "c": role("read-only"),
    }
    found = said(tmp_path, roles__roles=roles)
    assert [line for line in found if line[0] == "FB315"] == [
        ("FB315", "nobody may read the secret of the role `c`")
    ]


@pytest.mark.parametrize(
    "wrong", [{"app": None}, {"app": {"kind": 1, "schemas": [1]}}, {"app": []}, [], "app", None]
)
def test_values_of_another_type(wrong: object, tmp_path: Path) -> None:
    found = said(tmp_path, roles__roles=wrong)
    assert found
    assert not [code for code, _ in found if code.startswith("FB27")]


def test_schedules_that_are_none() -> None:
    for text in ("rate(4 hours)", "cron(30 2 ? * SUN *)", "weekly", "cron(0 2 ? * SUN 2027)"):
        assert longest_gap(text) is None
        assert weekly_windows(text, 2) == ()
    assert longest_gap("cron(0 2 ? * SUN#1 *)") is None
