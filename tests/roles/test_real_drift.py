"""What somebody changed by hand in the database is reported, and stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.roles.stage import DATABASE, Stage, quoted, role, usual
from tests.rotation.stage import FunctionError
from tests.support.commands import ROOT
from tests.support.documented import example

PAGE = ROOT / "docs" / "how-to" / "move-to-roles.md"

# What is done by hand, and what the check then says. What one of them needs comes before it.
BEYOND = {
    "CREATE SCHEMA other; CREATE TABLE other.cards (number text)": (),
    "GRANT TRUNCATE ON app.payments TO app": ("role app may also TRUNCATE on table app.payments",),
    "GRANT DELETE ON app.payments TO app WITH GRANT OPTION": (
        "role app may also DELETE on table app.payments, and grant it",
    ),
    "GRANT UPDATE (note) ON app.payments TO reader": (
        "role reader may also UPDATE on column app.payments.note",
    ),
    "GRANT UPDATE ON SEQUENCE app.payments_id_seq TO reader_2": (
        "role reader_2 may also UPDATE on sequence app.payments_id_seq",
    ),
    "GRANT USAGE ON SCHEMA other TO app": ("role app may also USAGE on schema other",),
    "GRANT SELECT ON other.cards TO app_1": ("role app_1 may also SELECT on table other.cards",),
    "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO reader": (
        "role reader may also EXECUTE on function pg_read_file(text)",
    ),
    f"GRANT CREATE ON DATABASE {DATABASE} TO migrator": (
        f"role migrator may also CREATE on database {DATABASE}",
    ),
    "GRANT CONNECT ON DATABASE postgres TO app": (
        "role app may also CONNECT on database postgres",
    ),
    "GRANT CREATE ON TABLESPACE pg_default TO app": (
        "role app may also CREATE on tablespace pg_default",
    ),
    "SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO app": (
        "role app may also SELECT on large object 4711",
    ),
    "ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA app GRANT TRUNCATE ON TABLES TO app": (
        "role app may also TRUNCATE on future objects of migrator, kind r",
    ),
    "GRANT SELECT ON other.cards TO PUBLIC": ("everybody may SELECT on table other.cards",),
    "CREATE FUNCTION public.strong() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'": (
        "everybody may EXECUTE on function public.strong()",
    ),
    "GRANT EXECUTE ON FUNCTION app.weak() TO PUBLIC": (
        "everybody may EXECUTE on function app.weak()",
    ),
    "GRANT pg_read_all_data TO reader": ("role reader is a member of pg_read_all_data",),
    "GRANT app TO app_2 WITH ADMIN OPTION": ("role app_2 is a member of app with ADMIN OPTION",),
    "CREATE ROLE bob LOGIN IN ROLE app": ("role bob is a member of app",),
    "ALTER ROLE app_1 CREATEDB": ("role app_1 is CREATEDB",),
    "ALTER ROLE migrator_2 CREATEROLE": ("role migrator_2 is CREATEROLE",),
    "ALTER ROLE app LOGIN": ("role app is LOGIN",),
    "ALTER ROLE app_2 NOLOGIN": (
        "role app_2 is NOLOGIN: to let it log in again, run ALTER ROLE app_2 LOGIN",
    ),
    "ALTER ROLE reader_1 NOINHERIT VALID UNTIL '2027-01-01'": (
        "role reader_1 is NOINHERIT",
        "role reader_1 is VALID UNTIL a date: to end that, run ALTER ROLE reader_1 VALID UNTIL "
        "'infinity'",
        "the login of the secret of reader is refused: reader_1 has no CONNECT on the database; "
        "apply grants it to the group",
    ),
    "ALTER ROLE app_1 SET log_min_messages = panic": (
        "role app_1 has a setting of its own: log_min_messages",
    ),
    "ALTER ROLE bob SET log_duration = off": ("role bob has a setting of its own: log_duration",),
    f"ALTER DATABASE {DATABASE} SET log_min_error_statement = error": (
        "the database has a setting of its own: log_min_error_statement",
    ),
    f"ALTER ROLE app_1 IN DATABASE {DATABASE} SET statement_timeout = 0": (
        "role app_1 has a setting of its own: statement_timeout",
    ),
    "CREATE TABLE other.mine (a int); ALTER TABLE other.mine OWNER TO app": (
        "role app owns the table other.mine",
    ),
    "CREATE TABLE app.masters (a int); GRANT SELECT, INSERT, UPDATE, DELETE ON app.masters TO app; "
    "GRANT SELECT ON app.masters TO reader": (
        "app.masters belongs to postgres: run ALTER TABLE app.masters OWNER TO migrator",
    ),
    "CREATE ROLE old; COMMENT ON ROLE old IS 'Made by finbase: read-only'": (
        "role old is not declared any more: to remove it, run GRANT old TO ledger_admin; "
        "REASSIGN OWNED BY old TO ledger_admin; DROP OWNED BY old; DROP ROLE old",
    ),
    # What nobody has declared.
    "CREATE ROLE evil LOGIN CREATEROLE CREATEDB BYPASSRLS IN ROLE rds_superuser": (
        "role evil, which is not declared, is CREATEROLE",
        "role evil, which is not declared, is CREATEDB",
        "role evil, which is not declared, is BYPASSRLS",
        "role evil, which is not declared, is a member of rds_superuser",
    ),
    "CREATE ROLE bi LOGIN VALID UNTIL 'infinity' IN ROLE pg_read_all_data, ledger_admin": (
        "role bi, which is not declared, is a member of pg_read_all_data",
        "role bi, which is not declared, is a member of ledger_admin",
    ),
    f"GRANT CONNECT ON DATABASE {DATABASE} TO bi": (
        f"role bi, which is not declared, may CONNECT on database {DATABASE}",
    ),
    # A name like those of the roles that RDS makes.
    "CREATE ROLE rdsreader LOGIN CREATEDB IN ROLE pg_read_all_data, rds_superuser": (
        "role rdsreader, which is not declared, is CREATEDB",
        "role rdsreader, which is not declared, is a member of pg_read_all_data",
        "role rdsreader, which is not declared, is a member of rds_superuser",
    ),
    "GRANT reader TO rdsreader": ("role rdsreader is a member of reader",),
    "GRANT SELECT ON app.payments TO rdsreader": (
        "role rdsreader, which is not declared, may SELECT on table app.payments",
    ),
    "ALTER ROLE rdsreader SET log_duration = off": (
        "role rdsreader has a setting of its own: log_duration",
    ),
    "GRANT USAGE ON SCHEMA app TO bi": ("role bi, which is not declared, may USAGE on schema app",),
    "GRANT SELECT ON app.payments TO bi": (
        "role bi, which is not declared, may SELECT on table app.payments",
    ),
    "GRANT SELECT ON other.cards TO bi": (),  # Nothing that is declared.
    "ALTER DEFAULT PRIVILEGES FOR ROLE migrator GRANT SELECT ON TABLES TO bi": (
        "role bi, which is not declared, may SELECT on future objects of migrator, kind r",
    ),
    "ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC": (
        "everybody may SELECT on future objects of migrator, kind r",
    ),
    "ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA app "
    "GRANT EXECUTE ON FUNCTIONS TO PUBLIC": (
        "everybody may EXECUTE on future objects of migrator, kind f",
    ),
    "ALTER DATABASE template1 OWNER TO postgres; GRANT TEMPORARY ON DATABASE template1 TO PUBLIC": (
        "everybody may TEMPORARY on database template1",
    ),
    "CREATE EXTENSION IF NOT EXISTS citext": (
        "extension citext is not declared: to remove it, run DROP EXTENSION citext",
    ),
    'CREATE TABLE other."a\n\x1b[31m{b}" (a int); GRANT SELECT ON other."a\n\x1b[31m{b}" TO app': (
        'role app may also SELECT on table other."a\ufffd\ufffd[31m{b}"',
    ),
}
# What lacks, and what apply then does about it.
LACKING = {
    "REVOKE INSERT ON app.payments FROM app": (
        "SELECT, INSERT, UPDATE, DELETE on tables in schema app to app"
    ),
    "REVOKE USAGE ON SCHEMA app FROM reader": "USAGE on schema app to reader",
    f"REVOKE CONNECT ON DATABASE {DATABASE} FROM app": "CONNECT on the database to app",
    "SET ROLE ledger_admin; REVOKE reader FROM reader_1; RESET ROLE": "role reader to reader_1",
    "ALTER ROLE reader_2 SET statement_timeout = 0": "statement_timeout of reader_2",
    "ALTER ROLE migrator_1 RESET role": "role of migrator_1",
    "ALTER ROLE app_1 CONNECTION LIMIT 99": "connection limit 20 of app_1",
    f"GRANT TEMPORARY ON DATABASE {DATABASE} TO PUBLIC": "all on the database from PUBLIC",
    "GRANT CONNECT ON DATABASE template1 TO PUBLIC": "all on the other databases from PUBLIC",
    "GRANT CREATE ON SCHEMA public TO PUBLIC": "CREATE on schema public from PUBLIC",
    "ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA app "
    "REVOKE SELECT ON TABLES FROM reader": (
        "SELECT on future tables of migrator in schema app to reader"
    ),
    "ALTER DEFAULT PRIVILEGES FOR ROLE migrator GRANT EXECUTE ON FUNCTIONS TO PUBLIC": (
        "EXECUTE on future functions of migrator from PUBLIC"
    ),
}


def test_what_was_added_is_reported_and_stays(stage: Stage) -> None:
    stage.apply()
    stage.query(
        "SET ROLE migrator; CREATE TABLE app.payments (id serial, note text);"
        "CREATE FUNCTION app.weak() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    )
    stage.query(";\n".join(BEYOND))
    if int(stage.query("SHOW server_version_num")) >= 150000:
        stage.query("GRANT SET ON PARAMETER log_min_messages TO app")
        parameter = {"role app may also SET on parameter log_min_messages"}
    else:
        parameter = set()
    wanted = {line for lines in BEYOND.values() for line in lines} | parameter
    assert {*stage.drift()} == wanted
    answer = stage.apply()
    assert answer["changed"] == []
    assert {*answer["drift"]} == wanted


def test_what_lacks_is_reported_and_applied(stage: Stage) -> None:
    stage.apply()
    stage.query("SET ROLE migrator; CREATE TABLE app.payments (id int)")
    stage.query(";\n".join(LACKING))
    drift = [line for line in stage.drift() if not line.startswith("the login of the secret")]
    assert {line.split(": ", 1)[1] for line in drift} == {*LACKING.values()}
    assert all(line.startswith(("not granted: ", "not revoked: ", "not set: ")) for line in drift)
    answer = stage.apply()
    assert {line.split(" ", 1)[1] for line in answer["changed"]} == {*LACKING.values()}
    assert answer["drift"] == []


def test_audit_switched_off_for_anybody_is_drift(shared: Stage) -> None:
    settings = {"pgaudit.log": "none", "pgaudit.log_level": "debug5"}
    for name, value in settings.items():
        shared.query(
            f"ALTER ROLE app_1 SET {name} = {value}; ALTER ROLE ledger_admin SET {name} = {value}"
        )
    assert {*shared.drift()} == {
        f"role {role} has a setting of its own: {name}"
        for role in ("app_1", "ledger_admin")
        for name in settings
    }
    for name in settings:
        shared.query(f"ALTER ROLE app_1 RESET {name}; ALTER ROLE ledger_admin RESET {name}")


def test_what_an_extension_lets_everybody_do_is_no_drift(shared: Stage) -> None:
    """Wherever it is: pg_stat_statements lets everybody read its views."""
    shared.query("CREATE SCHEMA other; ALTER EXTENSION pg_stat_statements SET SCHEMA other")
    granted = "SELECT has_table_privilege('app', 'other.pg_stat_statements', 'SELECT')"
    assert shared.query(granted) == "t"
    assert shared.drift() == []
    shared.query("ALTER EXTENSION pg_stat_statements SET SCHEMA public; DROP SCHEMA other")


def test_what_postgresql_makes_for_a_type_of_ranges_is_no_drift(shared: Stage) -> None:
    """Its constructors and its multirange's belong to PostgreSQL, and nobody can grant them."""
    shared.query("SET ROLE migrator; CREATE TYPE app.period AS RANGE (subtype = date)")
    answer = shared.apply()
    assert (answer["changed"], answer["drift"]) == ([], [])
    made = "SELECT app.period('2026-01-01', '2026-12-31') @> '2026-11-30'::date"
    assert shared.as_role("app", made) == "t"
    shared.query("DROP TYPE app.period")


