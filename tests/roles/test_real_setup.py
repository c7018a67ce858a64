"""The set-up on a real PostgreSQL, whose master user has what RDS gives it."""

from __future__ import annotations

from collections.abc import Callable

from tests.roles.privileges import beyond_public
from tests.roles.stage import Stage, role, usual


def test_apply_sets_up_everything_once(stage: Stage) -> None:
    first = stage.apply()
    assert first["drift"] == []
    assert {"created extension pg_stat_statements", "created schema app"} <= {*first["changed"]}
    again = stage.apply()
    assert again == {**again, "changed": [], "drift": []}
    assert stage.drift() == []
    stage.assert_silent(str(first))


def test_check_of_empty_database_names_all_and_changes_nothing(stage: Stage) -> None:
    before = stage.server.query("SELECT count(*) FROM pg_roles"), stage.query("SELECT 1")
    drift = stage.drift()
    assert {"not created: role app_1", "not created: schema app"} <= {*drift}
    assert (stage.server.query("SELECT count(*) FROM pg_roles"), stage.query("SELECT 1")) == before
    assert stage.apply()["drift"] == []


def test_every_role_works_after_its_rotation(rotated: Stage) -> None:
    rotated.as_role("migrator", "CREATE TABLE payments (id serial PRIMARY KEY, amount int)")
    rotated.as_role("app", "INSERT INTO payments (amount) VALUES (7)")
    assert rotated.as_role("reader", "SELECT amount FROM payments") == "7"
    assert rotated.as_role("migrator", "SELECT current_user, session_user").split("|") == [
        "migrator",
        "migrator_2",
    ]
    # The other login can change what this one has made.
    rotated.rotate("migrator")
    assert rotated.current("migrator")["username"] == "migrator_1"
    rotated.as_role("migrator", "ALTER TABLE payments ADD COLUMN note text")
    assert rotated.drift() == []


OLDER = """
CREATE TABLE payments (id serial PRIMARY KEY, amount int);
CREATE FUNCTION root() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
"""


def test_apply_grants_what_was_there_before(make_stage: Callable[..., Stage]) -> None:
    """Objects that are older than a role, and functions that PUBLIC could execute by default."""
    stage = make_stage(roles={"migrator": role("owner")})
    stage.apply()
    stage.rotate("migrator")
    stage.as_role("migrator", OLDER)
    # As if the function had been made before the defaults were set.
    stage.query("UPDATE pg_proc SET proacl = NULL WHERE proname = 'root'")
    stage.roles |= usual()
    for name in ("app", "reader"):
        stage.add_secret(name)
    drift = stage.drift()
    assert "not revoked: EXECUTE on functions in schema app from PUBLIC" in drift
    assert stage.apply()["drift"] == []
    app, reader = beyond_public(stage, "app", "reader")
    assert ("function", "app.root()", "EXECUTE") in app
    assert {privilege for _, name, privilege in app if name == "app.payments"} == {
        *("SELECT", "INSERT", "UPDATE", "DELETE")
    }
    assert {entry for entry in reader if entry[1].startswith("app.")} == {
        ("table", "app.payments", "SELECT"),
        ("sequence", "app.payments_id_seq", "SELECT"),
    }
