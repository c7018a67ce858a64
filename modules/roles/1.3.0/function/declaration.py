"""The declared extensions and roles, read from the function's environment and validated again.

The rules are those of the environment file. They are repeated here because what passes becomes
SQL that a master user runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OWNER, READ_WRITE, READ_ONLY = "owner", "read-write", "read-only"
KINDS = (OWNER, READ_WRITE, READ_ONLY)

# None of these reads files, opens connections or runs code of another language.
EXTENSIONS = frozenset(
    """
    amcheck bloom btree_gin btree_gist citext cube dict_int dict_xsyn earthdistance fuzzystrmatch
    hll hstore hypopg intarray isn ip4r lo ltree pg_buffercache pg_cron pg_hint_plan pg_partman
    pg_prewarm pg_repack pg_stat_statements pg_trgm pg_visibility pgaudit pgcrypto pgrowlocks
    pgstattuple pgvector postgis prefix rdkit seg tablefunc tsm_system_rows tsm_system_time unaccent
    uuid-ossp vector
    """.split()
)

_ROLE = re.compile(r"[a-z][a-z0-9_]{0,30}")
_RESERVED_ROLE = re.compile(
    r"(?:pg_|rds).*|.*_(?:1|2|iam)|none|public|current_(?:role|user)|session_user|user"
)
_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED_SCHEMA = re.compile(r"pg_.*|information_schema")
MAX_CONNECTIONS, MAX_SECONDS = 5000, 86_400


class DeclarationError(Exception):
    """The declaration is not valid; the text says where and why."""


@dataclass(frozen=True)
class Role:
    """One declared role: a group without a login, and the logins that are its members."""

    name: str
    kind: str
    schemas: tuple[str, ...]
    connection_limit: int
    statement_timeout_seconds: int
    iam_login: bool
    secret_arn: str

    @property
    def logins(self) -> tuple[str, str]:
        """The two logins with passwords, which take turns."""
        return f"{self.name}_1", f"{self.name}_2"

    @property
    def all_logins(self) -> tuple[str, ...]:
        """Also the login without a password, if IAM may log in."""
        return (*self.logins, f"{self.name}_iam") if self.iam_login else self.logins

    @property
    def owns(self) -> bool:
        """Whether its schemas, and what is in them, belong to it."""
        return self.kind == OWNER


@dataclass(frozen=True)
class Declaration:
    """What the database shall have."""

    extensions: tuple[str, ...]
    roles: tuple[Role, ...]

    @property
    def schemas(self) -> tuple[str, ...]:
        """Every schema that a role names, once, in the order of the roles."""
        return tuple(dict.fromkeys(schema for role in self.roles for schema in role.schemas))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all groups and logins."""
        return tuple(name for role in self.roles for name in (role.name, *role.all_logins))

    def owner(self, schema: str) -> Role:
        """Return the role that owns a schema."""
        return next(role for role in self.roles if role.owns and schema in role.schemas)

    def of_secret(self, arn: str) -> Role:
        """Return the role whose secret this is; ``DeclarationError`` if it is no role's."""
        for role in self.roles:
            if role.secret_arn == arn:
                return role
        raise DeclarationError(
            "the secret to rotate belongs to no declared role: end its rotation, "
            "or declare the role"
        )

    def part(self, role: Role) -> Declaration:
        """Return what ``role`` needs: itself, and the owners of its schemas with these schemas."""
        needed = {role.name, *(self.owner(schema).name for schema in role.schemas)}
        return Declaration((), tuple(each for each in self.roles if each.name in needed))


def parse(text: str) -> Declaration:
    """Read the JSON of the environment variable; raises ``DeclarationError``."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise DeclarationError("DECLARATION is not JSON") from None
    where = "DECLARATION"
    extensions, roles = _fields(data, where, {"extensions": list, "roles": dict})
    for name in extensions:
        if not isinstance(name, str) or name not in EXTENSIONS:
            raise DeclarationError(f"{where}.extensions: {name!r} is not an allowed extension")
    declared = Declaration(
        tuple(dict.fromkeys(extensions)),
        tuple(_role(name, spec, f"{where}.roles.{name}") for name, spec in roles.items()),
    )
    for schema in declared.schemas:
        owners = [r.name for r in declared.roles if r.owns and schema in r.schemas]
        if len(owners) != 1:
            raise DeclarationError(
                f"{where}.roles: the schema {schema!r} needs exactly one role of the kind "
                f"{OWNER!r}, and has {len(owners)}"
            )
    arns = [role.secret_arn for role in declared.roles]
    if len(set(arns)) != len(arns):
        raise DeclarationError(f"{where}.roles: two roles have the same secret_arn")
    return declared


def _role(name: str, spec: Any, where: str) -> Role:
    if not _ROLE.fullmatch(name) or _RESERVED_ROLE.fullmatch(name):
        raise DeclarationError(f"{where}: {name!r} cannot be the name of a role")
    kind, schemas, limit, seconds, iam, arn = _fields(
        spec,
        where,
        {
            "kind": str,
            "schemas": list,
            "connection_limit": int,
            "statement_timeout_seconds": int,
            "iam_login": bool,
            "secret_arn": str,
        },
    )
    if kind not in KINDS:
        raise DeclarationError(f"{where}.kind: {kind!r} is not one of {', '.join(KINDS)}")
    if not schemas or len(set(map(str, schemas))) != len(schemas):
        raise DeclarationError(f"{where}.schemas: names at least one schema, and none twice")
    for schema in schemas:
        if (
            not isinstance(schema, str)
            or not _SCHEMA.fullmatch(schema)
            or _RESERVED_SCHEMA.fullmatch(schema)
        ):
            raise DeclarationError(f"{where}.schemas: {schema!r} cannot be the name of a schema")
    if not 1 <= limit <= MAX_CONNECTIONS:
        raise DeclarationError(f"{where}.connection_limit: must be from 1 to {MAX_CONNECTIONS}")
    if not 1 <= seconds <= MAX_SECONDS:
        raise DeclarationError(
            f"{where}.statement_timeout_seconds: must be from 1 to {MAX_SECONDS}"
        )
    return Role(name, kind, tuple(schemas), limit, seconds, iam, arn)


def _fields(data: Any, where: str, types: Mapping[str, type]) -> tuple[Any, ...]:
    """Return the values of an object that must have exactly these fields, in their order."""
    if not isinstance(data, dict) or data.keys() != types.keys():
        raise DeclarationError(f"{where}: must have exactly the fields {', '.join(types)}")
    for name, kind in types.items():
        if type(data[name]) is not kind:
            raise DeclarationError(f"{where}.{name}: must be of the JSON type of {kind.__name__}")
    return tuple(data[name] for name in types)
