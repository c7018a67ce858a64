"""What the database has beyond the declaration: reported, never removed.

What was added by hand may be what an incident needs today. Each line names the role, the privilege
and the object, and where it helps the statement that ends it.
"""

from __future__ import annotations

from collections.abc import Iterator

import wishes
from declaration import Declaration
from session import Session, literal
from wishes import FUNCTION, Server

# Rows of one question; there is one more if there are more.
LIMIT = 100

_OF_RDS = wishes.texts(wishes.OF_RDS)


def excess(session: Session, declared: Declaration, server: Server) -> list[str]:
    """Return what roles may, are or own beyond the declaration, in the words of a sentence."""
    found: list[str] = []
    for sql in _questions(declared, server):
        rows = session.rows(f"{sql} ORDER BY 1 LIMIT {LIMIT + 1}")
        lines = [_printable(line or "") for (line,) in rows]
        found += lines[:LIMIT] + ["and more of this kind"] * (len(lines) > LIMIT)
    return found


def _questions(declared: Declaration, server: Server) -> Iterator[str]:
    names = _list(declared.names)
    yield _beyond(declared, server)
    yield _public(declared, server)
    yield _attributes(declared)
    yield _memberships(declared)
    yield (
        "SELECT format('the master user is a member of rds_iam, so RDS wants a token of IAM from "
        f"it and no password: to end that, run %s', line) FROM ({wishes.master_of_iam(server)}) "
        "found (line)"
    )
    yield _settings(declared, names)
    yield _owned(declared, names)
    yield from _of_strangers(declared, server)
    yield from (_of_others(schema, declared) for schema in declared.schemas)
    # What an earlier declaration had.
    yield (
        # Whoever gives a role's objects away must be its member.
        "SELECT format('role %I is not declared any more: to remove it, run %3$sGRANT %1$I TO "
        "%2$I; REASSIGN OWNED BY %1$I TO %2$I; DROP OWNED BY %1$I; DROP ROLE %1$I', rolname, "
        "CURRENT_USER, (SELECT format('REVOKE %I FROM %I; ', pg_get_userbyid(roleid), rolname) "
        f"FROM pg_auth_members WHERE member = r.oid AND roleid = {wishes.oid(wishes.IAM)})) "
        "FROM pg_roles r "
        "WHERE starts_with(coalesce(shobj_description(oid, 'pg_authid'), ''), "
        f"{literal(wishes.MARK)}) AND rolname NOT IN ({names})"
    )


def _acls(server: Server) -> str:
    """Return SQL for every privilege on every kind of object: who, what, and on which object."""
    relations = "relnamespace::regnamespace::text, relowner"
    own = {
        "database": "SELECT datname, datname, datdba, 'd', datacl, false, false FROM pg_database "
        "WHERE datallowconn",
        "schema": "SELECT nspname, nspname, nspowner, 'n', nspacl, false, "
        f"{_of_extension('pg_namespace', 'o.oid')} FROM pg_namespace o",
        "table": f"SELECT oid::regclass::text, {relations}, 'r', relacl, false, "
        f"{_of_extension('pg_class', 'o.oid')} FROM pg_class o "
        "WHERE relkind IN ('r', 'p', 'v', 'm', 'f')",
        "sequence": f"SELECT oid::regclass::text, {relations}, 's', relacl, false, "
        f"{_of_extension('pg_class', 'o.oid')} FROM pg_class o WHERE relkind = 'S'",
        "column": f"SELECT format('%s.%I', attrelid::regclass, attname), {relations}, 'c', attacl, "
        f"false, {_of_extension('pg_class', 'attrelid')} FROM pg_attribute "
        "JOIN pg_class c ON c.oid = attrelid WHERE attacl IS NOT NULL AND NOT attisdropped",
        "function": "SELECT oid::regprocedure::text, pronamespace::regnamespace::text, proowner, "
        f"'f', proacl, prosecdef, {_of_extension('pg_proc', 'o.oid')} FROM pg_proc o",
        "type": "SELECT oid::regtype::text, typnamespace::regnamespace::text, typowner, 'T', "
        "typacl, false, false FROM pg_type",
        "language": "SELECT lanname, NULL, lanowner, 'l', lanacl, false, false FROM pg_language",
        "foreign-data wrapper": "SELECT fdwname, NULL, fdwowner, 'F', fdwacl, false, false "
        "FROM pg_foreign_data_wrapper",
        "foreign server": "SELECT srvname, NULL, srvowner, 'S', srvacl, false, false "
        "FROM pg_foreign_server",
        "tablespace": "SELECT spcname, NULL, spcowner, 't', spcacl, false, false "
        "FROM pg_tablespace",
        "large object": "SELECT oid::text, NULL, lomowner, 'L', lomacl, false, false "
        "FROM pg_largeobject_metadata",
        "future objects of": "SELECT format('%s, kind %s', defaclrole::regrole, defaclobjtype), "
        "format('%s %s %s', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype), "
        "defaclrole, 'r', defaclacl, false, false FROM pg_default_acl",
    }
    if server.version >= 150000:
        own["parameter"] = (
            "SELECT parname, NULL, 10::oid, 'p', paracl, false, false FROM pg_parameter_acl"
        )
    columns = "(name, place, owner, letter, acl, definer, extension)"
    return " UNION ALL ".join(
        f"SELECT {literal(kind)} AS kind, o.* FROM ({rows}) o {columns}"
        for kind, rows in own.items()
    )


