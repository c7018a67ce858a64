"""The four steps that Secrets Manager runs after RotateSecret, for one new version.

``services.secretsmanager`` runs them only if it has a driver. Without one, the caller of
RotateSecret decides how to run the function, and sees its errors.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from finbase.errors import FinbaseError

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")

Invoke = Callable[[Mapping[str, str]], None]


class RotationIncompleteError(FinbaseError):
    """All steps succeeded, but the new version is not the current one."""


def complete(client: Any, arn: str, invoke: Invoke, *, token: str) -> None:
    """Run the steps of a rotation that RotateSecret has started for the version ``token``.

    Errors of ``invoke`` propagate. Raises ``RotationIncompleteError`` if the version is not
    ``AWSCURRENT`` after the last step.
    """
    for step in STEPS:
        invoke(event(step, arn, token))
    labels = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    if "AWSCURRENT" not in labels.get(token, ()):
        raise RotationIncompleteError(
            f"the rotation of {arn} ended but its version is not AWSCURRENT",
            "move that label in the finishSecret step of the function",
        )


def event(step: str, arn: str, token: str) -> dict[str, str]:
    """Return the event that the function receives for a step."""
    return {
        "Step": step,
        "SecretId": arn,
        "ClientRequestToken": token,
        "RotationToken": str(uuid.uuid4()),
    }
