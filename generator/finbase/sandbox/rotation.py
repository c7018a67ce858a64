"""Rotations as AWS does them: RotateSecret answers at once, and the function's steps follow.

The caller learns how it ended from DescribeSecret, as on AWS. What the function's error was, which
AWS tells in CloudTrail, is told here by the route ``/sandbox/rotations``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

from moto.secretsmanager.exceptions import SecretsManagerClientError

from finbase.sandbox import awslambda, secrets
from finbase.sandbox.client import client
from finbase.sandbox.secret import PENDING, Secret, new_version
from finbase.sandbox.secrets_backend import Backend

__all__ = ["Rotation", "Rotations"]

_PRINCIPAL = "secretsmanager.amazonaws.com"


@dataclass
class Rotation:
    """One rotation, or the test of a set-up; ``state`` is running, succeeded or failed."""

    secret: str
    version: str
    test: bool
    state: str = "running"
    step: str | None = None
    error: str | None = None


class Rotations:
    """Starts rotations and keeps how they went; ``order`` is held to change a secret directly."""

    def __init__(self, url: str, order: AbstractContextManager[Any]) -> None:
        self._url = url
        self._order = order
        self._all: list[Rotation] = []

    def describe(self) -> list[dict[str, object]]:
        """Give all rotations, the first one first."""
        return [asdict(each) for each in tuple(self._all)]

    def allow(self, backend: Backend, function: str) -> None:
        """Refuse a function that Secrets Manager may not invoke, as RotateSecret does."""
        functions = awslambda.backend_of(backend.account_id, backend.region_name)
        if not functions.may_invoke(function, _PRINCIPAL):
            raise SecretsManagerClientError(
                "AccessDeniedException",
                "Secrets Manager cannot invoke the specified Lambda function. Ensure that the "
                f"function policy grants access to the principal {_PRINCIPAL}.",
            )

    def begin(self, backend: Backend, secret: Secret, token: str, immediately: bool) -> None:
        """Let the function's steps follow, or the one that tests a set-up."""
        rotation = Rotation(secret.arn, token, test=not immediately)
        self._all.append(rotation)
        work = self._rotate if immediately else self._test
        threading.Thread(target=work, args=(rotation, backend, secret), daemon=True).start()

    def _rotate(self, rotation: Rotation, backend: Backend, secret: Secret) -> None:
        try:
            secrets.complete(
                client("secretsmanager", self._url, backend.region_name),
                rotation.secret,
                self._invoker(rotation, backend, secret),
                token=rotation.version,
            )
        except Exception as error:
            rotation.error, rotation.state = str(error), "failed"
        else:
            rotation.state = "succeeded"

    def _test(self, rotation: Rotation, backend: Backend, secret: Secret) -> None:
        token = rotation.version
        with self._order:
            secret.versions[token] = new_version(token)
            secret.move(PENDING, token)
        try:
            invoke = self._invoker(rotation, backend, secret)
            invoke(secrets.event("testSecret", secret.arn, token))
        except Exception as error:
            rotation.error, rotation.state = str(error), "failed"
        else:
            rotation.state = "succeeded"
        finally:
            with self._order:
                if secret.labelled(PENDING) == token:
                    secret.move(PENDING, None)
                secret.versions.pop(token, None)

    @staticmethod
    def _invoker(rotation: Rotation, backend: Backend, secret: Secret) -> secrets.Invoke:
        functions = awslambda.backend_of(backend.account_id, backend.region_name)

        def invoke(event: Mapping[str, str]) -> None:
            rotation.step = event["Step"]
            functions.call(secret.rotation_lambda_arn, dict(event))

        return invoke
