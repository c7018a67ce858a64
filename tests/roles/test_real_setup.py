"""The set-up on a real PostgreSQL, whose master user has what RDS gives it."""

from __future__ import annotations

from tests.roles.stage import Stage


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
    stage.apply()
    assert stage.drift() == []


def test_every_role_works_after_its_rotation(ready: Stage) -> None:
    ready.as_role("migrator", "CREATE TABLE payments (id serial PRIMARY KEY, amount int)")
    ready.as_role("app", "INSERT INTO payments (amount) VALUES (7)")
    assert ready.as_role("reader", "SELECT amount FROM payments") == "7"
    assert ready.as_role("migrator", "SELECT current_user, session_user").split("|") == [
        "migrator",
        "migrator_2",
    ]
    # The other login can change what this one has made.
    ready.rotate("migrator")
    assert ready.current("migrator")["username"] == "migrator_1"
    ready.as_role("migrator", "ALTER TABLE payments ADD COLUMN note text")
    assert ready.drift() == []
