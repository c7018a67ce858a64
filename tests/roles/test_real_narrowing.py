"""A role that is declared with less than before has less after the apply."""

from __future__ import annotations

from collections.abc import Callable

from tests.roles.privileges import beyond_public
from tests.roles.stage import Stage, role, usual

MAKE = "CREATE TABLE {0}.t (id serial); CREATE FUNCTION {0}.f() RETURNS int LANGUAGE sql RETURN 1"


def test_role_that_may_only_read_now(ready: Stage) -> None:
    ready.rotate("migrator")
    ready.as_role("migrator", MAKE.format("app"))
    ready.query("GRANT TRUNCATE ON app.t TO app")  # By hand: that is drift.
    ready.roles["app"] = role("read-only")
    assert "INSERT, UPDATE, DELETE" not in str(ready.drift())  # A check changes nothing.
    assert ready.as_role("app", "INSERT INTO app.t DEFAULT VALUES") == ""
    answer = ready.apply()
    assert {
        "revoked INSERT, UPDATE, DELETE on tables in schema app from app",
        "revoked INSERT, UPDATE, DELETE on future tables in schema app from app",
        "revoked USAGE on sequences in schema app from app",
        "revoked EXECUTE on routines in schema app from app",
        "noted kind and schemas of app",
    } <= {*answer["changed"]}
    assert answer["drift"] == ["role app may also TRUNCATE on table app.t"]
    ready.query("REVOKE TRUNCATE ON app.t FROM app")
    ready.as_role("migrator", "CREATE TABLE app.later (id serial)")
    app, reader = beyond_public(ready, "app", "reader")
    assert app == reader
    again = ready.apply()
    assert (again["changed"], again["drift"]) == ([], [])


def test_schema_that_is_not_declared_any_more(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(
        roles={
            "o": role("owner", "a", "b"),
            "r": role("read-only", "a", "b"),
            "w": role("read-write", "a", "b"),
        }
    )
    stage.apply()
    for name in stage.roles:
        stage.rotate(name)
    stage.as_role("o", MAKE.format("b"))
    stage.roles["r"], stage.roles["w"] = role("read-only", "a"), role("read-write", "a")
    assert stage.apply()["drift"] == []
    for name in ("r", "w"):
        stage.refused(name, "SELECT * FROM b.t")
    stage.as_role("o", "CREATE TABLE b.later (a int)")
    assert [p for roles in beyond_public(stage, "r", "w") for p in roles if "b" in p[1][:2]] == []


def test_role_from_an_older_release(ready: Stage) -> None:
    """It has noted the kind alone."""
    ready.rotate("migrator")
    ready.as_role("migrator", MAKE.format("app"))
    ready.query("COMMENT ON ROLE app IS 'Made by finbase: read-write'")
    assert ready.apply()["changed"] == ["noted kind and schemas of app"]
    ready.query("COMMENT ON ROLE app IS 'Made by finbase: read-write'")
    ready.roles["app"] = role("read-only")
    assert ready.apply()["drift"] == []
    ready.refused("app", "INSERT INTO app.t DEFAULT VALUES")


def test_owner_that_owns_no_more(make_stage: Callable[..., Stage]) -> None:
    """What it has made stays its own until somebody hands it over: drift names the statements."""
    stage = make_stage(roles=usual() | {"other": role("owner", "other")})
    stage.apply()
    for name in stage.roles:
        stage.rotate(name)
    stage.as_role("migrator", MAKE.format("app"))
    stage.roles["migrator"] = role("read-only", "app")
    stage.roles["other"] = role("owner", "other", "app")
    answer = stage.apply()
    assert "reset role of migrator_1" in answer["changed"]
    assert {line for line in answer["changed"] if line.startswith("revoked TEMPORARY")}
    for line in answer["drift"]:
        if ": run " in line:
            stage.as_master(line.split(": run ")[1])
    assert stage.apply()["drift"] == []
    stage.refused("migrator", "INSERT INTO app.t DEFAULT VALUES")
    stage.as_role("other", "ALTER TABLE app.t ADD COLUMN note text")


def test_logins_that_are_not_declared_any_more(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(roles=usual() | {"late": role(iam_login=True)})
    stage.apply()
    stage.rotate("late")
    old = stage.current("late")
    stage.roles["late"]["iam_login"] = False
    answer = stage.apply()
    assert {"revoked role late from late_iam", "revoked role rds_iam from late_iam"} <= {
        *answer["changed"]
    }
    (line,) = answer["drift"]
    stage.as_master(line.split(", run ")[1])
    assert stage.drift() == []
    spec = stage.roles.pop("late")
    assert "revoked role late from late_2" in stage.apply()["changed"]
    assert not stage.run_as(old, "SELECT 1")[0]
    # Declared again, it works again.
    stage.roles["late"] = spec
    assert stage.apply()["drift"] == []
    assert stage.run_as(old, "SELECT 1")[0]
    del stage.roles["late"]
    for line in stage.drift():
        if ", run " in line:
            stage.as_master(line.split(", run ")[1])
    assert stage.drift() == []
