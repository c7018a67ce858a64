"""The rotation by alternating users on a real PostgreSQL: nobody's login is ever refused."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from postgres import LoginError

from finbase.sandbox.rotation_steps import event
from tests.roles.stage import FIRST, Stage, role, usual
from tests.rotation.real_postgres import HOST
from tests.rotation.stage import FunctionError
from tests.support.rotations import check, rotate

REFUSED = "password authentication failed"


def log_in(stage: Stage, credentials: Mapping[str, Any]) -> None:
    with stage.connect(credentials) as connection:
        connection.execute("SELECT 1")


# Clients -------------------------------------------------------------------------------------

CACHED = 5  # minutes that a client keeps what it has read
BETWEEN = 6  # minutes from the start of one rotation to that of the next


@dataclass
class Client:
    """Reads the secret when its copy is too old, and logs in with its copy."""

    stage: Stage
    read_at: int
    copy: dict[str, Any] = field(default_factory=dict)

    def log_in(self, minute: int, cached: int = CACHED) -> None:
        if not self.copy or minute - self.read_at >= cached:
            self.copy, self.read_at = self.stage.current("app"), minute
        log_in(self.stage, self.copy)


@pytest.mark.parametrize(
    ("count", "every"),
    [(CACHED, CACHED), pytest.param(20, 1, marks=pytest.mark.soak)],
    ids=["sampled", "every minute"],
)
def test_clients_that_cache_see_no_refusal_in_ten_rotations(
    shared: Stage, count: int, every: int, record_property: Callable[[str, object], None]
) -> None:
    clients = [Client(shared, -(number % CACHED)) for number in range(count)]
    minute = logins = 0
    start = len(shared.server.log())

    def tick() -> None:
        nonlocal minute, logins
        minute += 1
        for number, client in enumerate(clients):
            if (minute + number) % every == 0:
                client.log_in(minute)
                logins += 1

    def invoke(order: Mapping[str, str]) -> None:
        shared.invoke(order)
        tick()

    seen = {shared.current("app")["password"]}
    for _ in range(10):
        began = minute
        rotate(shared.client, shared.secrets["app"], invoke)
        while minute < began + BETWEEN:
            tick()
        seen.add(shared.current("app")["password"])
    assert len(seen) == 11
    assert minute == 10 * BETWEEN
    assert logins == count * minute // every
    assert REFUSED not in shared.server.log()[start:]
    record_property("seen", f"{logins} logins")


def test_client_that_misses_two_rotations_is_refused(shared: Stage) -> None:
    """The limit of the scheme, and that a refusal would be seen."""
    client = Client(shared, 0)
    client.log_in(0)
    shared.rotate("app")
    client.log_in(1000, cached=10_000)
    shared.rotate("app")
    start = len(shared.server.log())
    with pytest.raises(LoginError):
        client.log_in(2000, cached=10_000)
    assert REFUSED in shared.server.log()[start:]


# Turns ---------------------------------------------------------------------------------------


def test_logins_take_turns_and_the_previous_one_keeps_working(shared: Stage) -> None:
    for _ in range(3):
        before = shared.current("app")
        shared.rotate("app")
        after = shared.current("app")
        assert {before["username"], after["username"]} == {"app_1", "app_2"}
        assert shared.current("app", "AWSPREVIOUS") == before
        log_in(shared, before)
        log_in(shared, after)
    shared.assert_silent()


def test_steps_can_be_repeated(shared: Stage) -> None:
    def twice(order: Mapping[str, str]) -> None:
        shared.invoke(order)
        shared.invoke(order)

    before = shared.current("app")
    rotate(shared.client, shared.secrets["app"], twice)
    log_in(shared, before)
    log_in(shared, shared.current("app"))


def test_abandoned_rotations_cost_nobody_a_login(shared: Stage) -> None:
    """Each is begun anew after setSecret: it is the same login's turn until one has ended."""
    before = shared.current("app")
    for _ in range(3):
        arn, token = shared.begin("app")
        shared.invoke(event("createSecret", arn, token))
        shared.invoke(event("setSecret", arn, token))
        shared.client.update_secret_version_stage(
            SecretId=arn, VersionStage="AWSPENDING", RemoveFromVersionId=token
        )
        log_in(shared, before)
    shared.rotate("app")
    assert shared.current("app")["username"] != before["username"]
    log_in(shared, before)
    log_in(shared, shared.current("app"))


