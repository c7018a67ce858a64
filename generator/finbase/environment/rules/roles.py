"""Rules about the roles inside the database: their names, owners and connections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from finbase.aws.keywords import KEYWORDS
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.alarms import connections_of
from finbase.environment.rules.examples import APP, OWNER
from finbase.environment.rules.inputs import texts_in
from finbase.environment.rules.rule import RDS, Finding, Findings, note, rule
from finbase.source.document import Where

_RESERVED_ROLE = re.compile(r"pg_.*|rds.*|.*_(1|2|iam)|none|public")
_RESERVED_SCHEMA = re.compile(r"pg_.*|information_schema")
_LARGE: Final = {"database.instance_class": "db.m7g.large"}
_ONLY: Final = "the function in the module refuses it when it sets up the database"


@rule(
    "FB271",
    "reserved name of a role or schema",
    "roles.roles",
    "database.username",
    why="PostgreSQL and RDS keep some names for themselves, and a key word needs quotes in every "
    "statement. A role `app` has the logins `app_1`, `app_2` and `app_iam`, so no other role may "
    "have such a name.",
    source=f"{RDS}CHAP_Limits.html#RDS_Limits.Constraints",
    accepted={"roles.roles": {"app": APP, "migrator": OWNER}},
    refused={"roles.roles": {"app_1": APP, "migrator": OWNER}},
    yaml_only=_ONLY,
)
def names(environment: Environment) -> Findings:
    """The name of a role or schema must not be reserved, or that of another login."""
    masters = {i.key: u.value(i, "username") for u, i in environment.instances("database")}
    roles = [(i.key, *role) for u, i in environment.instances("roles") for role in _of(u, i)]
    for key, where, role, declared in roles:
        master = masters.get(key)
        if role in KEYWORDS or _RESERVED_ROLE.fullmatch(role):
            yield Finding(where, f"`{role}` is a reserved name", "rename the role", key=True)
        elif master in (role, f"{role}_1", f"{role}_2", f"{role}_iam"):
            message = f"the role `{role}` and the master user {master} would have one name"
            yield Finding(where, message, "rename the role", key=True)
        for at, schema in enumerate(texts_in(declared.get("schemas"))):
            if schema in KEYWORDS or _RESERVED_SCHEMA.fullmatch(schema):
                message = f"`{schema}` is a reserved name"
                yield Finding((*where, "schemas", at), message, "rename the schema")


@rule(
    "FB272",
    "schema without exactly one owner",
    "roles.roles",
    why="The owner creates the tables of a schema, and its default privileges open them to the "
    "other roles. Without one, or with two, new tables would be closed to some of them.",
    source=f"{RDS}Appendix.PostgreSQL.CommonDBATasks.Roles.html",
    accepted={"roles.roles": {"app": APP, "migrator": OWNER}},
    refused={"roles.roles": {"app": APP}},
    yaml_only=_ONLY,
)
def owners(environment: Environment) -> Findings:
    """Each schema must have exactly one role of the kind owner."""
    for use, instance in environment.instances("roles"):
        uses = [
            ((*where, "schemas", at), schema, role, declared.get("kind") == "owner")
            for where, role, declared in _of(use, instance)
            for at, schema in enumerate(texts_in(declared.get("schemas")))
        ]
        owner = {schema: role for _, schema, role, owns in reversed(uses) if owns}
        reported: set[str] = set()
        for where, schema, role, owns in uses:
            first = owner.get(schema)
            if schema in reported or first == role or (first and not owns):
                continue
            reported.add(schema)
            message = f"the schema `{schema}` has no owner"
            hint = "add a role with `kind: owner`, with which migrations log in"
            if first:
                message = f"the schema `{schema}` has two owners: {first} and {role}"
                hint = "keep one owner; other roles can be read-write"
            yield Finding(where, message, hint)


@note(
    "FB314",
    "more connections than the instance allows",
    "roles.roles",
    "database.instance_class",
    why="The limits of roles are there so that one application cannot take all connections. Each "
    "role has two logins with the limit, and a third for tokens of IAM. If their sum is more than "
    "`max_connections`, which RDS computes from the memory, it still can.",
    source=f"{RDS}CHAP_Limits.html",
    accepted={
        **_LARGE,
        "roles.roles": {"app": {**APP, "connection_limit": 380}, "migrator": OWNER},
    },
    refused={**_LARGE, "roles.roles": {"app": {**APP, "connection_limit": 420}, "migrator": OWNER}},
)
def connections(environment: Environment) -> Findings:
    """The connection limits of the logins of all roles should fit on the instance together."""
    for database, primary in environment.instances("database"):
        most = connections_of(database, primary)
        for use, instance in environment.instances("roles") if most else ():
            if instance.key != primary.key:
                continue
            limits = {
                where: limit * (3 if declared.get("iam_login") else 2)
                for where, _, declared in _of(use, instance)
                if isinstance(limit := declared.get("connection_limit", 50), int)
            }
            total = sum(limits.values())
            if total > (most or 0):
                message = f"logins of roles may have {total} connections, the instance about {most}"
                hint = "lower a `connection_limit`, or choose a class with more memory"
                yield Finding(max(limits, key=limits.__getitem__), message, hint, key=True)


def declared_roles(environment: Environment) -> Iterator[tuple[Where, str, dict[str, Any]]]:
    """Yield the place, the name and the declaration of each role."""
    for use, instance in environment.instances("roles"):
        yield from _of(use, instance)


def _of(use: ModuleUse, instance: Instance) -> Iterator[tuple[Where, str, dict[str, Any]]]:
    """Yield the place, the name and the declaration of each role of one database.

    A default role is not in the file: its place is that of the module's instance.
    """
    value: Any = use.value(instance, "roles")
    in_file = "roles" in instance.inputs
    for role, declared in value.items() if isinstance(value, dict) else ():
        if isinstance(declared, dict):
            yield use.where(instance, *(("roles", role) if in_file else ())), role, declared
