"""The function where it works: a real PostgreSQL, a local Secrets Manager, a process for it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.secretsmanager.models import secretsmanager_backends

from finbase.render.archive import pack
from tests.rotation.real_postgres import HOST, Postgres
from tests.support.rotations import rotate

REGION = "eu-west-1"
FIRST = "TheFirstPassword"
KEYS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
PATIENCE = 90.0  # seconds; only a function that hangs takes so long


class FunctionError(Exception):
    """The function has raised an error; ``kind`` is its type."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class FunctionKilledError(Exception):
    """The function's process was killed in the middle of its work."""


class Runtime:
    """Runs events in the worker's process; ``log`` is all that they have written.

    ``places`` is how many the last event has passed at which it could have died.
    """

    def __init__(self, task: Path, endpoint: str, module: str = "rotation") -> None:
        self.log, self.places = "", 0
        self._process = subprocess.Popen(
            [sys.executable, "-B", Path(__file__).with_name("worker.py"), module],
            env={
                **KEYS,
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(task),
                "SECRETS_MANAGER_ENDPOINT": endpoint,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def invoke(
        self,
        event: Mapping[str, str],
        *,
        die: str | int | None = None,
        region: str = REGION,
        seconds: float = 60,
        environment: Mapping[str, str] | None = None,
    ) -> Any:
        """Run one event to its end, and return its result; raises what became of it."""
        order = {
            "event": dict(event),
            "die": die,
            "region": region,
            "seconds": seconds,
            "environment": dict(environment or {}),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            self.stop()
            raise AssertionError(f"the function does not come to an end: {event}")
        told = json.loads(self._process.stdout.readline())
        self.log += told["log"]
        self.places = told.get("places", 0)
        if "signal" in told:
            raise FunctionKilledError(told["signal"])
        if "error" in told:
            raise FunctionError(told["error"], told["text"])
        return told["value"]

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def unpack(folder: Path, roots: Mapping[str, Path], *sources: Path) -> Path:
    """Lay out the function as Lambda gets it, with the roots of more regions."""
    for source in sources:
        for path in (*source.glob("*.py"), *source.glob("ca/*.pem")):
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    for region, root in roots.items():
        (folder / "ca" / f"{region}.pem").write_bytes(root.read_bytes())
    return folder


@cache
def client_of(service: str, endpoint: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def passwords_of(*arns: str) -> set[str]:
    """Return every password that the secrets have ever held, labelled or not.

    They are read in this process, where Secrets Manager is: a call for each would cost the most.
    """
    texts = [
        version["secret_string"]
        for arn in arns
        for version in secretsmanager_backends[arn.split(":")[4]][REGION]
        .secrets[arn]
        .versions.values()
        if "secret_string" in version  # A rotation that ended early has left one without a value.
    ]
    return {str(json.loads(text)["password"]) for text in texts}


def make_function(endpoint: str) -> str:
    """Make a Lambda function that Secrets Manager finds; returns its ARN. It is never run."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = client_of("iam", endpoint).create_role(
        RoleName=f"rotation-{uuid.uuid4().hex}", AssumeRolePolicyDocument=json.dumps(trust)
    )
    made = client_of("lambda", endpoint).create_function(
        FunctionName=f"rotation-{uuid.uuid4().hex}",
        Role=role["Role"]["Arn"],
        Runtime="python3.13",
        Handler="rotation.handler",
        Code={"ZipFile": pack({"rotation.py": b""})},
    )
    return str(made["FunctionArn"])


@dataclass
class Stage:
    """A role with a database of its own, and the secret that opens it."""

    server: Postgres
    client: Any
    runtime: Runtime
    function: str
    role: str = "ledger_admin"
    secret: str = ""
    database: str = ""

    def __post_init__(self) -> None:
        number = uuid.uuid4().hex[:12]
        self.role, self.database = f"{self.role}_{number}", f"ledger_{number}"
        self.server.query(
            f"CREATE ROLE {_name(self.role)} LOGIN PASSWORD '{FIRST}';"
            f"CREATE DATABASE {self.database} OWNER {_name(self.role)};"
        )
        made = self.client.create_secret(Name=f"ledger/{number}", SecretString=self.text())
        self.secret = made["ARN"]
        self.client.rotate_secret(
            SecretId=self.secret,
            RotationLambdaARN=self.function,
            RotationRules={"AutomaticallyAfterDays": 30, "Duration": "3h"},
            RotateImmediately=False,
        )

    def text(self, **changes: object) -> str:
        """The text of the first version, with other values."""
        fields: dict[str, object] = {
            "engine": "postgres",
            "host": HOST,
            "port": self.server.port,
            "dbname": self.database,
            "username": self.role,
            "password": FIRST,
        }
        return json.dumps(fields | changes)

    def rewrite(self, **changes: object) -> None:
        """Write another current version, as a person would."""
        self.client.put_secret_value(SecretId=self.secret, SecretString=self.text(**changes))

    def rotate(self, token: str | None = None, **options: Any) -> str:
        """Rotate, with options for the runtime of every step, or of the one named ``at``."""
        at = options.pop("at", None)

        def invoke(event: Mapping[str, str]) -> None:
            chosen = options if at in (None, event["Step"]) else {}
            self.invoke(event, **chosen)

        return rotate(self.client, self.secret, invoke, token=token)

    def rotate_upto(self, step: str) -> None:
        """Begin a rotation that ends, unfinished, with that step."""

        def invoke(event: Mapping[str, str]) -> None:
            self.invoke(event)
            if event["Step"] == step:
                raise StopIteration

        with pytest.raises(StopIteration):
            rotate(self.client, self.secret, invoke)

    def invoke(self, event: Mapping[str, str], **options: Any) -> None:
        """Run one step."""
        self.runtime.invoke(event, **options)

    def fail(
        self, match: str, trouble: AbstractContextManager[object] | None = None, **options: Any
    ) -> FunctionError:
        """See a rotation fail as told in that trouble, with nothing changed and nothing let out.

        It may be one that has failed before, and is tried again.
        """
        before = self.state()
        with trouble or nullcontext(), pytest.raises(FunctionError, match=match) as caught:
            self.rotate(self.labels().get("AWSPENDING"), **options)
        assert self.state() == before
        self.assert_silent(str(caught.value))
        return caught.value

    def heal(self) -> None:
        """Take up the rotation that has failed, and see it through."""
        before, token = self.password(), self.labels()["AWSPENDING"]
        self.rotate(token)
        self.assert_rotated(token, before)

    # What can be seen ------------------------------------------------------------------------

    def labels(self) -> dict[str, str]:
        """Label → version."""
        stages = self.client.describe_secret(SecretId=self.secret)["VersionIdsToStages"]
        return {label: version for version, labels in stages.items() for label in labels}

    def unlabel(self, label: str) -> None:
        self.client.update_secret_version_stage(
            SecretId=self.secret, VersionStage=label, RemoveFromVersionId=self.labels()[label]
        )

    def value(self, label: str = "AWSCURRENT") -> str:
        got = self.client.get_secret_value(SecretId=self.secret, VersionStage=label)
        return str(got["SecretString"])

    def password(self, label: str = "AWSCURRENT") -> str:
        return str(json.loads(self.value(label))["password"])

    def verifier(self) -> str:
        role = self.role.replace("'", "''")
        return self.server.query(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'")

    def state(self) -> tuple[str, str, str]:
        """What a rotation that fails leaves alone: the current version, and the role's password."""
        return self.labels()["AWSCURRENT"], self.value(), self.verifier()

    def accepts(self, password: str) -> bool:
        """Log in with PostgreSQL's own client."""
        done = self.server.psql(
            "SELECT 1", user=self.role, password=password, database=self.database
        )
        refused = "password authentication failed" in done.stderr
        assert (done.returncode == 0) != refused, done.stderr
        return not refused

    def assert_rotated(self, token: str, before: str) -> None:
        """The current version is the new one, the database takes it, and the old one is dead."""
        assert self.labels()["AWSCURRENT"] == token
        assert self.labels().get("AWSPENDING", token) == token
        assert self.password() != before
        assert self.accepts(self.password())
        assert not self.accepts(before)

    # What must not be seen -------------------------------------------------------------------

    def passwords(self) -> set[str]:
        """Every password that the secret has ever held, labelled or not."""
        return passwords_of(self.secret)

    def assert_silent(self, *more: str) -> None:
        """Neither the function's output nor ``more`` has a password or a verifier."""
        assert self.runtime.log
        told = "\n".join([self.runtime.log, *more])
        assert not [secret for secret in self.passwords() if secret in told]
        assert "SCRAM-SHA-256$" not in told


@contextmanager
def stopping(runtime: Runtime) -> Iterator[Runtime]:
    try:
        yield runtime
    finally:
        runtime.stop()


def _name(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'
