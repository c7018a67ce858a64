"""Each role may do what is declared, and nothing else, as PostgreSQL itself sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product

import pytest

from tests.roles.privileges import beyond_public, of_public
from tests.roles.stage import DATABASE, FIRST, Stage, role, usual
from tests.rotation.real_postgres import Postgres
from tests.rotation.stage import Runtime, client_of

ROLES = usual() | {
    "ledger_app": role("read-write", "ledger", "app"),
    "ledger_owner": role("owner", "ledger"),
}
MAKE = """
CREATE TABLE payments (id serial PRIMARY KEY, amount int NOT NULL, note text);
CREATE VIEW large AS SELECT * FROM payments WHERE amount > 100;
CREATE MATERIALIZED VIEW sums AS SELECT sum(amount) FROM payments;
CREATE TABLE parts (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql AS 'SELECT 2 * x';
CREATE PROCEDURE pay(x int) LANGUAGE sql AS 'INSERT INTO payments (amount) VALUES (x)';
CREATE FUNCTION root() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int);
CREATE TYPE state AS ENUM ('open', 'closed');
CREATE SEQUENCE numbers;
"""
RELATIONS = ("payments", "large", "sums", "parts", "parts_1")
SEQUENCES = ("payments_id_seq", "numbers")
ROUTINES = ("twice(integer)", "pay(integer)", "root()", "total(integer)")

Wanted = set[tuple[str, str, str]]


def each(kind: str, schema: str, names: tuple[str, ...], *wanted: str) -> Wanted:
    return {(kind, f"{schema}.{name}", privilege) for name, privilege in product(names, wanted)}


def declared(kind: str, *schemas: str) -> Wanted:
    """What a role of that kind may in its schemas, spelt out."""
    found: Wanted = {("database", DATABASE, "CONNECT")}
    for schema in schemas:
        found |= {("schema", schema, "USAGE")}
        found |= each("table", schema, RELATIONS, "SELECT")
        found |= each("sequence", schema, SEQUENCES, "SELECT")
        if kind == "read-write":
            found |= each("table", schema, RELATIONS, "INSERT", "UPDATE", "DELETE")
            found |= each("sequence", schema, SEQUENCES, "USAGE")
            found |= each("function", schema, ROUTINES, "EXECUTE")
        if kind == "owner":
            found |= {("schema", schema, "CREATE"), ("database", DATABASE, "TEMPORARY")}
            every = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
            found |= each("table", schema, RELATIONS, *every)
            found |= each("sequence", schema, SEQUENCES, "USAGE", "UPDATE")
            found |= each("function", schema, ROUTINES, "EXECUTE")
    return found


@pytest.fixture(scope="module")
def filled(server: Postgres, endpoint: str, function: str, runtime: Runtime) -> Iterator[Stage]:
    """Two schemas of two owners, and objects of every kind in both."""
    client = client_of("secretsmanager", endpoint)
    stage = Stage(server, client, runtime, function, roles=dict(ROLES))
    stage.apply()
    for name in ROLES:
        stage.rotate(name)
    stage.as_role("migrator", MAKE)
    stage.as_role("ledger_owner", MAKE)
    yield stage
    stage.close()


def test_privileges_are_the_declared_ones(filled: Stage) -> None:
    names = [name for role in ROLES for name in (role, f"{role}_1", f"{role}_2")]
    found = dict(zip(names, beyond_public(filled, *names), strict=True))
    for name, spec in ROLES.items():
        wanted = declared(spec["kind"], *spec["schemas"])
        group, *logins = (found[each] for each in (name, f"{name}_1", f"{name}_2"))
        assert group == wanted, name
        # A login may what its group may, and has nothing of its own.
        member = {("role", name, "USAGE"), ("role", name, "MEMBER")}
        assert logins == [wanted | member] * 2, name
    assert filled.drift() == []


def test_everybody_may_nothing_with_what_is_declared(filled: Stage) -> None:
    """What a role has by PUBLIC: PostgreSQL's own objects, types, and extensions' functions."""
    found = {
        (kind, name, privilege)
        for kind, name, privilege in of_public(filled)
        if kind not in ("type", "language", "role", "parameter")
        and not name.startswith(("pg_", "information_schema"))
        and (kind != "function" or "." in name)
    }
    assert {entry for entry in found if entry[0] != "function"} == {
        ("schema", "public", "USAGE"),
        ("database", "template0", "CONNECT"),  # Which accepts no connection.
    }
    assert not [name for kind, name, _ in found if kind == "function" and not of_extension(name)]


def of_extension(name: str) -> bool:
    return name.startswith(("public.pg_stat_statements", "public.pgaudit_"))


# What a role is refused ----------------------------------------------------------------------

AUDIT = (
    "SET pgaudit.log = 'none'",
    "SELECT set_config('pgaudit.log', 'none', false)",
    "SET pgaudit.log_catalog = off",
    "ALTER ROLE {login} SET pgaudit.log = 'none'",
    "ALTER ROLE {group} SET pgaudit.log = 'none'",
    "ALTER ROLE ALL SET pgaudit.log = 'none'",
    f"ALTER DATABASE {DATABASE} SET pgaudit.log = 'none'",
    "ALTER SYSTEM SET pgaudit.log = 'none'",
    "DROP EXTENSION pgaudit",
    "DROP EVENT TRIGGER pgaudit_ddl_command_end",
    "ALTER EVENT TRIGGER pgaudit_ddl_command_end DISABLE",
    "SET session_replication_role = replica",
    "SET log_connections = off",
    "SET log_min_messages = panic",
    "ALTER ROLE {login} SET log_min_messages = panic",
    "SELECT pg_rotate_logfile()",
    "LOAD '$libdir/../x'",
)
ESCALATION = (
    "SET ROLE ledger_admin",
    "SET ROLE rds_superuser",
    "SET ROLE {stranger}",
    "SET SESSION AUTHORIZATION ledger_admin",
    "GRANT ledger_admin TO {login}",
    "GRANT {stranger} TO {login}",
    "GRANT {group} TO {stranger}",
    "CREATE ROLE x",
    "ALTER ROLE {login} CREATEROLE",
    "ALTER ROLE {login} SUPERUSER",
    "ALTER ROLE {login} CONNECTION LIMIT -1",
    "ALTER ROLE {sibling} PASSWORD 'x'",
    "ALTER ROLE {group} LOGIN",
    "ALTER ROLE ledger_admin PASSWORD 'x'",
    "DROP ROLE {sibling}",
    "CREATE EXTENSION pgcrypto",
    "CREATE DATABASE x",
    "CREATE SCHEMA x",
    "ALTER SCHEMA public OWNER TO {login}",
    "CREATE TABLE public.x (a int)",
    "CREATE FUNCTION public.x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EVENT TRIGGER x ON ddl_command_end EXECUTE FUNCTION x()",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/x'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_reload_conf()",
    "SELECT pg_stat_statements_reset()",
    "CREATE SUBSCRIPTION x CONNECTION '' PUBLICATION x",
    "CREATE PUBLICATION x FOR ALL TABLES",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "COMMENT ON ROLE {login} IS 'x'",
    f"ALTER DATABASE {DATABASE} SET search_path = 'x'",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {stranger} GRANT ALL ON TABLES TO PUBLIC",
)
NOT_THE_OWNER = (
    "CREATE TABLE app.x (a int)",
    "CREATE TEMPORARY TABLE x (a int)",
    "ALTER TABLE app.payments ADD COLUMN x int",
    "DROP TABLE app.payments",
    "TRUNCATE app.payments",
    "CREATE INDEX ON app.payments (amount)",
    "LOCK TABLE app.payments IN ACCESS EXCLUSIVE MODE; TRUNCATE app.payments",
    "ALTER FUNCTION app.twice(int) SECURITY DEFINER",
    "ALTER DEFAULT PRIVILEGES FOR ROLE migrator GRANT ALL ON TABLES TO PUBLIC",
    "CREATE TRIGGER x BEFORE INSERT ON app.payments EXECUTE FUNCTION app.root()",
    "SELECT setval('app.numbers', 1)",
)
WRITES = (
    "INSERT INTO app.payments (amount) VALUES (1)",
    "UPDATE app.payments SET amount = 1",
    "DELETE FROM app.payments",
    "SELECT nextval('app.numbers')",
    "CALL app.pay(1)",
    "SELECT app.root()",
)
OTHER_SCHEMA = (
    "SELECT * FROM ledger.payments",
    "SELECT * FROM ledger.large",
    "SELECT count(*) FROM ledger.sums",
    "SELECT last_value FROM ledger.numbers",
    "SELECT ledger.twice(1)",
    "INSERT INTO ledger.payments (amount) VALUES (1)",
    "SELECT 'open'::ledger.state",
    "CREATE TABLE ledger.x (a int)",
    "COPY ledger.payments TO STDOUT",
)

# PostgreSQL answers these with a warning, and does nothing.
WITHOUT_EFFECT = (
    f"GRANT CONNECT ON DATABASE {DATABASE} TO PUBLIC",
    "GRANT SELECT ON app.payments TO PUBLIC",
    "REVOKE SELECT ON app.payments FROM reader",
)


def test_roles_are_refused_the_rest(filled: Stage) -> None:
    every = AUDIT + ESCALATION + OTHER_SCHEMA
    wanted = {
        "app": every + NOT_THE_OWNER,
        "reader": every + NOT_THE_OWNER + WRITES,
        "migrator": every,
    }
    if "pgaudit" not in filled.extensions:
        every_pgaudit = tuple(sql for sql in AUDIT if "pgaudit" in sql)
        wanted = {name: tuple(set(sqls) - set(every_pgaudit)) for name, sqls in wanted.items()}
    for name, statements in wanted.items():
        login = filled.current(name)["username"]
        names = {
            "login": login,
            "group": name,
            "stranger": "ledger_owner",
            "sibling": f"{name}_1",
        }
        assert login == f"{name}_2"
        outcomes = filled.outcomes(name, [statement.format(**names) for statement in statements])
        # Neither success nor a mistake of this test.
        assert not {sql: state for sql, state in outcomes.items() if state in ("00000", "42601")}
    assert {*filled.outcomes("app", WITHOUT_EFFECT).values()} == {"00000"}
    assert filled.drift() == []


def test_owner_cannot_see_the_rows_of_another(filled: Stage) -> None:
    """Not by its own definer rights either: a function of migrator is as weak as migrator."""
    filled.as_role(
        "migrator",
        "CREATE FUNCTION app.peek() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER "
        "AS 'BEGIN RETURN (SELECT count(*) FROM ledger.payments); END'",
    )
    assert "permission denied for schema ledger" in filled.refused("app", "SELECT app.peek()")


def test_session_of_the_function_calls_nothing_of_others(filled: Stage) -> None:
    """A path that somebody has set for the master user leads it to no function of theirs."""
    filled.as_role(
        "migrator",
        "CREATE FUNCTION app.starts_with(text, text) RETURNS boolean LANGUAGE plpgsql AS "
        "$$BEGIN ALTER ROLE migrator SUPERUSER; RETURN false; END$$;"
        "CREATE FUNCTION app.quote_ident(text) RETURNS text LANGUAGE plpgsql AS "
        "$$BEGIN RAISE 'called'; END$$",
    )
    filled.query("ALTER ROLE ledger_admin SET search_path = app, pg_catalog")
    worked, told = filled.run_as(
        json.loads(filled.text(filled.master, FIRST)), "SELECT quote_ident('x')"
    )
    assert not worked
    assert "called" in told
    assert filled.drift() == []
    assert filled.apply()["changed"] == []
