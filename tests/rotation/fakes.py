"""A secret, its database, and the handler between them."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import rotation
from credentials import Credentials

from tests.rotation.fake_aws import ARN, FakeSecretsManager, Fuse
from tests.rotation.fake_database import FakeDatabase

FIELDS: dict[str, object] = {
    "engine": "postgres",
    "host": "ledger.abc.eu-west-1.rds.amazonaws.com",
    "port": 5432,
    "dbname": "ledger",
    "username": "ledger_admin",
    "password": "TheFirstPassword",
    "note": "kept",
}
CREDENTIALS = Credentials.parse(json.dumps(FIELDS), "first")
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)


@dataclass
class Fakes:
    aws: FakeSecretsManager
    database: FakeDatabase
    fuse: Fuse
    caplog: pytest.LogCaptureFixture

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the fakes where the handler finds its client and its database."""

        def log_in(
            credentials: Credentials, **limits: object
        ) -> AbstractContextManager[FakeDatabase]:
            assert set(limits) == {"cafile", "deadline"}
            return self.database.login(credentials)

        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setattr(rotation, "_client", lambda: self.aws)
        monkeypatch.setattr(rotation, "_log_in", log_in)

    def step(self, name: str, token: str = "second", **more: object) -> None:
        event = {"Step": name, "SecretId": ARN, "ClientRequestToken": token, **more}
        rotation.handler(event, CONTEXT)

    def rotate(self, token: str = "second", upto: str = "finishSecret") -> None:
        """Run the steps in the service's order, up to and with one of them."""
        if token not in self.aws.versions:
            self.aws.rotate(token)
        for name in rotation.STEPS:
            self.step(name, token)
            if name == upto:
                break

    def password(self, label: str) -> str:
        return str(json.loads(self.aws.value(label))["password"])

    @property
    def secrets(self) -> set[str]:
        """Every password there has been, and the verifier."""
        values = {v.value for v in self.aws.versions.values() if v.value}
        passwords = {json.loads(value)["password"] for value in values if value.startswith("{")}
        return passwords | {self.database.verifier}

    def assert_silent(self, error: BaseException | None = None) -> None:
        """Neither the log nor the error, with all that hangs on it, has a secret."""
        told = [self.caplog.text, *(json.dumps(r.args, default=repr) for r in self.caplog.records)]
        told += [text for each in chain_of(error) for text in (*texts_of(each),)]
        for secret in self.secrets:
            assert not any(secret in text for text in told)

    @contextmanager
    def failing(self, kind: type[BaseException], match: str) -> Iterator[None]:
        with pytest.raises(kind, match=match) as caught:
            yield
        self.assert_silent(caught.value)


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from, also where a traceback would not show it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def texts_of(error: BaseException) -> Iterator[str]:
    """All that a logger could print of an error."""
    yield from traceback.format_exception(error)
    yield repr(error.args)
    attributes: dict[str, Any] = vars(error)
    yield repr(attributes)
