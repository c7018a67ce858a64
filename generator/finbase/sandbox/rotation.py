"""Run rotations like AWS: RotateSecret returns at once, and the function's steps follow.

The caller polls DescribeSecret for the outcome, as on AWS. The route ``/sandbox/rotations``
reports the function's error, which AWS reports in CloudTrail.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

from moto.secretsmanager.exceptions import SecretsManagerClientError

from finbase.sandbox import rotation_steps
from finbase.sandbox.client import Endpoint, client
from finbase.sandbox.services import awslambda
from finbase.sandbox.services.secret import PENDING, Secret, new_version
from finbase.sandbox.services.secretsmanager import Backend

_PRINCIPAL = "secretsmanager.amazonaws.com"


@dataclass
class Rotation:
    """A rotation or the test of its configuration; ``state`` is running, succeeded or failed."""

    secret: str
    version: str
    test: bool
    state: str = "running"
    step: str | None = None
    error: str | None = None


class Rotations:
    """Starts rotations and records their outcome.

    ``order`` is the lock of the sandbox, for changes of a secret that bypass its API.
    """

    def __init__(self, endpoint: Endpoint, order: AbstractContextManager[Any]) -> None:
        self._endpoint = endpoint
        self._order = order
        self._all: list[Rotation] = []

    def describe(self) -> list[dict[str, object]]:
        """Return all rotations in the order of their start."""
        return [asdict(rotation) for rotation in tuple(self._all)]

    def allow(self, backend: Backend, function: str) -> None:
        """Raise the error of RotateSecret if Secrets Manager may not invoke the function."""
        functions = awslambda.backend_of(backend.account_id, backend.region_name)
        if not functions.may_invoke(function, _PRINCIPAL):
            raise SecretsManagerClientError(
                "AccessDeniedException",
                "Secrets Manager cannot invoke the specified Lambda function. Ensure that the "
                f"function policy grants access to the principal {_PRINCIPAL}.",
            )

    def start(self, backend: Backend, secret: Secret, token: str, immediately: bool) -> None:
        """Start the function's steps in a thread or, without ``immediately``, the test alone."""
        rotation = Rotation(secret.arn, token, test=not immediately)
        self._all.append(rotation)
        threading.Thread(target=self._run, args=(rotation, backend, secret), daemon=True).start()

    def _run(self, rotation: Rotation, backend: Backend, secret: Secret) -> None:
        try:
            if rotation.test:
                self._test(rotation, backend, secret)
            else:
                rotation_steps.complete(
                    client("secretsmanager", self._endpoint, backend.region_name),
                    rotation.secret,
                    self._invoker(rotation, backend, secret),
                    token=rotation.version,
                )
        except Exception as error:
            rotation.error, rotation.state = str(error), "failed"
        else:
            rotation.state = "succeeded"

    def _test(self, rotation: Rotation, backend: Backend, secret: Secret) -> None:
        """Run the step ``testSecret`` on a pending version that is removed afterwards."""
        token = rotation.version
        with self._order:
            secret.versions[token] = new_version(token)
            secret.move(PENDING, token)
        try:
            invoke = self._invoker(rotation, backend, secret)
            invoke(rotation_steps.event("testSecret", secret.arn, token))
        finally:
            with self._order:
                if secret.labelled(PENDING) == token:
                    secret.move(PENDING, None)
                secret.versions.pop(token, None)

    @staticmethod
    def _invoker(rotation: Rotation, backend: Backend, secret: Secret) -> rotation_steps.Invoke:
        functions = awslambda.backend_of(backend.account_id, backend.region_name)

        def invoke(event: Mapping[str, str]) -> None:
            rotation.step = event["Step"]
            functions.call(secret.rotation_lambda_arn, dict(event))

        return invoke
