"""What the log of a real PostgreSQL has, with the module's parameters and the extension."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from finbase.sandbox.postgres.client import run
from tests.roles import rds
from tests.roles.stage import DATABASE, Stage
from tests.rotation.real_postgres import Postgres
from tests.rotation.stage import Runtime, client_of

pytestmark = pytest.mark.skipif(
    not rds.has_pgaudit(), reason="pgaudit is not installed: apt-get install postgresql-15-pgaudit"
)

PASSWORD, CARD, OTHER_CARD = "Passw0rd-in-clear", "4111111111111111", "5555555555554444"
SECRETS = (PASSWORD, CARD, OTHER_CARD)


@pytest.fixture(scope="module")
def ready(server: Postgres, endpoint: str, function: str, runtime: Runtime) -> Iterator[Stage]:
    """One database for the tests of this file, set up and with a table of cards."""
    client = client_of("secretsmanager", endpoint)
    stage = Stage(server, client, runtime, function)
    stage.apply()
    for role in stage.roles:
        stage.rotate(role)
    stage.as_role(
        "migrator",
        "CREATE TABLE cards (number text UNIQUE, state text CHECK (state <> 'void'), at int)",
    )
    yield stage
    stage.close()


def audited(stage: Stage, role: str, *statements: str) -> list[str]:
    """Return the records of the audit that statements leave: class to object, without the text."""
    start = len(stage.server.log())
    for sql in statements:
        stage.as_role(role, sql)
    log = stage.server.log()[start:]
    return re.findall(r"AUDIT: SESSION,\d+,\d+,((?:[A-Z][A-Z ]*,){2}[^,]*,[^,]*),", log)


# Records -------------------------------------------------------------------------------------


def test_records_carry_type_and_name_of_object(ready: Stage) -> None:
    records = audited(
        ready,
        "migrator",
        "CREATE TABLE audited (id int)",
        "ALTER TABLE audited ADD COLUMN note text",
        "CREATE INDEX audited_note ON audited (note)",
        "CREATE VIEW audited_view AS SELECT id FROM audited",
        "CREATE FUNCTION audited_one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "GRANT TRUNCATE ON audited TO app",
        "DROP VIEW audited_view",
        "DROP TABLE audited",
    )
    assert records == [
        "DDL,CREATE TABLE,TABLE,app.audited",
        "DDL,ALTER TABLE,TABLE,app.audited",
        "DDL,CREATE INDEX,INDEX,app.audited_note",
        "DDL,CREATE VIEW,VIEW,app.audited_view",
        "DDL,CREATE FUNCTION,FUNCTION,app.audited_one()",
        "ROLE,GRANT,TABLE,",
        "DDL,DROP VIEW,VIEW,app.audited_view",
        "DDL,DROP TABLE,TABLE,app.audited",
        "DDL,DROP TABLE,INDEX,app.audited_note",
    ]


def test_records_lack_them_without_the_extension(ready: Stage) -> None:
    """Why the extension has to be created: the library alone does not name the object."""
    ready.query("DROP EXTENSION pgaudit")
    try:
        assert audited(ready, "migrator", "CREATE TABLE audited (id int)") == ["DDL,CREATE TABLE,,"]
    finally:
        ready.apply()
    assert audited(ready, "migrator", "DROP TABLE audited") == ["DDL,DROP TABLE,TABLE,app.audited"]


def test_record_names_the_login(ready: Stage) -> None:
    """Behind the group that an owner's logins act as, the log has who came."""
    start = len(ready.server.log())
    ready.as_role("migrator", "CREATE TABLE mine (id int); DROP TABLE mine")
    login = ready.current("migrator")["username"]
    lines = [line for line in ready.server.log()[start:].splitlines() if "AUDIT:" in line]
    assert lines
    assert all(line.startswith(f"{login}@{DATABASE} ") for line in lines)


def test_set_up_is_in_the_audit(ready: Stage) -> None:
    """Also what the function grants one by one, in a block."""
    ready.query("SET ROLE migrator; CREATE TABLE app.late (id int)")
    ready.query("REVOKE ALL ON app.late FROM app, reader")
    start = len(ready.server.log())
    ready.apply()
    log = ready.server.log()[start:]
    assert re.search(r"AUDIT: SESSION,.*,ROLE,GRANT,.*app\.late", log)
    ready.query("DROP TABLE app.late")


@pytest.mark.parametrize(
    ("role", "sql"),
    [
        # One message, several statements.
        ("app", f"SELECT '{CARD}' \\; ALTER ROLE CURRENT_USER RESET work_mem;"),
        # The text of DDL: a migration must hold no card number.
        ("migrator", f"CREATE TEMPORARY TABLE bad (number text DEFAULT '{CARD}')"),
    ],
)
def test_record_has_the_whole_message(ready: Stage, role: str, sql: str) -> None:
    """The limits that docs/explanation/failures.md names."""
    start = len(ready.server.log())
    ready.as_role(role, sql)
    (record,) = re.findall(r"AUDIT: .*", ready.server.log()[start:])
    assert CARD in record


# No secrets ----------------------------------------------------------------------------------

