"""A secret of the local Secrets Manager: its versions, their labels and its rotation rules.

Docstrings name the operation or data type in the API Reference of Secrets Manager that describes
the behaviour.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from moto.secretsmanager import models
from moto.secretsmanager.exceptions import InvalidParameterException

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
_DAY = 86_400


class Secret(models.FakeSecret):
    """A secret in which each staging label is on at most one version."""

    rotation_rules: Mapping[str, Any] = {}
    last_accessed_date: int | None = None

    def labelled(self, label: str) -> str | None:
        """Return the id of the version with a label, or None."""
        return next(
            (
                token
                for token, version in self.versions.items()
                if label in version["version_stages"]
            ),
            None,
        )

    def move(self, label: str, version: str | None) -> None:
        """Move a label to a version, or remove it if that is None.

        ``AWSPREVIOUS`` moves to the version that loses ``AWSCURRENT``. The version with
        ``AWSCURRENT`` is also the default of GetSecretValue.
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

    def note_access(self) -> None:
        """DescribeSecret, LastAccessedDate: remember today, without the time."""
        self.last_accessed_date = int(time.time()) // _DAY * _DAY

    def reset_default_version(self, secret_version: dict[str, Any], version_id: str) -> None:
        """UpdateSecret: add a version and make it the current one; other labels stay."""
        self.versions[version_id] = secret_version | {"version_stages": []}
        self.move(CURRENT, version_id)

    def to_dict(self) -> dict[str, Any]:
        """DescribeSecret: return versions with labels only, and the rotation rules unchanged.

        The rotation dates are null while rotation is off. LastAccessedDate has no time of day.
        """
        description = super().to_dict() | {"LastAccessedDate": self.last_accessed_date}
        for key in ("VersionIdsToStages", "SecretVersionsToStages"):
            if key in description:
                description[key] = {v: labels for v, labels in description[key].items() if labels}
        if self.rotation_requested:
            description["RotationRules"] = dict(self.rotation_rules)
        if not self.rotation_enabled:
            dates = {"NextRotationDate", "LastRotatedDate"} & description.keys()
            description |= dict.fromkeys(dates)
        return description


def new_version(token: str) -> dict[str, Any]:
    """Return a version without a value and labels."""
    return {"createdate": time.time(), "version_id": token, "version_stages": []}


def has_value(version: Mapping[str, Any]) -> bool:
    """Return whether a version has a value; the version of a new rotation has none yet.

    >>> has_value({"secret_string": ""}), has_value(new_version("token"))
    (True, False)
    """
    return "secret_string" in version or "secret_binary" in version


def check_rules(rules: Mapping[str, Any]) -> None:
    """RotationRulesType: require a number of days or an expression, but not both."""
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
    """Return the date of the next rotation if the schedule is in days, or None."""
    days = secret.rotation_rules.get("AutomaticallyAfterDays")
    return int(time.time()) + int(days) * _DAY if days else None