def _of_extension(catalogue: str, oid: str) -> str:
    return (
        f"EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{catalogue}'::regclass "
        f"AND e.objid = {oid} AND e.deptype = 'e')"
    )


def _expected(declared: Declaration, server: Server) -> Iterator[str]:
    """Yield a row of SQL for each declared privilege: role, kind, place, privilege."""

    def row(role: str, kind: str, place: str, privilege: str) -> str:
        return f"({literal(role)}, {literal(kind)}, {place}, {literal(privilege)})"

    def identifier(name: str) -> str:
        return f"quote_ident({literal(name)})"

    yield row("", "", "''", "")
    for role in declared.roles:
        for kind, place, privilege in wishes.gives(role, server.database):
            if kind not in wishes.CATALOGUES:
                yield row(role.name, kind.lower(), literal(place), privilege)
                continue
            word = "function" if kind == FUNCTION else kind.lower()
            yield row(role.name, word, identifier(place), privilege)
            future = (
                f"format('%s %s %s', {identifier(declared.owner(place).name)}, "
                f"{identifier(place)}, '{wishes.DEFAULTS[kind]}')"
            )
            yield row(role.name, "future objects of", future, privilege)


def _beyond(declared: Declaration, server: Server) -> str:
    """Privileges of declared roles, granted to themselves, that are not declared."""
    expected = ", ".join(_expected(declared, server))
    return (
        f"WITH acls AS ({_acls(server)}), expected (role, kind, place, privilege) AS "
        f"(VALUES {expected}) SELECT format('role %I may also %s on %s %s%s', rolname, "
        "privilege_type, kind, name, CASE WHEN is_grantable THEN ', and grant it' ELSE '' END) "
        "FROM acls, aclexplode(acl), pg_roles r WHERE r.oid = grantee AND grantee <> owner "
        f"AND rolname IN ({_list(declared.names)}) AND (is_grantable OR "
        "(rolname, kind, coalesce(place, ''), privilege_type) NOT IN (SELECT * FROM expected))"
    )


def _public(declared: Declaration, server: Server) -> str:
    """What everybody may, and so every declared role, beside what the wishes ask for.

    A function of the type SECURITY DEFINER runs with its owner's rights; others do no harm where
    nothing is declared. What an extension lets everybody do is its author's decision.
    """
    return (
        f"WITH acls AS ({_acls(server)}) SELECT format('everybody may %s on %s %s', "
        "privilege_type, kind, name) FROM acls, aclexplode(coalesce(acl, CASE WHEN letter NOT IN "
        "('c', 'p') THEN acldefault(letter::\"char\", owner) END)) WHERE grantee = 0 "
        "AND NOT extension AND coalesce(place, '') NOT IN ('pg_catalog', 'information_schema') "
        "AND coalesce(place, '') NOT LIKE 'pg\\_%' AND (kind IN ('table', 'sequence', 'column', "
        "'large object', 'parameter', 'foreign server', 'foreign-data wrapper') "
        "OR kind = 'schema' AND place <> 'public' "
        # The rest of these is what an apply revokes, or PostgreSQL's own default.
        "OR kind = 'database' AND place <> current_database() AND NOT pg_has_role(owner, 'USAGE') "
        "OR kind = 'future objects of' AND place !~ ' - f$| T$' "
        "OR kind = 'function' AND (definer OR acl IS NOT NULL "
        f"AND place IN ({_identifiers(declared)})))"
    )