def test_answer_is_bounded(shared: Stage) -> None:
    shared.query(
        "CREATE SCHEMA other; DO $$BEGIN FOR i IN 1..400 LOOP "
        "EXECUTE format('CREATE TABLE other.t%s (a int)', i); "
        "EXECUTE format('GRANT SELECT ON other.t%s TO app', i); END LOOP; END$$"
    )
    drift = shared.drift()
    assert len(drift) == 101
    assert drift[-1] == "and more of this kind"
    shared.query("DROP SCHEMA other CASCADE")


def test_nothing_declared(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(roles={})
    answer = stage.apply()
    assert "revoked all on the database from PUBLIC" in answer["changed"]
    assert answer["drift"] == []


def test_role_that_is_not_declared_any_more(stage: Stage) -> None:
    stage.roles["other"] = role("owner", "other")
    stage.add_secret("other")
    stage.apply()
    del stage.roles["other"]
    assert [line.split(":")[0] for line in stage.drift()] == [
        f"role {name} is not declared any more" for name in ("other", "other_1", "other_2")
    ]
    for line in stage.drift():
        stage.query(line.split(", run ")[1])
    assert stage.drift() == []


# Who was there before ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["app", "reader_2"])
def test_role_of_somebody_else_is_not_taken_over(stage: Stage, name: str) -> None:
    stage.as_master(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    before = stage.query("SELECT count(*) FROM pg_roles")
    said = f"the role {name} exists and was not made by this function"
    with pytest.raises(FunctionError, match=f"nothing was changed: {said}"):
        stage.apply()
    assert stage.query("SELECT count(*) FROM pg_roles") == before
    assert [line for line in stage.drift() if line.startswith(said)]
    with pytest.raises(FunctionError, match=said):
        stage.rotate("app" if name == "app" else "reader")
    stage.as_master(f"COMMENT ON ROLE {name} IS 'Made by finbase: handed over'")
    expected = [f"role {name} is LOGIN"] if name == "app" else []
    assert stage.apply()["drift"] == expected


def test_name_of_master_is_not_declared(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(roles=usual() | {"ledger_admin": role()})
    with pytest.raises(FunctionError, match="the role ledger_admin exists and was not made"):
        stage.apply()


def test_existing_database_with_tables_in_public(make_stage: Callable[..., Stage]) -> None:
    """The tables of an application that has worked as the master user so far."""
    roles = {
        "app": role("read-write", "public"),
        "migrator": role("owner", "public"),
    }
    stage = make_stage(roles=roles)
    stage.as_master("CREATE TABLE payments (id serial PRIMARY KEY, amount int)")
    answer = stage.apply()
    assert {*answer["drift"]} == {
        # The sequence that the column owns goes with its table.
        "public.payments belongs to ledger_admin: run ALTER TABLE public.payments OWNER TO migrator"
    }
    for name in roles:
        stage.rotate(name)
    stage.as_role("app", "INSERT INTO payments (amount) VALUES (1)")
    assert "must be owner" in stage.refused("migrator", "ALTER TABLE payments ADD note text")
    stage.as_master("ALTER TABLE public.payments OWNER TO migrator")
    stage.as_role("migrator", "ALTER TABLE payments ADD note text; CREATE TABLE more (a int)")
    stage.as_role("app", "SELECT * FROM more")
    stage.refused("app", "CREATE TABLE x (a int)")
    assert stage.drift() == []


def test_sql_of_the_page_makes_migrator_the_owner(
    make_stage: Callable[..., Stage],
) -> None:
    stage = make_stage(
        roles={"app": role("read-write", "public"), "migrator": role("owner", "public")}
    )
    stage.as_master(
        "CREATE TABLE entry (id serial PRIMARY KEY, amount integer NOT NULL);"
        "INSERT INTO entry (amount) VALUES (40), (2);"
        "CREATE VIEW total AS SELECT sum(amount) AS amount FROM entry;"
        "CREATE FUNCTION double(integer) RETURNS integer LANGUAGE sql RETURN $1 * 2;"
        "CREATE TYPE state AS ENUM ('open');"
        "CREATE TABLE part (state state) PARTITION BY LIST (state);"
        "CREATE TABLE part_1 PARTITION OF part DEFAULT;"
    )
    # The table with its sequence, the view, the function, the type, the two of the partitions.
    assert len(stage.apply()["drift"]) == 6
    for name in stage.roles:
        stage.rotate(name)
    stage.as_master(example(PAGE, "text", "ALTER TABLE"))
    assert stage.apply()["drift"] == []
    stage.as_role("app", "INSERT INTO entry (amount) VALUES (double(1))")
    assert stage.as_role("app", "SELECT amount FROM total") == "44"
    stage.as_role("migrator", "ALTER TABLE entry ADD COLUMN note text; DROP VIEW total")
    assert "must be owner" in stage.refused("app", "DROP TABLE entry")
    assert stage.as_master("SELECT sum(amount) FROM entry") == "44"  # Going back is possible.


def test_existing_schema_of_master_is_reported(stage: Stage) -> None:
    stage.as_master("CREATE SCHEMA app; CREATE TABLE app.payments (id int)")
    assert {*stage.apply()["drift"]} == {
        "schema app belongs to ledger_admin: run ALTER SCHEMA app OWNER TO migrator",
        "app.payments belongs to ledger_admin: run ALTER TABLE app.payments OWNER TO migrator",
    }
    for line in stage.drift():
        stage.as_master(line.split(": run ")[1])
    assert stage.drift() == []


def test_all_kinds_of_objects_of_the_master_user_are_reported(stage: Stage) -> None:
    stage.as_master(OLD)
    drift = [line for line in stage.apply()["drift"] if line.startswith("app.")]
    assert {line.split(" ")[0] for line in drift} == {
        *("app.state", "app.amount", "app.pair", "app.part", "app.part_1", "app.plain"),
        *("app.computed", "app.several", "app.mine"),
    }
    for line in drift:
        stage.as_master(line.split(": run ")[1])
    stage.as_master("ALTER SCHEMA app OWNER TO migrator")
    assert stage.drift() == []
    stage.rotate("migrator")
    stage.as_role(
        "migrator",
        "ALTER TYPE app.state ADD VALUE 'b'; ALTER DOMAIN app.amount SET NOT NULL;"
        "ALTER TABLE app.part DETACH PARTITION app.part_1; DROP TABLE app.part_1;"
        "ALTER TABLE app.computed ADD COLUMN x int; DROP STATISTICS app.several",
    )


OLD = """
CREATE SCHEMA app; SET search_path = app;
CREATE TYPE state AS ENUM ('a'); CREATE DOMAIN amount AS int; CREATE TYPE pair AS (a int, b int);
CREATE TABLE part (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE plain (id serial PRIMARY KEY, number int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE computed (a int, b int GENERATED ALWAYS AS (a * 2) STORED);
CREATE STATISTICS several ON id, number FROM plain;
CREATE COLLATION mine FROM "C";
"""


def test_object_of_a_stranger_is_reported_and_stops_nothing(stage: Stage) -> None:
    """The master user has no say in a table of somebody else, in a schema of its own."""
    stage.apply()
    stage.query(
        "CREATE TABLE app.strange (a int); CREATE FUNCTION app.strange() RETURNS int "
        "LANGUAGE sql AS 'SELECT 1'; SET ROLE migrator; CREATE TABLE app.late (a int);"
        "REVOKE ALL ON app.late FROM app"
    )
    answer = stage.apply()
    assert {*answer["drift"]} == {
        "app.strange belongs to postgres: run ALTER TABLE app.strange OWNER TO migrator",
        "app.strange() belongs to postgres: run ALTER ROUTINE app.strange() OWNER TO migrator",
        "not granted: SELECT, INSERT, UPDATE, DELETE on tables in schema app to app",
        "not granted: SELECT on tables in schema app to reader",
        "not granted: EXECUTE on routines in schema app to app",
        "not revoked: EXECUTE on functions in schema app from PUBLIC",
    }
    assert answer["changed"] == []
    # What it has a say in was granted all the same.
    assert stage.query("SELECT has_table_privilege('app', 'app.late', 'DELETE')") == "t"
    for line in answer["drift"]:
        if ": run " in line:
            stage.query(line.split(": run ")[1])
    assert stage.apply()["drift"] == []


def test_awkward_names(make_stage: Callable[..., Stage]) -> None:
    """Names that are words of SQL, and a master user with any name."""
    roles = {
        "select": role("read-write", "table", "user_"),
        "grant": role("owner", "table", "user_"),
    }
    stage = make_stage(roles=roles, master="ad'min\"; DROP ROLE x; --\\")
    assert stage.apply()["drift"] == []
    for name in roles:
        stage.rotate(name)
    stage.as_role("grant", 'CREATE TABLE "Pay;ments\'" (a int)')
    assert stage.as_role("select", "SHOW search_path") == '"table", user_, public'
    stage.as_role("select", f"SELECT * FROM {quoted(chr(80) + 'ay;ments' + chr(39))}")
    assert stage.drift() == []