WORKING = (
    f"ALTER ROLE CURRENT_USER PASSWORD '{PASSWORD}'",
    f"INSERT INTO cards VALUES ('{CARD}', 'good')",
    f"SELECT * FROM cards WHERE number = '{CARD}'",
    f"UPDATE cards SET state = '{CARD}' WHERE number = '{CARD}'",
    f"PREPARE reading AS SELECT * FROM cards WHERE number = $1; EXECUTE reading('{CARD}')",
    f"DELETE FROM cards WHERE number = '{CARD}'",
)
FAILING = (
    f"INSERT INTO cards VALUES ('{OTHER_CARD}')",
    f"INSERT INTO cards VALUES ('{CARD}', 'void')",
    f"SELECT 1 / 0 FROM cards WHERE '{CARD}' <> ''",
    f"SELECT '{CARD}' FROM nowhere",
    f"SELECT '{CARD}' FROM cards WHERE",
    f"ALTER ROLE app PASSWORD '{PASSWORD}'",
    f"ALTER ROLE CURRENT_USER PASSWORD '{PASSWORD}' SUPERUSER",
    f"CREATE ROLE other PASSWORD '{PASSWORD}'",
)
# Of pgbench, which binds what `-D` gives it where the protocol is the extended one.
BOUND = (
    "INSERT INTO cards VALUES (:card, 'good');",
    "SELECT * FROM cards WHERE number = :card;",
    "UPDATE cards SET state = :card WHERE number = :card;",
)
BOUND_FAILING = (
    "INSERT INTO cards VALUES (:other);",
    "INSERT INTO cards VALUES (:card, 'void');",
    "SELECT 1 / (length(:card) - 16);",
)


def assert_no_secret(log: str) -> None:
    assert not [line for line in log.splitlines() if any(secret in line for secret in SECRETS)]


@pytest.fixture
def cards(ready: Stage) -> Stage:
    """The table with the one card that a second insert of it violates."""
    ready.query(f"TRUNCATE app.cards; INSERT INTO app.cards VALUES ('{OTHER_CARD}', 'good')")
    return ready


def test_log_holds_no_literal_of_simple_protocol(cards: Stage) -> None:
    start = len(cards.server.log())
    own = cards.current("app")
    try:
        for sql in WORKING:
            cards.as_role("app", f"{sql};")
            if "PASSWORD" in sql:
                cards.server.set_password(own["username"], own["password"])
        for sql in FAILING:
            cards.refused("app", f"{sql};")
    finally:
        cards.server.set_password(own["username"], own["password"])
    log = cards.server.log()[start:]
    assert_no_secret(log)
    # All of it was logged, if without what it was about.
    assert "ERROR:  duplicate key value violates unique constraint" in log
    assert "ROLE,ALTER ROLE,,,ALTER ROLE CURRENT_USER PASSWORD <REDACTED>" in log
    assert log.count("ERROR:") >= len(FAILING) - 1


@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
def test_log_holds_no_bound_value(cards: Stage, tmp_path: Path, protocol: str) -> None:
    start = len(cards.server.log())
    for sql in BOUND:
        assert pgbench(cards, tmp_path, protocol, sql).returncode == 0, sql
    for sql in BOUND_FAILING:
        assert "ERROR:" in pgbench(cards, tmp_path, protocol, sql).stderr, sql
    log = cards.server.log()[start:]
    assert_no_secret(log)
    assert log.count("ERROR:") == len(BOUND_FAILING)
    assert cards.query("SELECT count(*) FROM app.cards") == "2"


@pytest.mark.parametrize("tracked", [False, True])
def test_statistics_keep_no_password(ready: Stage, tracked: bool) -> None:
    """With the module's parameters; PostgreSQL tracks utility statements by default."""
    tracking = "SET pg_stat_statements.track_utility = on;" * tracked
    ready.query("SELECT pg_stat_statements_reset()")
    ready.query(
        f"{tracking} CREATE ROLE kept LOGIN PASSWORD '{PASSWORD}';"
        f"ALTER ROLE kept PASSWORD '{PASSWORD}'; DROP ROLE kept;"
        f"SELECT count(*) FROM app.cards WHERE number = '{CARD}'"
    )
    kept = ready.query("SELECT query FROM pg_stat_statements")
    assert (PASSWORD in kept) is tracked
    assert CARD not in kept
    assert "app.cards" in kept


def test_function_logs_no_verifier(ready: Stage) -> None:
    start = len(ready.server.log())
    ready.rotate("app")
    log = ready.server.log()[start:]
    assert "ROLE,ALTER ROLE,,," in log
    assert "SCRAM-SHA-256$" not in log
    assert not [password for password in ready.passwords() if password in log]


def test_weaker_parameters_are_seen(cards: Stage) -> None:
    """The tests above can fail: PostgreSQL's defaults write what they look for."""
    start = len(cards.server.log())
    cards.query(f"SET log_statement = 'all'; SELECT '{CARD}'")
    with pytest.raises(AssertionError):
        assert_no_secret(cards.server.log()[start:])


def pgbench(
    stage: Stage, folder: Path, protocol: str, sql: str
) -> subprocess.CompletedProcess[str]:
    """Run a statement once with the values of ``-D``, bound unless the protocol is simple."""
    own = stage.current("app")
    script = folder / "script.sql"
    script.write_text(sql + "\n")
    command = ["pgbench", "-n", "-t", "1", "-M", protocol, "-f", str(script)]
    for name, value in (("card", CARD), ("other", OTHER_CARD)):
        command += ["-D", f"{name}='{value}'" if protocol == "simple" else f"{name}={value}"]
    connection = stage.server._connection(own["username"], own["password"], DATABASE)
    return run(command, connection, stage.server.binaries)
