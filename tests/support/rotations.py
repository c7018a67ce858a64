"""Rotate a secret of a local Secrets Manager that has no driver, step by step."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from finbase.sandbox.rotation_steps import Invoke, complete, event


def rotate(client: Any, secret_id: str, invoke: Invoke, *, token: str | None = None) -> str:
    """Rotate the secret, and return the id of the version that is current now.

    ``client`` is a boto3 client of a Secrets Manager with ``services.secretsmanager`` in it, and
    ``secret_id`` a name or an ARN. ``invoke`` calls the function with the event of a step; what
    it raises ends the rotation and goes through. The new version then stays ``AWSPENDING``,
    which refuses any other rotation: call again with its id as ``token`` to take it up.
    """
    token = token or str(uuid.uuid4())
    arn = client.rotate_secret(SecretId=secret_id, ClientRequestToken=token)["ARN"]
    complete(client, arn, invoke, token=token)
    return token


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