def test_rotation_creates_what_is_missing(stage: Stage) -> None:
    """A rotation may come before the first set-up, and after somebody's DROP."""
    stage.rotate("app")
    log_in(stage, stage.current("app"))
    stage.query("REVOKE app FROM app_1; ALTER ROLE app_1 CONNECTION LIMIT 1")
    stage.query(f"DROP ROLE {stage.current('app')['username'].replace('2', '1')}")
    stage.rotate("app")
    log_in(stage, stage.current("app"))
    assert stage.current("app")["username"] == "app_1"
    stage.assert_silent()


def test_rotation_follows_a_moved_database(shared: Stage) -> None:
    """A role's secret takes host, port and name from the connection secret."""
    fields = shared.current("app") | {"host": "elsewhere.example", "note": "kept"}
    shared.rewrite("app", fields)
    shared.rotate("app")
    assert (shared.current("app")["host"], shared.current("app")["note"]) == (HOST, "kept")


def test_set_up_of_rotation_is_tested_with_the_master_user(stage: Stage) -> None:
    """The first version has a password that no database knows, so it cannot be what is tested."""
    check(stage.client, stage.secrets["app"], stage.invoke)
    stage.server.set_password(stage.master, "Other")
    with pytest.raises(FunctionError, match="the master user accepts the password of no version"):
        check(stage.client, stage.secrets["app"], stage.invoke)


def test_connections_that_are_never_renewed_stop_rotation(make_stage: Callable[..., Stage]) -> None:
    """A pool that has kept every connection of the login whose turn it is again."""
    stage = make_stage(roles=usual() | {"app": role(connection_limit=1)})
    stage.apply()
    stage.rotate("app")
    with stage.connect(stage.current("app")):
        stage.rotate("app")
        token = str(uuid.uuid4())
        says = "app_2 has too many connections for another login.* raise the connection_limit"
        with pytest.raises(FunctionError, match=says):
            stage.rotate("app", token)
    stage.rotate("app", token)
    log_in(stage, stage.current("app"))


# The master user's own rotation ---------------------------------------------------------------


@pytest.mark.parametrize("label", ["AWSPENDING", "AWSPREVIOUS"])
def test_works_while_the_master_user_is_rotated(stage: Stage, label: str) -> None:
    other = "AnotherPasswordOfTheMasterUser"
    stage.server.set_password(stage.master, other)
    if label == "AWSPENDING":
        stage.client.put_secret_value(
            SecretId=stage.connection,
            SecretString=stage.text(stage.master, other),
            VersionStages=["AWSPENDING"],
        )
    else:
        for password in (other, FIRST):
            stage.client.put_secret_value(
                SecretId=stage.connection, SecretString=stage.text(stage.master, password)
            )
    assert stage.apply()["drift"] == []
    stage.assert_silent()


def test_other_database_in_pending_version_is_not_followed(stage: Stage) -> None:
    """Whoever may write a version cannot lead the master user's login elsewhere."""
    stage.server.set_password(stage.master, "Other")
    stage.client.put_secret_value(
        SecretId=stage.connection,
        SecretString=stage.text(stage.master, "Other", host="elsewhere.example"),
        VersionStages=["AWSPENDING"],
    )
    with pytest.raises(FunctionError, match="accepts the password of no version"):
        stage.apply()
    stage.assert_silent()


# What is refused -----------------------------------------------------------------------------


