"""What the declaration wants of the database, as conditions and the SQL that makes them true.

A run that applies and a run that checks ask the same conditions, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from declaration import READ_WRITE, Declaration, Role
from session import literal, quote

MARK = "Made by finbase: "
LOGIN_MARK = f"{MARK}login of "

IAM = "rds_iam"
"""Whose members RDS asks for a token of IAM, and never for a password."""

OF_RDS = (
    "rdsadmin rdsproxyadmin rdsrepladmin rdstopmgr rdswriteforwarduser rds_ad "
    "rds_directory_service_role rds_extension rds_iam rds_password rds_replication rds_reserved "
    "rds_superuser"
).split()
"""The roles that RDS makes; others may have names that begin like these."""

TABLE, SEQUENCE, FUNCTION = "TABLE", "SEQUENCE", "ROUTINE"

_READ_WRITE: dict[str, tuple[str, ...]] = {
    TABLE: ("SELECT", "INSERT", "UPDATE", "DELETE"),
    SEQUENCE: ("SELECT", "USAGE"),
    FUNCTION: ("EXECUTE",),
}
_READ_ONLY: dict[str, tuple[str, ...]] = {TABLE: ("SELECT",), SEQUENCE: ("SELECT",)}

# An open transaction of a role that does nothing keeps its locks for so long at most.
IDLE_SECONDS = 300


@dataclass(frozen=True)
class Server:
    """What the SQL depends on: the version as a number, the database and the master user."""

    version: int
    database: str
    master: str


@dataclass(frozen=True)
class Wish:
    """A condition, the SQL that makes it true, and the words for both: ``created``, ``role x``."""

    done: str
    what: str
    holds: str
    sql: str
    iam: str = ""
    """The login that logs in with tokens of IAM from now on."""


@dataclass(frozen=True)
class Part:
    """Wishes of one transaction."""

    what: str
    wishes: tuple[Wish, ...]


def parts(declared: Declaration, server: Server) -> Iterator[Part]:
    """Yield the transactions of a set-up in their order: each needs the ones before it."""
    for extension in declared.extensions:
        yield Part(f"create the extension {extension}", (_extension(extension),))
    for role in sorted(declared.roles, key=lambda role: not role.owns):
        yield Part(f"set up the role {role.name}", tuple(_role(role, server)))
    for schema in declared.schemas:
        yield Part(f"set up the schema {schema}", tuple(_schema(schema, declared.owner(schema))))
    yield Part("set who may connect to the database", tuple(_database(declared, server)))
    for role in declared.roles:
        for schema in () if role.owns else role.schemas:
            wishes = tuple(_grants(role, schema, declared.owner(schema)))
            yield Part(f"grant {role.name} its privileges in the schema {schema}", wishes)


def privileges(role: Role) -> dict[str, tuple[str, ...]]:
    """Return by kind what a role that owns nothing may do with its schemas' objects."""
    return _READ_WRITE if role.kind == READ_WRITE else _READ_ONLY


def database_privileges(role: Role) -> tuple[str, ...]:
    """Return what a role may do with the database itself."""
    return ("CONNECT", "TEMPORARY") if role.owns else ("CONNECT",)


def gives(role: Role, database: str) -> Iterator[tuple[str, str, str]]:
    """Yield what a role is granted: kind, name of the database or schema, and privilege."""
    for privilege in database_privileges(role):
        yield "DATABASE", database, privilege
    for schema in role.schemas:
        # An owner has these where the schema is older than the declaration.
        for privilege in ("USAGE", "CREATE") if role.owns else ("USAGE",):
            yield "SCHEMA", schema, privilege
        for kind, wanted in {} if role.owns else privileges(role).items():
            for privilege in wanted:
                yield kind, schema, privilege


def note(role: Role) -> str:
    """Return the comment of a group: a later run learns from it what this one has granted."""
    return f"{MARK}{role.kind} in {', '.join(role.schemas)}"


def settings(role: Role) -> dict[str, tuple[str, str]]:
    """Return the defaults of a role's logins: by name, the value in SQL and as it is stored."""
    path = [*role.schemas, *({"public"} - set(role.schemas))]
    stored = " || ', ' || ".join(f"quote_ident({literal(schema)})" for schema in path)
    found = {
        "statement_timeout": (f"'{role.statement_timeout_seconds}s'",) * 2,
        "idle_in_transaction_session_timeout": (f"'{IDLE_SECONDS}s'",) * 2,
        "search_path": (", ".join(map(quote, path)), stored),
    }
    if role.owns:
        # What a login makes belongs to the group then, and the other login can change it.
        found["role"] = (literal(role.name),) * 2
    return found