def _attributes(declared: Declaration) -> str:
    groups = _list(tuple(role.name for role in declared.roles))
    return (
        "SELECT format('role %I is %s', rolname, attribute) FROM pg_roles, LATERAL (VALUES "
        "(rolsuper, 'SUPERUSER'), (rolcreaterole, 'CREATEROLE'), (rolcreatedb, 'CREATEDB'), "
        "(rolreplication, 'REPLICATION'), (rolbypassrls, 'BYPASSRLS'), "
        f"(rolcanlogin AND rolname IN ({groups}), 'LOGIN'), "
        f"(NOT rolcanlogin AND rolname NOT IN ({groups}), "
        "format('NOLOGIN: to let it log in again, run ALTER ROLE %I LOGIN', rolname)), "
        "(NOT rolinherit, 'NOINHERIT'), (rolvaliduntil < 'infinity', format('VALID UNTIL a date: "
        "to end that, run ALTER ROLE %I VALID UNTIL %L', rolname, 'infinity'))) a (has, attribute) "
        f"WHERE has AND rolname IN ({_list(declared.names)})"
    )


def _memberships(declared: Declaration) -> str:
    expected = ["('', '')"]
    for role in declared.roles:
        expected += [f"({literal(role.name)}, {literal(login)})" for login in role.all_logins]
        expected += [
            f"('rds_iam', {literal(login)})"
            for login in role.all_logins
            if login not in role.logins
        ]
    names = _list(declared.names)
    return (
        "SELECT format('role %I is a member of %I%s', m.rolname, g.rolname, CASE WHEN admin_option "
        "THEN ' with ADMIN OPTION' ELSE '' END) FROM pg_auth_members a "
        "JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member "
        f"WHERE (m.rolname IN ({names}) OR g.rolname IN ({names})) AND m.rolname <> CURRENT_USER "
        f"AND m.rolname NOT IN ({_OF_RDS}) "
        f"AND (admin_option OR (g.rolname, m.rolname) NOT IN ({', '.join(expected)}))"
    )


def _of_strangers(declared: Declaration, server: Server) -> Iterator[str]:
    """What roles may that nobody has declared, and extensions; neither RDS nor PostgreSQL has made.

    Of their privileges those count that concern what is declared.
    """
    names = _list(declared.names)
    stranger = (
        f"r.rolname NOT IN ({names}) AND r.rolname <> CURRENT_USER AND NOT r.rolsuper "
        f"AND r.rolname !~ '^pg_' AND r.rolname NOT IN ({_OF_RDS}) AND NOT starts_with("
        f"coalesce(shobj_description(r.oid, 'pg_authid'), ''), {literal(wishes.MARK)})"
    )
    line = "SELECT format('role %I, which is not declared, "
    yield (
        f"{line}is %s', rolname, attribute) FROM pg_roles r, LATERAL (VALUES "
        "(rolcreaterole, 'CREATEROLE'), (rolcreatedb, 'CREATEDB'), "
        "(rolreplication, 'REPLICATION'), (rolbypassrls, 'BYPASSRLS')) a (has, attribute) "
        f"WHERE has AND {stranger}"
    )
    yield (
        f"{line}is a member of %I', r.rolname, g.rolname) FROM pg_auth_members a "
        "JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles r ON r.oid = a.member "
        f"WHERE (g.rolname ~ '^pg_' OR g.rolname IN ({_OF_RDS}) AND g.rolname <> '{wishes.IAM}' "
        "OR g.rolname = CURRENT_USER) "
        f"AND {stranger}"
    )
    schemas = _list(declared.schemas)
    yield (
        f"WITH acls AS ({_acls(server)}) {line}may %s on %s %s', rolname, privilege_type, kind, "
        "name) FROM acls, aclexplode(acl), pg_roles r WHERE r.oid = grantee AND grantee <> owner "
        "AND (kind = 'database' AND place = current_database() "
        f"OR kind = 'schema' AND place IN ({schemas}) "
        "OR kind IN ('table', 'sequence', 'column', 'function', 'type') "
        f"AND place IN ({_identifiers(declared)}) OR kind = 'future objects of' "
        f"AND pg_get_userbyid(owner) IN ({names})) AND {stranger}"
    )
    yield (
        "SELECT format('extension %I is not declared: to remove it, run DROP EXTENSION %1$I', "
        "extname) FROM pg_extension WHERE extname NOT IN "
        f"('plpgsql', {_list(declared.extensions)})"
    )


