"""The secrets of a rehearsed stack, and the databases that they open."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finbase.errors import FinbaseError
from finbase.rehearsal.terraform import managed
from finbase.sandbox import postgres, server
from finbase.sandbox.client import client

__all__ = ["Credentials", "RotationError", "Secrets"]

_PATIENCE = 180.0  # seconds for a rotation, which takes a few


class RotationError(FinbaseError):
    """A rotation has failed, or does not come to its end."""


@dataclass(frozen=True)
class Credentials:
    """What a connection secret holds."""

    host: str
    dbname: str
    username: str
    password: str

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Read the text of a secret; raises ``FinbaseError`` where a field is missing."""
        try:
            value = json.loads(text)
            return cls(**{name: value[name] for name in cls.__dataclass_fields__})
        except (KeyError, TypeError, ValueError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else "it is no JSON object"
            raise FinbaseError(f"a rotated secret cannot be used to connect: {what}") from error


class Secrets:
    """The Secrets Manager of the local AWS, and the PostgreSQL behind its instances.

    ``passwords`` are all that have been seen in it.
    """

    def __init__(self, url: str, region: str) -> None:
        self._url = url
        self._client = client("secretsmanager", url, region)
        self.passwords: set[str] = set()

    def rotated(self, state: Mapping[str, Any]) -> list[str]:
        """The ARNs of the secrets that the stack has rotated."""
        kind = "aws_secretsmanager_secret_rotation"
        return [r["values"]["secret_id"] for r in managed(state) if r["type"] == kind]

    def current(self, secret: str) -> Credentials:
        """What applications would read."""
        answer = self._client.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")
        return Credentials.parse(answer["SecretString"])

    def given(self, credentials: Credentials) -> str | None:
        """The last password of the instance, as RDS was given it."""
        given: str | None = self._behind(credentials).get("password")
        return given

    def opens(self, credentials: Credentials, password: str) -> bool:
        """Whether the PostgreSQL behind the host takes that password; raises ``FinbaseError``."""
        behind = self._behind(credentials)
        if not behind.get("port"):
            raise FinbaseError(f"no PostgreSQL is behind {credentials.host}")
        return postgres.accepts(
            credentials.host,
            behind["port"],
            Path(behind["root_certificate"]),
            username=credentials.username,
            password=password,
            database=credentials.dbname,
        )

    def rotate(self, secret: str) -> tuple[Credentials, Credentials]:
        """Rotate through the function that the secret has; the result is before and after.

        Raises ``RotationError`` with what the function said.
        """
        before, token = self.current(secret), str(uuid.uuid4())
        self._client.rotate_secret(SecretId=secret, ClientRequestToken=token)
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            labels = self._client.describe_secret(SecretId=secret)["VersionIdsToStages"]
            if "AWSCURRENT" in labels.get(token, ()):
                return before, self.current(secret)
            failed = [
                r["error"]
                for r in server.rotations(self._url)
                if (r["version"], r["state"]) == (token, "failed")
            ]
            if failed:
                raise RotationError(f"the rotation of {secret} has failed: {failed[0]}")
            time.sleep(0.2)
        raise RotationError(f"the rotation of {secret} does not end in {_PATIENCE:.0f} seconds")

    def failed_tests(self, secrets: Collection[str]) -> list[str]:
        """Wait for the tests that Secrets Manager runs when a rotation is set up."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            begun = server.rotations(self._url)
            tests = [r for r in begun if r["test"] and r["secret"] in secrets]
            if tests and all(r["state"] != "running" for r in tests):
                return [f"{r['secret']}: {r['error']}" for r in tests if r["state"] == "failed"]
            time.sleep(0.2)
        return ["it has not come to its end"]

    def collect(self) -> None:
        """Remember the passwords of every version of every secret, labelled or not."""
        pages = self._client.get_paginator("list_secrets").paginate(IncludePlannedDeletion=True)
        for listed in (each for page in pages for each in page["SecretList"]):
            if not listed.get("DeletedDate"):
                self.passwords |= set(self._held(listed["ARN"]))

    def _held(self, secret: str) -> Iterator[str]:
        answer = self._client.list_secret_version_ids(SecretId=secret, IncludeDeprecated=True)
        for version in answer["Versions"]:
            try:
                value = self._client.get_secret_value(
                    SecretId=secret, VersionId=version["VersionId"]
                )
            except self._client.exceptions.ResourceNotFoundException:
                continue  # It is empty as yet, or has gone meanwhile.
            if text := value.get("SecretString"):
                yield _password(text)

    def _behind(self, credentials: Credentials) -> dict[str, Any]:
        return server.databases(self._url).get(credentials.host, {})


def _password(text: str) -> str:
    """The password in a secret, whose text may be nothing else."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return str(value["password"]) if isinstance(value, dict) and "password" in value else text
