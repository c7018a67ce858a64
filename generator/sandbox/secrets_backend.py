"""Moto's Secrets Manager, mended where it differs from the service and a rotation would notice.

Each method says what AWS does. The source is the API Reference of Secrets Manager, at the
operation of the method's name, where no other is given.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, cast

from moto.awslambda.utils import get_backend
from moto.secretsmanager import models
from moto.secretsmanager.exceptions import (
    InvalidParameterException,
    InvalidRequestException,
    OperationNotPermittedOnReplica,
    ResourceExistsException,
    ResourceNotFoundException,
    SecretNotFoundException,
)
from moto.secretsmanager.responses import SecretsManagerResponse

__all__ = ["install"]

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
_DAY = 86_400
_PAGE = 100


def install() -> None:
    """Put the mended backend in the place of moto's; call it before the first request."""
    models.FakeSecret = Secret  # type: ignore[misc]
    models.secretsmanager_backends.backend = Backend
    for account in models.secretsmanager_backends.values():
        account.backend = Backend
        for region in [name for name, made in account.items() if not isinstance(made, Backend)]:
            del account[region]
    SecretsManagerResponse.list_secret_version_ids = _list  # type: ignore[method-assign]


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


class Backend(models.SecretsManagerBackend):
    """The operations that a rotation and its set-up use."""

    __module__ = models.__name__  # moto looks for the URLs of the service beside it

    def put_secret_value(
        self,
        secret_id: str,
        secret_string: str,
        secret_binary: str,
        client_request_token: str,
        version_stages: list[str],
    ) -> str:
        """A version's value never changes: the same once more does nothing, another fails.

        ``AWSPENDING`` makes no difference to that, except that a version that a rotation has
        begun has no value yet.
        """
        secret = self._own(secret_id)
        token = self._from_client_request_token(client_request_token)
        value = {"secret_string": secret_string, "secret_binary": secret_binary}
        given = {key: each for key, each in value.items() if each is not None}
        version = secret.versions.get(token)
        if version is None or not _has_value(version):
            labels = [*version_stages] if secret.versions else {CURRENT, *version_stages}
            secret.versions.setdefault(token, _version(token)).update(given)
            for label in labels:
                secret.move(label, token)
            secret.last_changed_date = int(time.time())
        elif {key: version.get(key) for key in value} != value:
            raise ResourceExistsException(
                f"You can't use ClientRequestToken {token} because that value is already in use "
                f"for a version of secret {secret.arn}."
            )
        return secret.to_short_dict(include_version_stages=True, version_id=token)

    def update_secret_version_stage(
        self,
        secret_id: str,
        version_stage: str,
        remove_from_version_id: str,
        move_to_version_id: str,
    ) -> tuple[str, str]:
        """A label moves only from the version that the caller names; ``AWSCURRENT`` stays on one.

        The move of ``AWSCURRENT`` to the version of a rotation takes ``AWSPENDING`` off it and
        ends the rotation (User Guide, "Rotation by Lambda function", step 4).
        """
        secret = self._own(secret_id)
        for version in filter(None, (remove_from_version_id, move_to_version_id)):
            if version not in secret.versions:
                raise ResourceNotFoundException(
                    f"Secrets Manager can't find the specified secret version: {version}"
                )
        holder = secret.labelled(version_stage)
        if remove_from_version_id and holder != remove_from_version_id:
            raise InvalidParameterException(
                f"Staging label {version_stage} is not attached to version "
                f"{remove_from_version_id}."
            )
        if not move_to_version_id and version_stage == CURRENT:
            raise InvalidParameterException(
                f"You can only move staging label {CURRENT} to a different secret version. "
                "It can’t be completely removed."
            )
        if holder not in (None, move_to_version_id, remove_from_version_id):
            raise InvalidParameterException(
                "The parameter RemoveFromVersionId can't be empty. Staging label "
                f"{version_stage} is currently attached to version {holder}, so you must "
                "explicitly reference that version in RemoveFromVersionId."
            )
        if move_to_version_id or remove_from_version_id:
            secret.move(version_stage, move_to_version_id or None)
        if version_stage == CURRENT and secret.labelled(PENDING) == move_to_version_id:
            secret.move(PENDING, None)
            secret.last_rotation_date = int(time.time())
            secret.next_rotation_date = _next(secret)
        return secret.arn, secret.name

    def rotate_secret(
        self,
        secret_id: str,
        client_request_token: str | None = None,
        rotation_lambda_arn: str | None = None,
        rotation_rules: dict[str, Any] | None = None,
        rotate_immediately: bool = True,
    ) -> str:
        """Store what is given, keep what is not, and begin a rotation: an empty ``AWSPENDING``.

        The steps come later, asynchronously. An unfinished rotation refuses another one, but
        not itself; labels that have come to be on one version are a finished one. Without
        ``rotate_immediately`` the version is gone when the test is over, so none is made here.
        """
        secret = self._own(secret_id)
        token = self._from_client_request_token(client_request_token)
        arn = rotation_lambda_arn or secret.rotation_lambda_arn
        if not arn:
            raise InvalidRequestException(
                "You tried to enable rotation on a secret that doesn't already have a Lambda "
                "function ARN configured and you didn't include such an ARN as a parameter in "
                "this call."
            )
        if rotation_lambda_arn:
            self._must_exist(rotation_lambda_arn)
        if rotation_rules:
            _must_be_valid(rotation_rules)
        pending = secret.labelled(PENDING)
        if pending not in (None, token, secret.labelled(CURRENT)):
            raise InvalidRequestException(
                "A previous rotation isn't complete. That rotation will be reattempted."
            )
        secret.rotation_requested = secret.rotation_enabled = True
        secret.rotation_lambda_arn = arn
        secret.rotation_rules = rotation_rules or secret.rotation_rules
        secret.next_rotation_date = _next(secret)
        if rotate_immediately and token not in secret.versions:
            secret.versions[token] = _version(token)
            secret.move(PENDING, token)
        return json.dumps({"ARN": secret.arn, "Name": secret.name, "VersionId": token})

    def list_versions(
        self, secret_id: str, deprecated: bool, most: int | None, following: str | None
    ) -> dict[str, Any]:
        """ListSecretVersionIds: versions with a value; those without a label only if asked for."""
        secret = self._own(secret_id)
        start = int(following or 0)
        end = start + (most or _PAGE)
        shown = [
            {"VersionId": v, "CreatedDate": e["createdate"]}
            | ({"VersionStages": e["version_stages"]} if e["version_stages"] else {})
            for v, e in secret.versions.items()
            if _has_value(e) and (deprecated or e["version_stages"])
        ]
        answer = {"ARN": secret.arn, "Name": secret.name, "Versions": shown[start:end]}
        return answer | ({"NextToken": str(end)} if end < len(shown) else {})

    def get_random_password(self, *args: Any, **kwargs: Any) -> str:
        """A password of no characters at all is a wrong parameter, not an error of the server."""
        try:
            return super().get_random_password(*args, **kwargs)
        except IndexError:
            raise InvalidParameterException(
                "The password length and the excluded types leave no password to generate."
            ) from None

    def _own(self, secret_id: str) -> Secret:
        """Find a secret that can be changed."""
        if not self._is_valid_identifier(secret_id):
            raise SecretNotFoundException
        secret = self.secrets[secret_id]
        if not isinstance(secret, Secret):
            raise OperationNotPermittedOnReplica
        if secret.is_deleted():
            raise InvalidRequestException(
                "You can't perform this operation on the secret because it was marked for deletion."
            )
        return secret

    def _must_exist(self, function: str) -> None:
        try:
            get_backend(self.account_id, self.region_name).get_function(function)
        except Exception:
            message = f"Secrets Manager can't find the Lambda function {function!r}."
            raise ResourceNotFoundException(message) from None