def test_new_version_must_be_of_the_other_login(shared: Stage) -> None:
    """Whoever may write a version cannot have the master user's password set by it."""
    (turn,) = {"app_1", "app_2"} - {shared.current("app")["username"]}
    for changes, says in (
        ({"username": turn, "host": "elsewhere.example"}, "is of another host, port or database"),
        ({"username": turn, "dbname": "postgres"}, "is of another host, port or database"),
        ({"username": "ledger_admin"}, "is not of the role's other login"),
        ({"username": "reader_1"}, "is not of the role's other login"),
    ):
        arn, token = shared.begin("app")
        fields = shared.current("app") | {"password": "Written"} | changes
        shared.client.put_secret_value(
            SecretId=arn,
            ClientRequestToken=token,
            SecretString=json.dumps(fields),
            VersionStages=["AWSPENDING"],
        )
        with pytest.raises(FunctionError, match=f"{says}: it was given up, so rotate again"):
            shared.invoke(event("createSecret", arn, token))
        with pytest.raises(FunctionError, match="has no version with the token"):
            shared.invoke(event("setSecret", arn, token))
    shared.rotate("app")
    log_in(shared, json.loads(shared.text(shared.master, FIRST)))
    shared.assert_silent()


# IAM -----------------------------------------------------------------------------------------


def test_iam_login_has_no_password(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(roles=usual() | {"app": role(iam_login=True)})
    assert stage.apply()["drift"] == []
    assert (
        stage.query(
            "SELECT string_agg(g.rolname, ',' ORDER BY g.rolname) FROM pg_auth_members a "
            "JOIN pg_roles g ON g.oid = roleid JOIN pg_roles m ON m.oid = member "
            "WHERE m.rolname = 'app_iam'"
        )
        == "app,rds_iam"
    )
    assert (
        stage.query(
            "SELECT rolcanlogin, rolpassword IS NULL, rolconnlimit FROM pg_authid "
            "WHERE rolname = 'app_iam'"
        )
        == "t|t|20"
    )
    assert stage.drift() == []
    stage.roles["app"]["iam_login"] = False
    member, line = sorted(stage.drift())
    assert member == "role app_iam is a member of app"
    assert line.startswith("role app_iam is not declared any more: to remove it, run ")
    stage.query(line.split(", run ")[1])
    assert stage.drift() == []


def test_iam_login_where_rds_has_no_such_role(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(roles=usual() | {"app": role(iam_login=True)})
    stage.query("ALTER ROLE rds_iam RENAME TO rds_other")
    try:
        with pytest.raises(FunctionError, match="cannot set up the role app: SQLSTATE 42704"):
            stage.apply()
    finally:
        stage.query("ALTER ROLE rds_other RENAME TO rds_iam")
    assert stage.apply()["drift"] == []


# Metrics -------------------------------------------------------------------------------------


def test_metrics_are_lines_of_the_log(shared: Stage) -> None:
    shared.query("ALTER ROLE app_1 CREATEDB")
    shared.runtime.log = ""
    shared.drift()
    shared.query("ALTER ROLE app_1 NOCREATEDB")
    metrics = [json.loads(line) for line in shared.runtime.log.splitlines() if '"_aws"' in line]
    assert [
        {key: value for key, value in metric.items() if key != "_aws"} for metric in metrics
    ] == [
        {"DatabaseDrift": 1.0},
        *({"Role": name, "DaysSinceRotation": 0.0} for name in shared.roles),
    ]
    for metric in metrics:
        (directive,) = metric["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "finbase/ledger-production"
        assert [each["Name"] for each in directive["Metrics"]] == [
            next(key for key in metric if key not in ("_aws", "Role"))
        ]
        assert directive["Dimensions"] == [[key for key in metric if key == "Role"]]
        assert abs(metric["_aws"]["Timestamp"] / 1000 - time.time()) < 60
