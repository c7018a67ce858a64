"""Whoever is a member of ``rds_iam`` logs in with tokens of IAM only: never the master user."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from finbase.sandbox.postgres.find import major_version
from tests.roles.stage import Stage, role, usual
from tests.rotation.stage import FunctionError

ROLES = {"app": role(iam_login=True), "migrator": role("owner", iam_login=True)}
EVERYBODY = (
    "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE NOT rolsuper AND "
    "pg_has_role(oid, 'rds_iam'::regrole, '{}') AND rolname <> 'rds_iam'"
)


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    return make_stage(roles=usual() | ROLES)


def users_of_iam(stage: Stage) -> str:
    mode = "MEMBER" if major_version() < 16 else "USAGE"
    return stage.query(EVERYBODY.format(mode))


def test_master_user_goes_on_logging_in(stage: Stage) -> None:
    """As on RDS, the server of the tests lets no member of rds_iam in with a password."""
    assert stage.apply()["drift"] == []
    assert users_of_iam(stage) == "app_iam,migrator_iam"
    stage.query("ALTER ROLE app_iam PASSWORD 'x'")
    iam = stage.current("app") | {"username": "app_iam", "password": "x"}
    assert "pg_hba.conf rejects" in stage.run_as(iam, "SELECT 1")[1]
    stage.as_master("SELECT 1")
    for name in ROLES:
        stage.rotate(name)
    answer = stage.apply()
    assert (answer["changed"], answer["drift"]) == ([], [])


def test_membership_of_an_older_release_is_taken_from_the_master_user(stage: Stage) -> None:
    stage.apply()
    options = "ADMIN OPTION" if major_version() < 16 else "INHERIT TRUE, SET TRUE"
    stage.as_master("REVOKE rds_iam FROM app_iam")
    stage.as_master(f"GRANT app_iam TO ledger_admin WITH {options}")
    assert "not revoked: role app_iam from the master user" in stage.drift()
    answer = stage.apply()
    assert {*answer["changed"]} == {
        "revoked role app_iam from the master user",
        "granted role rds_iam to app_iam",
    }
    assert answer["drift"] == []
    stage.as_master("SELECT 1")


def test_set_up_that_would_lock_the_master_user_out_is_rolled_back(stage: Stage) -> None:
    stage.apply()
    stage.as_master("REVOKE rds_iam FROM app_iam")
    stage.query(
        "CREATE ROLE ops; GRANT ops TO ledger_admin;"
        "GRANT app_iam TO ops; ALTER ROLE app_1 CONNECTION LIMIT 9"
    )
    says = (
        "cannot set up the role app: with that, the master user would be a member of rds_iam.* "
        "run REVOKE ops FROM ledger_admin, and apply again"
    )
    with pytest.raises(FunctionError, match=says):
        stage.apply()
    assert users_of_iam(stage) == "migrator_iam"
    assert {"not granted: role rds_iam to app_iam", "not set: connection limit 20 of app_1"} <= {
        *stage.drift()
    }
    stage.query("REVOKE ops FROM ledger_admin; DROP ROLE ops")
    assert stage.apply()["drift"] == []


@pytest.mark.parametrize("method", ["reject", "password"])
def test_grant_is_taken_back_if_the_server_refuses_the_master_user(
    stage: Stage, method: str
) -> None:
    """Whatever RDS counts as a membership: here, that the master user has made the group."""
    stage.roles["migrator"]["iam_login"] = False
    says = (
        "the master user could not log in after app_iam had become a member of rds_iam: .* That "
        "was taken back, so app_iam cannot log in"
    )
    with (
        stage.server.reconfigured(before=f"hostssl all +app all {method}\n"),
        pytest.raises(FunctionError, match=says),
    ):
        stage.apply()
    assert users_of_iam(stage) == ""
    stage.assert_silent()
    assert "not granted: role rds_iam to app_iam" in stage.drift()
    assert stage.apply()["drift"] == []


def test_master_user_that_needs_a_token_is_drift(stage: Stage) -> None:
    """Found while nothing on the server refuses it yet, such as before IAM is switched on."""
    stage.apply()
    stage.query("CREATE ROLE ops; GRANT rds_iam TO ops; GRANT ops TO ledger_admin")
    with stage.server.reconfigured(before="hostssl all ledger_admin all scram-sha-256\n"):
        (line, *_) = [line for line in stage.drift() if "token" in line]
    assert line == (
        "the master user is a member of rds_iam, so RDS wants a token of IAM from it and no "
        "password: to end that, run REVOKE ops FROM ledger_admin"
    )
    stage.query(line.split(", run ")[1])
    assert not [line for line in stage.drift() if "token" in line]


def test_login_is_removed_without_the_master_user_in_rds_iam(stage: Stage) -> None:
    stage.apply()
    stage.roles["app"]["iam_login"] = False
    (line,) = [line for line in stage.drift() if "app_iam is not declared" in line]
    assert line.split(", run ")[1].startswith("REVOKE rds_iam FROM app_iam; GRANT app_iam TO ")
    stage.as_master(line.split(", run ")[1])
    assert stage.drift() == []
