"""What Secrets Manager does after RotateSecret: four steps of a function, for one new version.

The local Secrets Manager of ``secrets_backend`` does not do them unless it is given a driver, so
that whoever rotates decides how the function is run, and sees its errors.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from finbase.errors import FinbaseError

__all__ = ["STEPS", "Invoke", "RotationIncompleteError", "complete", "event"]

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")

Invoke = Callable[[Mapping[str, str]], None]


class RotationIncompleteError(FinbaseError):
    """All steps went well, and yet the new version is not the current one."""


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


def event(step: str, arn: str, token: str) -> dict[str, str]:
    """Make the event of a step, as the function gets it."""
    return {
        "Step": step,
        "SecretId": arn,
        "ClientRequestToken": token,
        "RotationToken": str(uuid.uuid4()),
    }