def oid(role: str) -> str:
    """Return SQL for the id of a role; null if there is none."""
    return f"(SELECT oid FROM pg_roles WHERE rolname = {literal(role)})"


def namespace(schema: str) -> str:
    """Return SQL for the id of a schema; null if there is none."""
    return f"(SELECT oid FROM pg_namespace WHERE nspname = {literal(schema)})"


def _extension(name: str) -> Wish:
    return Wish(
        "created",
        f"extension {name}",
        f"EXISTS (SELECT FROM pg_extension WHERE extname = {literal(name)})",
        # One without a schema of its own goes to the first one of the path.
        f"SET LOCAL search_path = public; CREATE EXTENSION {quote(name)};"
        "SET LOCAL search_path = pg_catalog, pg_temp",
    )


def _role(role: Role, server: Server) -> Iterator[Wish]:
    yield from _made(role.name, "NOLOGIN", note(role), server)
    if role.owns:
        # The master user can give a schema only to a role that it is a member of.
        modes = ("USAGE", "SET") if server.version >= 160000 else ("USAGE",)
        yield Wish(
            "granted",
            f"role {role.name} to the master user",
            " AND ".join(f"pg_has_role({oid(role.name)}, '{mode}')" for mode in modes),
            f"GRANT {quote(role.name)} TO CURRENT_USER",
        )
    for login in role.all_logins:
        yield from of_login(role, login, server)


def of_login(role: Role, login: str, server: Server) -> Iterator[Wish]:
    """Yield what one login of a role needs."""
    yield from _made(login, "LOGIN", f"{LOGIN_MARK}{role.name}", server)
    groups = [role.name] + [IAM] * (login not in role.logins)
    for group in groups:
        yield Wish(
            "granted",
            f"role {group} to {login}",
            f"EXISTS (SELECT FROM pg_auth_members WHERE roleid = {oid(group)} "
            f"AND member = {oid(login)}{_inherited(server)})",
            f"GRANT {quote(group)} TO {quote(login)}",
            login if group == IAM else "",
        )
    limit = role.connection_limit
    yield Wish(
        "set",
        f"connection limit {limit} of {login}",
        f"EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(login)} "
        f"AND rolconnlimit = {limit})",
        f"ALTER ROLE {quote(login)} CONNECTION LIMIT {limit}",
    )
    for name, (value, stored) in settings(role).items():
        stored = stored if name == "search_path" else literal(stored.strip("'"))
        yield Wish(
            "set",
            f"{name} of {login}",
            f"EXISTS (SELECT FROM pg_db_role_setting WHERE setrole = {oid(login)} "
            f"AND setdatabase = 0 AND '{name}=' || {stored} = ANY (setconfig))",
            f"ALTER ROLE {quote(login)} SET {name} = {value}",
        )


def _made(name: str, options: str, comment: str, server: Server) -> Iterator[Wish]:
    yield Wish(
        "created",
        f"role {name}",
        f"{oid(name)} IS NOT NULL",
        f"CREATE ROLE {quote(name)} {options};COMMENT ON ROLE {quote(name)} IS {literal(comment)}",
    )
    if comment.startswith(LOGIN_MARK) and name.endswith("_iam"):
        yield _not_of_master(name, server)
        return
    # PostgreSQL 16 gives this to whoever makes a role, and keeps it from everybody else. Given
    # before, it lets the master user keep its hold of the role in an upgrade to that version.
    yield Wish(
        "granted",
        f"administration of role {name} to the master user",
        f"(SELECT rolsuper FROM pg_roles WHERE rolname = CURRENT_USER) OR EXISTS (SELECT FROM "
        f"pg_auth_members WHERE roleid = {oid(name)} AND member = {oid(server.master)} "
        "AND admin_option)",
        f"GRANT {quote(name)} TO CURRENT_USER WITH ADMIN OPTION",
    )


def _not_of_master(login: str, server: Server) -> Wish:
    """A login of IAM has no members: RDS wants a token from each member of ``rds_iam``."""
    ends = f"REVOKE {quote(login)} FROM CURRENT_USER"
    if server.version >= 160000:
        # Who has made a role keeps the right to administer it, which lets nobody use it.
        ends = ";".join(
            f"REVOKE {option} OPTION FOR {quote(login)} FROM CURRENT_USER"
            for option in ("INHERIT", "SET")
        )
    return Wish(
        "revoked",
        f"role {login} from the master user",
        f"NOT EXISTS (SELECT FROM pg_auth_members a WHERE roleid = {oid(login)} "
        f"AND member = {oid(server.master)}{_usable(server)})",
        ends,
    )