def _settings(declared: Declaration, names: str) -> str:
    """Defaults of roles, and what would switch the audit off for whomever; never their values."""
    expected = ", ".join(
        ["('', '')"]
        + [
            f"({literal(login)}, {literal(name)})"
            for role in declared.roles
            for login in role.all_logins
            for name in wishes.settings(role)
        ]
    )
    return (
        "SELECT format('%s has a setting of its own: %s', CASE WHEN s.setrole = 0 THEN "
        "'the database' ELSE format('role %I', r.rolname) END, split_part(c.line, '=', 1)) "
        "FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole "
        "LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c (line) "
        "WHERE (s.setdatabase = 0 OR d.datname = current_database()) AND "
        f"(r.rolname IN ({names}) AND (s.setdatabase <> 0 OR "
        f"(r.rolname, split_part(c.line, '=', 1)) NOT IN ({expected})) "
        f"OR NOT coalesce(r.rolname IN ({_OF_RDS}), false) "
        f"AND coalesce(r.rolname NOT IN ({names}), true) "
        "AND (starts_with(c.line, 'pgaudit.') OR starts_with(c.line, 'log_')))"
    )


def _owned(declared: Declaration, names: str) -> str:
    """Objects of declared roles, but what an owner has in its schemas."""
    expected = ", ".join(
        ["('', '')"]
        + [
            f"({literal(role.name)}, quote_ident({literal(schema)}))"
            for role in declared.roles
            if role.owns
            for schema in role.schemas
        ]
    )
    return (
        "SELECT format('role %I owns the %s %s', rolname, o.type, o.identity) FROM pg_shdepend s "
        "JOIN pg_roles r ON r.oid = s.refobjid, pg_identify_object(classid, objid, objsubid) o "
        "WHERE s.deptype = 'o' AND s.refclassid = 'pg_authid'::regclass "
        "AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) "
        f"AND rolname IN ({names}) AND coalesce(o.schema, '') NOT LIKE 'pg\\_temp%' "
        "AND coalesce(o.schema, '') NOT LIKE 'pg\\_toast%' "
        f"AND o.type <> 'default acl' AND (rolname, coalesce(o.schema, CASE o.type WHEN 'schema' "
        f"THEN o.name END, '-')) NOT IN ({expected})"
    )


# What ALTER … OWNER takes, with the prefix of the catalogue's columns.
_OWNED = (
    ("pg_class", "rel", "TABLE", " AND o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"),
    ("pg_proc", "pro", FUNCTION, ""),
    ("pg_type", "typ", "TYPE", ""),
    ("pg_statistic_ext", "stx", "STATISTICS", ""),
    ("pg_collation", "coll", "COLLATION", ""),
    ("pg_operator", "opr", "OPERATOR", ""),
    ("pg_ts_config", "cfg", "TEXT SEARCH CONFIGURATION", ""),
    ("pg_ts_dict", "dict", "TEXT SEARCH DICTIONARY", ""),
)


def _of_others(schema: str, declared: Declaration) -> str:
    """Objects in a schema that its owner cannot change, because they are somebody else's.

    Left out is what has no owner of its own: a member of an extension, a sequence of a column, and
    what PostgreSQL makes for a table or type, such as its array. A partition depends on its table
    in the same way as such a sequence, as columns do, and has an owner.
    """
    owner = declared.owner(schema).name
    held = wishes.namespace(schema)
    lines = [
        "SELECT format('schema %I belongs to %I: run ALTER SCHEMA %1$I OWNER TO %3$I', nspname, "
        f"pg_get_userbyid(nspowner), {literal(owner)}) FROM pg_namespace WHERE oid = {held} "
        f"AND nspname <> 'public' AND pg_get_userbyid(nspowner) <> {literal(owner)}"
    ]
    for catalogue, prefix, word, more in _OWNED:
        holder = f"pg_get_userbyid(o.{prefix}owner)"
        parts = "e.deptype IN ('e', 'i')"
        if catalogue == "pg_class":
            parts += " OR e.deptype = 'a' AND o.relkind = 'S'"
        lines.append(
            f"SELECT format('%s belongs to %I: run ALTER {word} %1$s OWNER TO %3$I', "
            f"(pg_identify_object('{catalogue}'::regclass, o.oid, 0)).identity, {holder}, "
            f"{literal(owner)}) FROM {catalogue} o WHERE o.{prefix}namespace = {held} "
            f"AND {holder} <> {literal(owner)} AND NOT EXISTS (SELECT FROM pg_depend e WHERE "
            f"e.classid = '{catalogue}'::regclass AND e.objid = o.oid AND e.objsubid = 0 "
            f"AND ({parts})){more}"
        )
    return " UNION ALL ".join(lines)


def _identifiers(declared: Declaration) -> str:
    return ", ".join(f"quote_ident({literal(schema)})" for schema in declared.schemas) or "''"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(map(literal, ("", *names)))


def _printable(line: str) -> str:
    """Return one line of bounded length: a name in it may be anybody's invention."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)[:300]