def _version(token: str) -> dict[str, Any]:
    return {"createdate": time.time(), "version_id": token, "version_stages": []}


def _has_value(version: Mapping[str, Any]) -> bool:
    return "secret_string" in version or "secret_binary" in version


def _must_be_valid(rules: Mapping[str, Any]) -> None:
    """The schedule is a number of days or an expression, but not both."""
    days, expression = rules.get("AutomaticallyAfterDays"), rules.get("ScheduleExpression")
    if (days is None) == (expression is None):
        raise InvalidParameterException(
            "RotationRules takes either AutomaticallyAfterDays or ScheduleExpression."
        )
    if days is not None and not 1 <= days <= 1000:
        raise InvalidParameterException(
            "RotationRules.AutomaticallyAfterDays must be within 1-1000."
        )


def _next(secret: Secret) -> int | None:
    """The date by which a schedule in days comes up; those of expressions are not computed."""
    days = secret.rotation_rules.get("AutomaticallyAfterDays")
    return int(time.time()) + int(days) * _DAY if days else None


def _list(self: SecretsManagerResponse) -> str:
    backend = cast(Backend, self.backend)
    return json.dumps(
        backend.list_versions(
            self._get_param("SecretId", if_none=""),
            bool(self._get_bool_param("IncludeDeprecated", False)),
            self._get_int_param("MaxResults"),
            self._get_param("NextToken"),
        )
    )