def master_of_iam(server: Server) -> str:
    """Return a query for what ends memberships by which the master user has ``rds_iam``."""
    modes = ("USAGE", "SET") if server.version >= 160000 else ("MEMBER",)
    has = " OR ".join(f"pg_has_role(g.oid, {oid(IAM)}, '{mode}')" for mode in modes)
    return (
        "SELECT DISTINCT format('REVOKE %I FROM %I', g.rolname, CURRENT_USER) "
        "FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid "
        f"WHERE a.member = {oid(server.master)}{_usable(server)} AND ({has})"
    )


def _usable(server: Server) -> str:
    return " AND (a.inherit_option OR a.set_option)" if server.version >= 160000 else ""


def _inherited(server: Server) -> str:
    return " AND inherit_option AND set_option" if server.version >= 160000 else ""


def _schema(schema: str, owner: Role) -> Iterator[Wish]:
    held, holder = namespace(schema), oid(owner.name)
    yield Wish(
        "created",
        f"schema {schema}",
        f"{held} IS NOT NULL",
        f"CREATE SCHEMA {quote(schema)} AUTHORIZATION {quote(owner.name)}",
    )
    granted = _of_acl("pg_namespace", "nspacl", f"x.oid = {held}", holder, ("USAGE", "CREATE"))
    yield Wish(
        "granted",
        f"USAGE, CREATE on schema {schema} to {owner.name}",
        f"EXISTS (SELECT FROM pg_namespace WHERE oid = {held} AND nspowner = {holder}) "
        f"OR {granted}",
        f"GRANT USAGE, CREATE ON SCHEMA {quote(schema)} TO {quote(owner.name)}",
    )
    yield Wish(
        "revoked",
        f"EXECUTE on future functions of {owner.name} from PUBLIC",
        f"EXISTS (SELECT FROM pg_default_acl WHERE defaclrole = {holder} AND defaclnamespace = 0 "
        "AND defaclobjtype = 'f' AND NOT EXISTS "
        "(SELECT FROM aclexplode(defaclacl) WHERE grantee = 0))",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote(owner.name)} "
        "REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    )
    # An explicit grant to PUBLIC was somebody's decision: that is drift, and stays.
    rows = objects(FUNCTION, schema) + " AND o.proacl IS NULL"
    yield Wish(
        "revoked",
        f"EXECUTE on functions in schema {schema} from PUBLIC",
        f"NOT EXISTS ({rows})",
        for_each_object(rows, FUNCTION, f"REVOKE EXECUTE ON {FUNCTION} %s FROM PUBLIC"),
    )


def _database(declared: Declaration, server: Server) -> Iterator[Wish]:
    this = "datname = current_database()"
    for role in declared.roles:
        wanted = database_privileges(role)
        yield Wish(
            "granted",
            f"{', '.join(wanted)} on the database to {role.name}",
            _of_acl("pg_database", "datacl", this, oid(role.name), wanted),
            f"GRANT {', '.join(wanted)} ON DATABASE {quote(server.database)} TO {quote(role.name)}",
        )
    yield Wish(
        "revoked",
        "all on the database from PUBLIC",
        f"NOT EXISTS (SELECT FROM pg_database x, "
        f"aclexplode(coalesce(x.datacl, acldefault('d', x.datdba))) a WHERE {this} "
        "AND a.grantee = 0)",
        f"REVOKE ALL ON DATABASE {quote(server.database)} FROM PUBLIC",
    )
    # Where everybody may connect, every role may fill the disk. Those that the master user has no
    # say in are drift.
    others = (
        "SELECT x.datname FROM pg_database x WHERE x.datallowconn "
        "AND x.datname <> current_database() AND pg_has_role(x.datdba, 'USAGE') AND EXISTS (SELECT "
        "FROM aclexplode(coalesce(x.datacl, acldefault('d', x.datdba))) WHERE grantee = 0)"
    )
    yield Wish(
        "revoked",
        "all on the other databases from PUBLIC",
        f"NOT EXISTS ({others})",
        for_each(others, "REVOKE ALL ON DATABASE %I FROM PUBLIC"),
    )
    yield Wish(
        "revoked",
        "CREATE on schema public from PUBLIC",
        "NOT EXISTS (SELECT FROM pg_namespace x, aclexplode(x.nspacl) a "
        "WHERE x.nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE')",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    )


