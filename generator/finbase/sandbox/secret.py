"""A secret of the local Secrets Manager: its versions, their labels, and the rules of its rotation.

The source is the API Reference of Secrets Manager, at the operation or data type that is named.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from moto.secretsmanager import models
from moto.secretsmanager.exceptions import InvalidParameterException

__all__ = [
    "CURRENT",
    "PENDING",
    "PREVIOUS",
    "Secret",
    "check_rules",
    "has_value",
    "new_version",
    "next_rotation",
]

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
_DAY = 86_400


class Secret(models.FakeSecret):
    """A secret whose labels are each on one version at most."""

    rotation_rules: Mapping[str, Any] = {}

    def labelled(self, label: str) -> str | None:
        """Return the id of the version with that label."""
        return next((v for v, e in self.versions.items() if label in e["version_stages"]), None)

    def move(self, label: str, version: str | None) -> None:
        """Put the label on that version, or on none; ``AWSPREVIOUS`` follows ``AWSCURRENT``.

        The version with ``AWSCURRENT`` is also the one that GetSecretValue takes by default.
        """
        holder = self.labelled(label)
        if holder == version:
            return
        if holder is not None:
            self.versions[holder]["version_stages"].remove(label)
        if version is not None:
            self.versions[version]["version_stages"].append(label)
        if label == CURRENT:
            self.set_default_version_id(version)
            if holder is not None:
                self.move(PREVIOUS, holder)

    def reset_default_version(self, secret_version: dict[str, Any], version_id: str) -> None:
        """UpdateSecret makes a new current version; labels of others' own stay where they are."""
        self.versions[version_id] = secret_version | {"version_stages": []}
        self.move(CURRENT, version_id)

    def to_dict(self) -> dict[str, Any]:
        """DescribeSecret: versions that have a label, and the rotation rules as they were given.

        The dates of rotations are null while rotation is off.
        """
        answer = super().to_dict()
        for key in ("VersionIdsToStages", "SecretVersionsToStages"):
            if key in answer:
                answer[key] = {v: labels for v, labels in answer[key].items() if labels}
        if self.rotation_requested:
            answer["RotationRules"] = dict(self.rotation_rules)
        if not self.rotation_enabled:
            answer |= {k: None for k in ("NextRotationDate", "LastRotatedDate") if k in answer}
        return answer


def new_version(token: str) -> dict[str, Any]:
    """Make a version without a value and without a label."""
    return {"createdate": time.time(), "version_id": token, "version_stages": []}


def has_value(version: Mapping[str, Any]) -> bool:
    """Whether a version has been written; the one of a rotation that has begun has not."""
    return "secret_string" in version or "secret_binary" in version


def check_rules(rules: Mapping[str, Any]) -> None:
    """RotationRulesType: the schedule is a number of days or an expression, but not both."""
    days, expression = rules.get("AutomaticallyAfterDays"), rules.get("ScheduleExpression")
    if (days is None) == (expression is None):
        raise InvalidParameterException(
            "RotationRules takes either AutomaticallyAfterDays or ScheduleExpression."
        )
    if days is not None and not 1 <= days <= 1000:
        raise InvalidParameterException(
            "RotationRules.AutomaticallyAfterDays must be within 1-1000."
        )


def next_rotation(secret: Secret) -> int | None:
    """The date by which a schedule in days comes up; those of expressions are not computed."""
    days = secret.rotation_rules.get("AutomaticallyAfterDays")
    return int(time.time()) + int(days) * _DAY if days else None
