"""The function where it works: a PostgreSQL as on RDS, and a local Secrets Manager."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import pytest
from postgres import Connection

from finbase.sandbox.postgres.client import verifier
from finbase.sandbox.postgres.server import grants_of_iam
from tests.roles import rds
from tests.rotation.real_postgres import HOST, Postgres
from tests.rotation.stage import FunctionError, Runtime, passwords_of
from tests.support.rotations import rotate

MASTER, DATABASE, FIRST = "ledger_admin", "ledger", "OfTheMasterUser"
NOBODY_KNOWS = "DrawnByTerraformAndKnownToNoDatabase"

Spec = dict[str, Any]


def role(kind: str = "read-write", *schemas: str, **more: Any) -> Spec:
    """Return the declaration of a role, without its secret."""
    return {
        "kind": kind,
        "schemas": list(schemas or ("app",)),
        "connection_limit": 20,
        "statement_timeout_seconds": 30,
        "iam_login": False,
    } | more


def usual() -> dict[str, Spec]:
    """Return the roles of an environment that says nothing."""
    return {
        "app": role("read-write"),
        "migrator": role("owner", connection_limit=5, statement_timeout_seconds=900),
        "reader": role("read-only", connection_limit=10, statement_timeout_seconds=60),
    }


@dataclass
class Stage:
    """One database with its master user, and the secrets of it and of the declared roles."""

    server: Postgres
    client: Any
    runtime: Runtime
    function: str
    roles: dict[str, Spec] = field(default_factory=usual)
    extensions: list[str] = field(default_factory=list)
    master: str = MASTER
    connection: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    kept: ClassVar[list[Stage]] = []
    """One that waits for the next test. It makes room for a new one: their names are the same."""

    def __post_init__(self) -> None:
        while self.kept:
            self.kept.pop().close()
        self.extensions = self.extensions or (
            ["pgaudit", "pg_stat_statements"] if rds.has_pgaudit() else ["pg_stat_statements"]
        )
        name = quoted(self.master)
        self._run(
            f"CREATE ROLE {name} LOGIN CREATEROLE CREATEDB IN ROLE rds_superuser "
            f"PASSWORD '{verifier(FIRST)}'",
            *grants_of_iam(name),
            f"CREATE DATABASE {DATABASE} OWNER {name}",
            *give_databases_to(name),
        )
        self.add_secrets()

    def _run(self, *statements: str) -> None:
        """Run all statements in one session of the superuser: each session costs a process."""
        self.server.query(";\n".join(statements))

    def add_secrets(self) -> None:
        """Make the connection secret, and those of all roles."""
        self.connection = self._secret("connection", self.text(self.master, FIRST))
        for declared in self.roles:
            self.add_secret(declared)

    def add_secret(self, declared: str) -> None:
        """Write the first version of a role's secret, as Terraform does."""
        text = self.text(f"{declared}_1", NOBODY_KNOWS)
        self.secrets[declared] = self._secret(f"roles/{declared}", text)

    def add_empty_secret(self, declared: str) -> None:
        """Make a role's secret without a version, as Terraform does."""
        self.secrets[declared] = self._secret(f"roles/{declared}")

    def _secret(self, name: str, text: str = "") -> str:
        value = {"SecretString": text} if text else {}
        made = self.client.create_secret(Name=f"ledger/{uuid.uuid4().hex[:8]}/{name}", **value)
        self.client.rotate_secret(
            SecretId=made["ARN"],
            RotationLambdaARN=self.function,
            RotationRules={"AutomaticallyAfterDays": 30, "Duration": "3h"},
            RotateImmediately=False,
        )
        return str(made["ARN"])

    def text(self, username: str, password: str, **changes: object) -> str:
        """Return the text of a secret."""
        fields: dict[str, object] = {
            "engine": "postgres",
            "host": HOST,
            "port": self.server.port,
            "dbname": DATABASE,
            "username": username,
            "password": password,
        }
        return json.dumps(fields | changes)

    # What the function is asked --------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """The function's variables."""
        roles = {
            name: spec | {"secret_arn": self.secrets[name]} for name, spec in self.roles.items()
        }
        return {
            "CONNECTION_SECRET": self.connection,
            "DECLARATION": json.dumps({"extensions": self.extensions, "roles": roles}),
            "METRICS_NAMESPACE": "finbase/ledger-production",
        }

    def invoke(self, event: Mapping[str, str], **options: Any) -> Any:
        """Run one event."""
        return self.runtime.invoke(event, environment=self.environment, **options)

    def apply(self, **options: Any) -> dict[str, Any]:
        """Set the database up; returns the answer."""
        return dict(self.invoke({"action": "apply"}, **options))

    def drift(self, **options: Any) -> list[str]:
        """Check the database; returns how it differs from the declaration."""
        answer = self.invoke({"action": "check"}, **options)
        assert answer["changed"] == []
        return list(answer["drift"])

    def rotate(self, declared: str, token: str | None = None, **options: Any) -> str:
        """Rotate a role's secret, with options for every step, or for the one named ``at``."""
        at = options.pop("at", None)

        def invoke(event: Mapping[str, str]) -> None:
            self.invoke(event, **(options if at in (None, event["Step"]) else {}))

        return rotate(self.client, self.secrets[declared], invoke, token=token)

    def begin(self, declared: str) -> tuple[str, str]:
        """Begin a rotation without a step; returns the ARN and the token of the new version."""
        token = str(uuid.uuid4())
        began = self.client.rotate_secret(SecretId=self.secrets[declared], ClientRequestToken=token)
        return str(began["ARN"]), token

    def rewrite(self, declared: str, fields: Mapping[str, Any]) -> None:
        """Write another current version of a role's secret, as a person would."""
        self.client.put_secret_value(
            SecretId=self.secrets[declared], SecretString=json.dumps(fields)
        )

    def fail(self, action: str, match: str, **options: Any) -> FunctionError:
        """See an action, or a rotation of ``app``, fail as told, with nothing let out."""
        run: Callable[[], object] = partial(self.invoke, {"action": action}, **options)
        if action == "rotate":
            run = partial(self.rotate, "app", **options)
        with pytest.raises(FunctionError, match=match) as caught:
            run()
        self.assert_silent(str(caught.value))
        assert FIRST not in str(caught.value)
        return caught.value

    def lead(self, **changes: object) -> None:
        """Let the connection secret name another server."""
        text = self.text(self.master, FIRST, **changes)
        self.client.put_secret_value(SecretId=self.connection, SecretString=text)

    # What can be seen ------------------------------------------------------------------------

    def current(self, declared: str, label: str = "AWSCURRENT") -> dict[str, Any]:
        """Return the fields of a version of a role's secret."""
        got = self.client.get_secret_value(SecretId=self.secrets[declared], VersionStage=label)
        return dict(json.loads(got["SecretString"]))

    def query(self, sql: str) -> str:
        """Run SQL in the database as the superuser, whom RDS does not give away."""
        done = self.server.psql(sql, database=DATABASE)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def run_as(self, credentials: Mapping[str, Any], sql: str) -> tuple[bool, str]:
        """Run SQL with the fields of a secret; returns whether it worked, and what was said."""
        done = self.server.psql(
            sql,
            user=credentials["username"],
            password=credentials["password"],
            database=credentials["dbname"],
        )
        return done.returncode == 0, (done.stdout + done.stderr).strip()

    def connect(self, credentials: Mapping[str, Any]) -> Connection:
        """Log in with the fields of a secret; ``LoginError`` if they are refused."""
        return Connection(
            HOST,
            self.server.port,
            user=credentials["username"],
            database=credentials["dbname"],
            password=credentials["password"],
            cafile=self.server.root_certificate,
            deadline=time.monotonic() + 60,
        )

    def as_role(self, declared: str, sql: str) -> str:
        """Run SQL with the current version of a role's secret."""
        worked, told = self.run_as(self.current(declared), sql)
        assert worked, told
        return told

    def as_master(self, sql: str) -> str:
        """Run SQL as the master user."""
        worked, told = self.run_as(json.loads(self.text(self.master, FIRST)), sql)
        assert worked, told
        return told

    def outcomes(self, declared: str, statements: Sequence[str]) -> dict[str, str]:
        """Run each statement in one session of a role; returns its SQLSTATE, 00000 for success."""
        lines = "".join(f"{sql};\n\\echo SQLSTATE=:SQLSTATE\n" for sql in statements)
        worked, told = self.run_as(self.current(declared), f"\\set ON_ERROR_STOP off\n{lines}")
        assert worked, told
        states = re.findall(r"^SQLSTATE=(.{5})$", told, re.MULTILINE)
        return dict(zip(statements, states, strict=True))

    def refused(self, declared: str, sql: str) -> str:
        """See SQL fail with the current version of a role's secret; returns why."""
        worked, told = self.run_as(self.current(declared), sql)
        assert not worked, f"{declared} may: {sql}"
        return told

    # What must not be seen -------------------------------------------------------------------

    def passwords(self) -> set[str]:
        """Every password of every secret."""
        return passwords_of(self.connection, *self.secrets.values())

    def assert_silent(self, *more: str) -> None:
        """Neither the function's output nor ``more`` has a password or a verifier."""
        told = "\n".join([self.runtime.log, *more])
        assert not [password for password in self.passwords() if password in told]
        assert "SCRAM-SHA-256$" not in told

    def close(self) -> None:
        """Remove the database and every role."""
        self._run(
            f"DROP DATABASE {DATABASE} WITH (FORCE)",
            *give_databases_to("postgres"),
            "SELECT format('DROP OWNED BY %1$s; DROP ROLE %1$s', "
            "string_agg(quote_ident(rolname), ', ')) FROM pg_roles WHERE NOT rolsuper "
            "AND NOT starts_with(rolname, 'pg_') AND NOT starts_with(rolname, 'rds_') \\gexec",
        )


def give_databases_to(owner: str) -> list[str]:
    """Return SQL for what the master user of RDS owns, where everybody may connect."""
    return [
        statement
        for name in ("postgres", "template1")
        for statement in (
            f"ALTER DATABASE {name} OWNER TO {owner}",
            f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO PUBLIC",
        )
    ]


def until(done: Callable[[], bool]) -> None:
    """Wait for a moment, at most a minute away."""
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def quoted(name: str) -> str:
    """Return a name as SQL."""
    return '"' + name.replace('"', '""') + '"'
