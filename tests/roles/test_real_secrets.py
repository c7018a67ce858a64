"""A secret that does not open the database is drift, and an apply makes it work again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from finbase.sandbox.rotation_steps import event
from tests.roles.stage import DATABASE, FIRST, Stage
from tests.rotation.stage import FunctionError

SETS = "set the password of {} to that of its secret"
OTHER = "has another password; apply or rotate sets it"


def logs_in(stage: Stage, role: str) -> bool:
    return stage.run_as(stage.current(role), "SELECT 1")[0]


def refused(login: str, why: str) -> str:
    return f"the login of the secret of app is refused: {login} {why}"


def test_dropped_login_gets_the_password_of_its_secret(shared: Stage) -> None:
    before = shared.current("app")
    login = before["username"]
    shared.query(f"DROP ROLE {login}")
    assert refused(login, "does not exist; apply or rotate creates it") in shared.drift()
    answer = shared.apply()
    assert SETS.format(login) in answer["changed"]
    assert answer["drift"] == []
    assert shared.current("app") == before
    assert logs_in(shared, "app")
    assert shared.apply()["changed"] == []
    shared.assert_silent(str(answer))


def test_new_instance_gets_the_passwords_of_all_secrets(rotated: Stage) -> None:
    """The secrets live on where an instance is lost or replaced."""
    names = [name for role in rotated.roles for name in (role, f"{role}_1", f"{role}_2")]
    rotated.query(
        "".join(f"REASSIGN OWNED BY {n} TO ledger_admin; DROP OWNED BY {n};" for n in names)
        + f"DROP ROLE {', '.join(names)}; ALTER SCHEMA app OWNER TO ledger_admin"
    )
    rotated.apply()
    assert [role for role in rotated.roles if not logs_in(rotated, role)] == []


def test_password_that_a_role_has_set_itself(shared: Stage) -> None:
    login = shared.current("app")["username"]
    for password in ("'Mine-12345'", "NULL"):
        shared.as_role("app", f"ALTER ROLE CURRENT_USER PASSWORD {password}")
        assert shared.drift() == [refused(login, OTHER)]
        answer = shared.apply()
        assert (answer["changed"], answer["drift"]) == ([SETS.format(login)], [])
        assert logs_in(shared, "app")


def test_password_of_a_thief_ends_with_the_next_rotation(shared: Stage) -> None:
    """Not with the one after it, in which its login would have its turn."""
    now = shared.current("app")
    shared.as_role("app", "ALTER ROLE CURRENT_USER PASSWORD 'Mine-12345'")
    assert shared.run_as(now | {"password": "Mine-12345"}, "SELECT 1")[0]
    shared.rotate("app")
    assert not shared.run_as(now | {"password": "Mine-12345"}, "SELECT 1")[0]
    assert shared.run_as(now, "SELECT 1")[0]  # Who has cached the secret.
    assert logs_in(shared, "app")


def test_secret_that_somebody_has_overwritten(shared: Stage) -> None:
    before = shared.current("app")
    fields = before | {"host": "elsewhere.example", "password": "Written", "note": 1}
    shared.rewrite("app", fields)
    assert shared.drift() == ["the secret of app names another host, port or database: apply again"]
    assert shared.apply()["drift"] == []
    assert shared.current("app")["note"] == 1
    assert logs_in(shared, "app")
    fields = shared.current("app") | {"username": "reader_1"}
    shared.rewrite("app", fields)
    says = "the secret of app names neither app_1 nor app_2: correct its username"
    assert (shared.drift(), shared.apply()["drift"]) == ([says], [says])
    fields["username"] = before["username"]
    shared.rewrite("app", fields)


@pytest.mark.parametrize(
    ("sql", "back", "advice"),
    [
        ("NOLOGIN", "LOGIN", "is NOLOGIN; to end that, run ALTER ROLE {} LOGIN"),
        (
            "VALID UNTIL '2020-01-01'",
            "VALID UNTIL 'infinity'",
            "has an expired password; to end that, run ALTER ROLE {} VALID UNTIL 'infinity'",
        ),
        (
            "CONNECTION LIMIT 0",
            "CONNECTION LIMIT 20",
            "has a connection limit of 0; apply sets the declared one",
        ),
    ],
    ids=["NOLOGIN", "expired", "limit"],
)
def test_what_contains_an_incident_stays(shared: Stage, sql: str, back: str, advice: str) -> None:
    login = shared.current("app")["username"]
    (turn,) = {"app_1", "app_2"} - {login}
    shared.query(f"ALTER ROLE app_1 {sql}; ALTER ROLE app_2 {sql}")
    if sql != "CONNECTION LIMIT 0":  # An application that uses all its connections does log in.
        assert refused(login, advice.format(login)) in shared.drift()
    token = str(uuid.uuid4())
    with pytest.raises(FunctionError, match=f"{turn} {advice.format(turn)}"):
        shared.rotate("app", token)
    assert not logs_in(shared, "app")
    if sql == "NOLOGIN":
        shared.apply()
        assert not logs_in(shared, "app")
    shared.query(f"ALTER ROLE app_1 {back}; ALTER ROLE app_2 {back}")
    shared.rotate("app", token)
    assert logs_in(shared, "app")


def test_rotation_grants_nothing_that_was_revoked(shared: Stage) -> None:
    shared.rotate("migrator")
    shared.as_role("migrator", "CREATE TABLE payments (id int)")
    shared.query("REVOKE INSERT, UPDATE, DELETE ON app.payments FROM app")
    lacks = "not granted: SELECT, INSERT, UPDATE, DELETE on tables in schema app to app"
    shared.rotate("app")
    assert shared.drift() == [lacks]
    assert "permission denied" in shared.refused("app", "INSERT INTO payments VALUES (1)")
    assert shared.apply()["drift"] == []
    shared.as_role("migrator", "DROP TABLE payments")


# Where the database is ------------------------------------------------------------------------


@contextmanager
def moved(stage: Stage) -> Iterator[str]:
    """Let the connection secret name another database, as an emergency reset does."""
    stage.server.query("CREATE DATABASE ledger2 OWNER ledger_admin")
    stage.client.put_secret_value(
        SecretId=stage.connection, SecretString=stage.text(stage.master, FIRST, dbname="ledger2")
    )
    try:
        yield "ledger2"
    finally:
        stage.server.query("DROP DATABASE ledger2 WITH (FORCE)")


def test_moved_database_comes_to_the_secrets(rotated: Stage) -> None:
    before = rotated.current("app")
    with moved(rotated) as name:
        answer = rotated.apply()
        assert "set host, port and database of the secret of app" in answer["changed"]
        # The old database is still there, and has what it had.
        assert {line.split(" ")[-1] for line in answer["drift"]} == {DATABASE}
        assert rotated.current("app") == before | {"dbname": name}
        assert all(logs_in(rotated, role) for role in rotated.roles)
        assert rotated.apply()["changed"] == []


@pytest.mark.parametrize("first", ["apply", "rotate"])
def test_rotation_from_before_the_move_ends(ready: Stage, first: str) -> None:
    arn, token = ready.begin("app")
    ready.invoke(event("createSecret", arn, token))
    with moved(ready) as name:
        if first == "apply":
            says = "gave up the unfinished rotation of app: it was of another database"
            assert says in ready.apply()["changed"]
        else:
            says = "is of another host, port or database: it was given up, so rotate again"
            with pytest.raises(FunctionError, match=says):
                ready.rotate("app", token)
            ready.apply()
        ready.rotate("app")
        assert ready.current("app")["dbname"] == name != DATABASE
        assert logs_in(ready, "app")
