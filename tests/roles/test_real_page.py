"""The SQL of pages that the master user runs: it does what they say, and nothing of others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.roles.stage import DATABASE, Stage, role, until
from tests.support.commands import ROOT
from tests.support.documented import example

PAGE = ROOT / "docs" / "how-to" / "move-to-roles.md"
LIMITS = ROOT / "docs" / "explanation" / "failures.md"
SHADOW = """
CREATE FUNCTION public.{signature} RETURNS {returns} LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'GRANT rds_superuser TO migrator_1';
    EXECUTE 'ALTER ROLE migrator_1 CREATEROLE';
    RETURN {value};
END $$
"""
SHADOWS = {
    "format(text, regclass)": ("text", "pg_catalog.format($1, $2)"),
    "format(text, regprocedure)": ("text", "pg_catalog.format($1, $2)"),
    "format(text, regtype)": ("text", "pg_catalog.format($1, $2)"),
    "format(text, regrole)": ("text", "pg_catalog.format($1, $2)"),
    "count(name)": ("bigint", "1"),
    "pg_terminate_backend(bigint)": ("boolean", "true"),
}
RISEN = (
    "SELECT rolcreaterole OR pg_has_role(oid, 'rds_superuser', 'MEMBER') FROM pg_roles "
    "WHERE rolname = 'migrator_1'"
)


def test_master_runs_no_function_of_a_migrator(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(
        roles={"app": role("read-write", "public"), "migrator": role("owner", "public")}
    )
    stage.as_master(
        "CREATE TABLE entry (id integer); CREATE TYPE state AS ENUM ('open');"
        "CREATE FUNCTION one() RETURNS integer LANGUAGE sql RETURN 1"
    )
    stage.apply()
    stage.rotate("migrator")
    stage.as_role(
        "migrator",
        ";".join(
            SHADOW.format(signature=signature, returns=returns, value=value)
            for signature, (returns, value) in SHADOWS.items()
        ),
    )
    for word in ("ALTER TABLE", "GROUP BY usename", "pg_terminate_backend"):
        stage.as_master(example(PAGE, "text", word))
        assert stage.query(RISEN) == "f"


def test_stopped_role_has_no_login_and_no_session(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(
        roles={"app": role(iam_login=True), "migrator": role("owner"), "reader": role("read-only")}
    )
    stage.apply()
    for name in ("app", "reader"):
        stage.rotate(name)
    stage.as_master("CREATE ROLE bob LOGIN; GRANT app TO bob")
    logins = {"app_iam": "Known", "bob": "Known"}
    for login, password in logins.items():
        stage.server.set_password(login, password)
    for name in ("app", "reader"):
        logins[stage.current(name)["username"]] = stage.current(name)["password"]
    # A password stands for the token, which only RDS can check.
    with stage.server.reconfigured(before="hostssl all app_iam all scram-sha-256\n"):
        wait = "SELECT pg_sleep(20)"
        with ThreadPoolExecutor() as pool:
            sessions = {
                login: pool.submit(stage.run_as, as_login(login, password), wait)
                for login, password in logins.items()
            }
            until(lambda: stage.query(ASLEEP) == str(len(logins)))
            stage.as_master(example(PAGE, "text", "pg_terminate_backend"))
            until(lambda: stage.query(ASLEEP) == "1")  # The reader is another role.
            stage.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + SLEEPS)
        assert not any(session.result()[0] for session in sessions.values())
        worked = {login for login in logins if stage.run_as(as_login(login, logins[login]), "")[0]}
        assert worked == {stage.current("reader")["username"]}
        stage.apply()
        assert not stage.run_as(as_login("app_iam", "Known"), "SELECT 1")[0]
    told = "\n".join(stage.drift())
    assert all(f"ALTER ROLE {login} LOGIN" in told for login in ("app_1", "app_2", "app_iam"))


SLEEPS = "query LIKE 'SELECT pg_sleep%'"
ASLEEP = f"SELECT count(*) FROM pg_stat_activity WHERE {SLEEPS}"


def as_login(username: str, password: str) -> dict[str, str]:
    return {"username": username, "password": password, "dbname": DATABASE}


def test_large_objects_of_a_role_that_may_only_read_can_be_removed(stage: Stage) -> None:
    """A limit that the page names, with the statements for it."""
    stage.apply()
    stage.rotate("reader")
    made = "SELECT lo_from_bytea(0, 'x'), pg_logical_emit_message(false, 'a', 'b')"
    stage.as_role("reader", made)
    owner = stage.current("reader")["username"]
    count = f"SELECT count(*) FROM pg_largeobject_metadata WHERE lomowner = '{owner}'::regrole"
    assert stage.query(count) == "1"
    stage.as_master(example(LIMITS, "text", "lo_unlink").replace("reader_1", owner))
    assert stage.query(count) == "0"
    assert stage.drift() == []


def test_line_of_a_role_that_looks_like_the_audit_names_its_login(stage: Stage) -> None:
    """A limit that the page names: each line begins with the login, a further line with a tab."""
    stage.apply()
    stage.rotate("app")
    forged = "AUDIT: SESSION,1,1,ROLE,DROP ROLE,,,forged"
    prefix = f"postgres@{DATABASE} 1 LOG:  "
    stage.as_role("app", f"DO $$BEGIN RAISE LOG E'{forged}\\n{prefix}{forged}'; END$$")
    first, second = (line for line in stage.server.log().splitlines() if "forged" in line)
    assert first.startswith(f"{stage.current('app')['username']}@{DATABASE} ")
    assert second.startswith(f"\t{prefix}")