def _grants(role: Role, schema: str, owner: Role) -> Iterator[Wish]:
    yield Wish(
        "granted",
        f"USAGE on schema {schema} to {role.name}",
        _of_acl(
            "pg_namespace", "nspacl", f"x.oid = {namespace(schema)}", oid(role.name), ("USAGE",)
        ),
        f"GRANT USAGE ON SCHEMA {quote(schema)} TO {quote(role.name)}",
    )
    for kind, wanted in privileges(role).items():
        listed, plural = ", ".join(wanted), f"{kind.lower()}s"
        letter, holder, acl = CATALOGUES[kind][1:]
        lacking = (
            f"{objects(kind, schema)} AND o.{holder} <> {oid(role.name)} "
            f"AND {len(wanted)} <> (SELECT count(DISTINCT a.privilege_type) FROM "
            f"aclexplode(coalesce(o.{acl}, acldefault('{letter}', o.{holder}))) a "
            f"WHERE a.grantee = {oid(role.name)} AND a.privilege_type IN ({texts(wanted)}))"
        )
        yield Wish(
            "granted",
            f"{listed} on {plural} in schema {schema} to {role.name}",
            f"{oid(role.name)} IS NOT NULL AND NOT EXISTS ({lacking})",
            for_each_object(lacking, kind, f"GRANT {listed} ON {kind} %s TO {quote(role.name)}"),
        )
        yield Wish(
            "granted",
            f"{listed} on future {plural} of {owner.name} in schema {schema} to {role.name}",
            f"{len(wanted)} = (SELECT count(DISTINCT a.privilege_type) "
            f"FROM pg_default_acl d, aclexplode(d.defaclacl) a "
            f"WHERE d.defaclrole = {oid(owner.name)} AND d.defaclnamespace = {namespace(schema)} "
            f"AND d.defaclobjtype = '{DEFAULTS[kind]}' AND a.grantee = {oid(role.name)} "
            f"AND a.privilege_type IN ({texts(wanted)}))",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote(owner.name)} IN SCHEMA {quote(schema)} "
            f"GRANT {listed} ON {kind}S TO {quote(role.name)}",
        )


# Catalogue, letter for acldefault, columns of the owner and the ACL.
CATALOGUES = {
    TABLE: ("pg_class", "r", "relowner", "relacl"),
    SEQUENCE: ("pg_class", "s", "relowner", "relacl"),
    FUNCTION: ("pg_proc", "f", "proowner", "proacl"),
}
DEFAULTS = {TABLE: "r", SEQUENCE: "S", FUNCTION: "f"}


def objects(kind: str, schema: str) -> str:
    """Return a query for the objects of a kind in a schema, but parts of something else."""
    catalogue = CATALOGUES[kind][0]
    column = {"pg_class": "relnamespace", "pg_proc": "pronamespace"}[catalogue]
    kinds = {TABLE: " AND o.relkind IN ('r', 'p', 'v', 'm', 'f')", SEQUENCE: " AND o.relkind = 'S'"}
    # PostgreSQL makes functions for a type of ranges, and keeps them for itself.
    parts = "('e', 'i')" if kind == FUNCTION else "('e')"
    return (
        f"SELECT o.oid FROM {catalogue} o WHERE o.{column} = {namespace(schema)}"
        f"{kinds.get(kind, '')} AND NOT EXISTS (SELECT FROM pg_depend e WHERE "
        f"e.classid = '{catalogue}'::regclass AND e.objid = o.oid AND e.deptype IN {parts})"
    )


def for_each_object(rows: str, kind: str, statement: str) -> str:
    """Return SQL that runs a statement for each object that the master user has a say in."""
    catalogue, _, owner, _ = CATALOGUES[kind]
    alias = {"pg_class": "regclass", "pg_proc": "regprocedure"}[catalogue]
    named = rows.replace("SELECT o.oid", f"SELECT o.oid::{alias}::text", 1)
    return for_each(f"{named} AND pg_has_role(o.{owner}, 'USAGE')", statement)


def for_each(names: str, statement: str) -> str:
    """Return SQL that runs a statement, in which a name is ``%s`` or ``%I``, for each name."""
    return "DO " + literal(
        f"DECLARE name text; BEGIN FOR name IN {names} "
        f"LOOP EXECUTE format({literal(statement)}, name); END LOOP; END"
    )


def _of_acl(catalogue: str, column: str, where: str, grantee: str, wanted: Sequence[str]) -> str:
    return (
        f"{len(wanted)} = (SELECT count(DISTINCT a.privilege_type) "
        f"FROM {catalogue} x, aclexplode(x.{column}) a "
        f"WHERE {where} AND a.grantee = {grantee} AND a.privilege_type IN ({texts(wanted)}))"
    )


def texts(values: Sequence[str]) -> str:
    """Return texts as a list of SQL literals."""
    return ", ".join(map(literal, values))
