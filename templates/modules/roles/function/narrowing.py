"""What an earlier declaration gave and the present one does not: an apply takes it away.

The comment of a group says what was granted to it last. That tells a change of the declaration
from what was added by hand, which is drift and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import wishes
from declaration import KINDS, Declaration, Role
from session import Session, literal, quote
from wishes import Part, Server, Wish

# Releases before 1.2.0 noted no schemas.
_NOTE = re.compile(rf"{wishes.MARK}({'|'.join(KINDS)})(?: in ([a-z0-9_, ]+))?")


def parts(session: Session, declared: Declaration, server: Server) -> Iterator[Part]:
    """Yield a transaction for each role whose declaration has changed, and one for old logins."""
    for role in declared.roles:
        noted = session.value(f"SELECT shobj_description({wishes.oid(role.name)}, 'pg_authid')")
        if noted == wishes.note(role):
            continue
        match = _NOTE.fullmatch(noted or "")
        former = role
        if match:
            schemas = tuple(match[2].split(", ")) if match[2] else role.schemas
            former = replace(role, kind=match[1], schemas=schemas)
        what = f"take from {role.name} what is not declared any more"
        yield Part(what, (*_lost(former, role, server), _noted(role)))
    yield Part("end the logins that are not declared any more", tuple(_logins(session, declared)))


def _noted(role: Role) -> Wish:
    return Wish(
        "noted",
        f"kind and schemas of {role.name}",
        f"shobj_description({wishes.oid(role.name)}, 'pg_authid') = {literal(wishes.note(role))}",
        f"COMMENT ON ROLE {quote(role.name)} IS {literal(wishes.note(role))}",
    )


def _lost(former: Role, role: Role, server: Server) -> Iterator[Wish]:
    kept = {*wishes.gives(role, server.database)}
    lost: dict[tuple[str, str], list[str]] = {}
    for kind, place, privilege in wishes.gives(former, server.database):
        # Whoever owns a schema now needs no grants in it, and loses none before it has the tables.
        owned = role.owns and place in role.schemas and kind in wishes.CATALOGUES
        if (kind, place, privilege) not in kept and not owned:
            lost.setdefault((kind, place), []).append(privilege)
    for (kind, place), privileges in lost.items():
        if kind in wishes.CATALOGUES:
            yield from _of_objects(role.name, kind, place, privileges)
        else:
            yield _of_one(role.name, kind, place, privileges)
    for schema in former.schemas if former.owns else ():
        if not role.owns or schema not in role.schemas:
            yield from _of_owner(role.name, schema)
    if former.owns and not role.owns:
        for login in role.all_logins:
            yield Wish(
                "reset",
                f"role of {login}",
                f"NOT EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) line WHERE "
                f"setrole = {wishes.oid(login)} AND setdatabase = 0 "
                "AND starts_with(line, 'role='))",
                f"ALTER ROLE {quote(login)} RESET role",
            )


def _of_one(role: str, kind: str, place: str, privileges: list[str]) -> Wish:
    """Take privileges on the database or a schema, unless it is the role's own."""
    catalogue, name, owner, acl = {
        "DATABASE": ("pg_database", "datname", "datdba", "datacl"),
        "SCHEMA": ("pg_namespace", "nspname", "nspowner", "nspacl"),
    }[kind]
    return Wish(
        "revoked",
        f"{', '.join(privileges)} on {kind.lower()} {place} from {role}",
        f"NOT EXISTS (SELECT FROM {catalogue} x, aclexplode(x.{acl}) "
        f"WHERE x.{name} = {literal(place)} AND x.{owner} <> {wishes.oid(role)} "
        f"AND {_among(role, privileges)})",
        f"REVOKE {', '.join(privileges)} ON {kind} {quote(place)} FROM {quote(role)}",
    )


def _of_objects(role: str, kind: str, schema: str, privileges: list[str]) -> Iterator[Wish]:
    """Take privileges on the objects of a schema, and on those to come."""
    listed, plural = ", ".join(privileges), f"{kind.lower()}s"
    _, _, owner, acl = wishes.CATALOGUES[kind]
    rows = (
        f"{wishes.objects(kind, schema)} AND o.{owner} <> {wishes.oid(role)} "
        f"AND EXISTS (SELECT FROM aclexplode(o.{acl}) WHERE {_among(role, privileges)})"
    )
    yield Wish(
        "revoked",
        f"{listed} on {plural} in schema {schema} from {role}",
        f"NOT EXISTS ({rows})",
        wishes.for_each_object(rows, kind, f"REVOKE {listed} ON {kind} %s FROM {quote(role)}"),
    )
    owners = (
        "SELECT DISTINCT pg_get_userbyid(d.defaclrole) FROM pg_default_acl d, "
        f"aclexplode(d.defaclacl) WHERE d.defaclnamespace = {wishes.namespace(schema)} "
        f"AND d.defaclobjtype = '{wishes.DEFAULTS[kind]}' AND {_among(role, privileges)} "
        "AND pg_has_role(d.defaclrole, 'USAGE')"
    )
    yield Wish(
        "revoked",
        f"{listed} on future {plural} in schema {schema} from {role}",
        f"NOT EXISTS ({owners})",
        wishes.for_each(
            owners,
            f"ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA {quote(schema)} "
            f"REVOKE {listed} ON {kind}S FROM {quote(role)}",
        ),
    )


def _of_owner(role: str, schema: str) -> Iterator[Wish]:
    """Take from others what they would get on objects that a former owner makes."""
    for kind, letter in wishes.DEFAULTS.items():
        grantees = (
            "SELECT DISTINCT pg_get_userbyid(grantee) FROM pg_default_acl, aclexplode(defaclacl) "
            f"WHERE defaclrole = {wishes.oid(role)} AND defaclobjtype = '{letter}' "
            f"AND defaclnamespace = {wishes.namespace(schema)} AND grantee <> defaclrole "
            "AND grantee <> 0"
        )
        yield Wish(
            "revoked",
            f"all on future {kind.lower()}s of {role} in schema {schema} from everybody else",
            f"NOT EXISTS ({grantees})",
            wishes.for_each(
                grantees,
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote(role)} IN SCHEMA {quote(schema)} "
                f"REVOKE ALL ON {kind}S FROM %I",
            ),
        )


def _logins(session: Session, declared: Declaration) -> Iterator[Wish]:
    """Take from logins that are not declared any more what made them logins of a role."""
    mark = literal(wishes.LOGIN_MARK)
    rows = session.rows(
        "SELECT g.rolname, m.rolname FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid "
        "JOIN pg_roles m ON m.oid = a.member, shobj_description(m.oid, 'pg_authid') noted "
        f"WHERE starts_with(noted, {mark}) AND m.rolname NOT IN "
        f"({wishes.texts(('', *declared.names))}) "
        f"AND g.rolname IN ('{wishes.IAM}', substr(noted, {len(wishes.LOGIN_MARK) + 1})) "
        "ORDER BY 1, 2"
    )
    for group, login in rows:
        yield Wish(
            "revoked",
            f"role {group} from {login}",
            f"NOT EXISTS (SELECT FROM pg_auth_members WHERE roleid = {wishes.oid(group or '')} "
            f"AND member = {wishes.oid(login or '')})",
            f"REVOKE {quote(group or '')} FROM {quote(login or '')}",
        )


def _among(role: str, privileges: list[str]) -> str:
    return f"grantee = {wishes.oid(role)} AND privilege_type IN ({wishes.texts(privileges)})"
