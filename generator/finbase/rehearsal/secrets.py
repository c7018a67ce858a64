"""Read and rotate the secrets of a rehearsed stack, and log in to its databases with them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finbase.errors import FinbaseError
from finbase.plan.model import managed_in_state
from finbase.sandbox import server
from finbase.sandbox.client import Endpoint, client
from finbase.sandbox.postgres.client import accepts, query

_PATIENCE = 180.0  # Seconds; a rotation needs a few.
_POLL = 0.2  # Seconds.


class RotationError(FinbaseError):
    """A rotation failed or does not end."""


@dataclass(frozen=True)
class Credentials:
    """The content of a connection secret."""

    host: str
    dbname: str
    username: str
    password: str

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Parse the text of a secret; raises ``FinbaseError`` if a field is missing."""
        try:
            value = json.loads(text)
            return cls(**{name: value[name] for name in cls.__dataclass_fields__})
        except (KeyError, TypeError, ValueError) as error:
            missing = isinstance(error, KeyError)
            reason = f"{error} is missing" if missing else "it is not a JSON object"
            raise FinbaseError(f"a rotated secret cannot be used to connect: {reason}") from error


class Secrets:
    """The Secrets Manager of the local AWS, and the PostgreSQL servers of its instances.

    ``passwords`` are all passwords seen so far.
    """

    def __init__(self, endpoint: Endpoint, region: str) -> None:
        self._endpoint = endpoint
        self._client = client("secretsmanager", endpoint, region)
        self.passwords: set[str] = set()

    def rotated(self, state: Mapping[str, Any]) -> list[str]:
        """Return the ARNs of the secrets with a rotation in the state."""
        rotation = "aws_secretsmanager_secret_rotation"
        return [r["values"]["secret_id"] for r in managed_in_state(state) if r["type"] == rotation]

    def current(self, secret: str) -> Credentials:
        """Return the credentials that applications would read."""
        response = self._client.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")
        return Credentials.parse(response["SecretString"])

    def rds_password(self, credentials: Credentials) -> str | None:
        """Return the last password that RDS received for the instance."""
        password: str | None = self._database(credentials).get("password")
        return password

    def is_master(self, credentials: Credentials) -> bool:
        """Return whether credentials are those of the master user of an instance."""
        return bool(self._database(credentials).get("username") == credentials.username)

    def opens(self, credentials: Credentials, password: str) -> bool:
        """Return whether PostgreSQL accepts a password; raises ``FinbaseError``."""
        return accepts(
            credentials.host,
            *self._server(credentials),
            username=credentials.username,
            password=password,
            database=credentials.dbname,
        )

    def query(self, credentials: Credentials, sql: str) -> str:
        """Run SQL as the user of a secret; raises ``FinbaseError`` if PostgreSQL refuses it."""
        return query(
            sql,
            credentials.host,
            *self._server(credentials),
            username=credentials.username,
            password=credentials.password,
            database=credentials.dbname,
        )

    def rotate(self, secret: str) -> tuple[Credentials, Credentials]:
        """Rotate a secret with its function; return the credentials before and after.

        Raises ``RotationError`` with the error of the function.
        """
        before, token = self.current(secret), str(uuid.uuid4())
        self._client.rotate_secret(SecretId=secret, ClientRequestToken=token)
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            labels = self._client.describe_secret(SecretId=secret)["VersionIdsToStages"]
            if "AWSCURRENT" in labels.get(token, ()):
                return before, self.current(secret)
            for rotation in server.rotations(self._endpoint):
                if (rotation["version"], rotation["state"]) == (token, "failed"):
                    raise RotationError(f"the rotation of {secret} failed: {rotation['error']}")
            time.sleep(_POLL)
        raise RotationError(f"the rotation of {secret} did not end within {_PATIENCE:.0f} seconds")

    def failed_starts(self, secrets: Collection[str]) -> list[str]:
        """Wait for the test or the first run of each rotation; return the errors of failed ones."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            started = [r for r in server.rotations(self._endpoint) if r["secret"] in secrets]
            waiting = {*secrets} - {r["secret"] for r in started}
            if not waiting and all(rotation["state"] != "running" for rotation in started):
                failed = [rotation for rotation in started if rotation["state"] == "failed"]
                return [f"{rotation['secret']}: {rotation['error']}" for rotation in failed]
            time.sleep(_POLL)
        return [f"it did not end within {_PATIENCE:.0f} seconds"]

    def collect(self) -> None:
        """Add the passwords in every version of every secret, labelled or not."""
        pages = self._client.get_paginator("list_secrets").paginate(IncludePlannedDeletion=True)
        for secret in (secret for page in pages for secret in page["SecretList"]):
            if not secret.get("DeletedDate"):
                self.passwords |= set(self._passwords_in(secret["ARN"]))

    def _passwords_in(self, secret: str) -> Iterator[str]:
        response = self._client.list_secret_version_ids(SecretId=secret, IncludeDeprecated=True)
        for version in response["Versions"]:
            try:
                value = self._client.get_secret_value(
                    SecretId=secret, VersionId=version["VersionId"]
                )
            except self._client.exceptions.ResourceNotFoundException:
                continue  # It has no value yet, or has just been removed.
            if text := value.get("SecretString"):
                yield _password(text)

    def _server(self, credentials: Credentials) -> tuple[int, Path]:
        database = self._database(credentials)
        if not database.get("port"):
            raise FinbaseError(f"{credentials.host} has no PostgreSQL behind it")
        return database["port"], Path(database["root_certificate"])

    def _database(self, credentials: Credentials) -> dict[str, Any]:
        return server.databases(self._endpoint).get(credentials.host, {})


def _password(text: str) -> str:
    """Return the password in a secret: its field ``password``, or the whole text.

    >>> _password('{"username": "owner", "password": "first"}'), _password("second")
    ('first', 'second')
    """
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return str(value["password"]) if isinstance(value, dict) and "password" in value else text
