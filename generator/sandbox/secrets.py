"""Rotate a secret as Secrets Manager does: four steps of a function, for one new version.

AWS starts a rotation with RotateSecret and then calls the function by itself. The local Secrets
Manager of ``secrets_backend`` only does the first unless it is given a driver, so that whoever
calls it decides how the function is run, and sees its errors.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from generator.errors import FinbaseError

__all__ = ["STEPS", "Invoke", "RotationIncompleteError", "check", "complete", "event", "rotate"]

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")

Invoke = Callable[[Mapping[str, str]], None]


class RotationIncompleteError(FinbaseError):
    """All steps went well, and yet the new version is not the current one."""


def rotate(client: Any, secret_id: str, invoke: Invoke, *, token: str | None = None) -> str:
    """Rotate the secret, and return the id of the version that is current now.

    ``client`` is a boto3 client of a Secrets Manager with ``secrets_backend`` in it, and
    ``secret_id`` a name or an ARN. ``invoke`` calls the function with the event of a step; what
    it raises ends the rotation and goes through. The new version then stays ``AWSPENDING``,
    which refuses any other rotation: call again with its id as ``token`` to take it up.
    """
    token = token or str(uuid.uuid4())
    arn = client.rotate_secret(SecretId=secret_id, ClientRequestToken=token)["ARN"]
    complete(client, arn, invoke, token=token)
    return token


def complete(client: Any, arn: str, invoke: Invoke, *, token: str) -> None:
    """Do the steps of a rotation that RotateSecret has begun for the version ``token``.

    What ``invoke`` raises goes through. Raises ``RotationIncompleteError`` where the steps do not
    end with that version as the current one.
    """
    for step in STEPS:
        invoke(event(step, arn, token))
    labels = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    if "AWSCURRENT" not in labels.get(token, ()):
        raise RotationIncompleteError(
            f"the rotation of {arn} has ended without its version becoming AWSCURRENT",
            "let the function's finishSecret move that label",
        )


def check(client: Any, secret_id: str, invoke: Invoke) -> None:
    """Test the set-up of a rotation, as RotateSecret does with ``RotateImmediately=false``.

    That is ``testSecret`` alone, on a version that is ``AWSPENDING`` for as long as it takes.
    """
    token = str(uuid.uuid4())
    arn = client.rotate_secret(SecretId=secret_id, ClientRequestToken=token)["ARN"]
    try:
        invoke(event("testSecret", arn, token))
    finally:
        with suppress(client.exceptions.InvalidParameterException):  # no longer on that version
            client.update_secret_version_stage(
                SecretId=arn, VersionStage="AWSPENDING", RemoveFromVersionId=token
            )


def event(step: str, arn: str, token: str) -> dict[str, str]:
    """Make the event of a step, as the function gets it."""
    return {
        "Step": step,
        "SecretId": arn,
        "ClientRequestToken": token,
        "RotationToken": str(uuid.uuid4()),
    }
