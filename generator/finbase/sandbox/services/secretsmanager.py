"""Correct moto's Secrets Manager where it differs from AWS and a rotation would notice.

Each docstring says what AWS does, by the API Reference of Secrets Manager at the operation with
the method's name unless it names another source.
"""

from __future__ import annotations

import json
import time
from typing import Any, Protocol, cast

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

from finbase.sandbox.services.backends import replace_backend
from finbase.sandbox.services.secret import (
    CURRENT,
    PENDING,
    Secret,
    check_rules,
    has_value,
    new_version,
    next_rotation,
)

_PAGE = 100


class Driver(Protocol):
    """Runs the function of a secret after RotateSecret has returned."""

    def allow(self, backend: Backend, function: str) -> None:
        """Raise an error if Secrets Manager may not invoke the function."""

    def start(self, backend: Backend, secret: Secret, token: str, immediately: bool) -> None:
        """Start a rotation or, without ``immediately``, the test of its configuration."""


def install(driver: Driver | None = None) -> None:
    """Replace moto's backend; call this before the first request.

    Without a driver, the caller of RotateSecret runs the function, with
    ``rotation_steps.complete``.
    """
    Backend.driver = driver
    models.FakeSecret = Secret  # type: ignore[misc]
    replace_backend(models.secretsmanager_backends, Backend)
    SecretsManagerResponse.list_secret_version_ids = _list  # type: ignore[method-assign]


class Backend(models.SecretsManagerBackend):
    """The operations that a rotation and its configuration use."""

    __module__ = models.__name__  # moto finds the URLs of a service by its backend's module
    driver: Driver | None = None

    def get_secret_value(
        self, secret_id: str, version_id: str, version_stage: str
    ) -> dict[str, Any]:
        """Return a value, and remember that the secret was accessed."""
        value = super().get_secret_value(secret_id, version_id, version_stage)
        if isinstance(secret := self.secrets[secret_id], Secret):
            secret.note_access()
        return value

    def put_secret_value(
        self,
        secret_id: str,
        secret_string: str,
        secret_binary: str,
        client_request_token: str,
        version_stages: list[str],
    ) -> str:
        """Store the value of a new version; refuse another value for an existing version.

        The same value again changes nothing. The version of a started rotation exists without
        a value, so it accepts its first one.
        """
        secret = self._own(secret_id)
        token = self._from_client_request_token(client_request_token)
        value = {"secret_string": secret_string, "secret_binary": secret_binary}
        new_value = {key: content for key, content in value.items() if content is not None}
        version = secret.versions.get(token)
        if version is None or not has_value(version):
            labels = [*version_stages] if secret.versions else {CURRENT, *version_stages}
            secret.versions.setdefault(token, new_version(token)).update(new_value)
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
        """Move a label from the version that the caller names; never remove ``AWSCURRENT``.

        Moving ``AWSCURRENT`` to the version of a rotation removes ``AWSPENDING`` from it and
        ends the rotation (User Guide, "Lambda rotation functions", finishSecret).
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
            secret.next_rotation_date = next_rotation(secret)
        return secret.arn, secret.name

    def rotate_secret(
        self,
        secret_id: str,
        client_request_token: str | None = None,
        rotation_lambda_arn: str | None = None,
        rotation_rules: dict[str, Any] | None = None,
        rotate_immediately: bool = True,
    ) -> str:
        """Store the rotation settings; also start a rotation if ``rotate_immediately`` is set.

        A rotation starts with a version without a value, labelled ``AWSPENDING``; its steps run
        later. It is finished when ``AWSPENDING`` and ``AWSCURRENT`` are on the same version.
        Until then the same token continues it, and another token is refused.
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
        if self.driver is not None:
            self.driver.allow(self, arn)
        if rotation_rules:
            check_rules(rotation_rules)
        pending = secret.labelled(PENDING)
        if pending not in (None, token, secret.labelled(CURRENT)):
            raise InvalidRequestException(
                "A previous rotation isn't complete. That rotation will be reattempted."
            )
        secret.rotation_requested = secret.rotation_enabled = True
        secret.rotation_lambda_arn = arn
        secret.rotation_rules = rotation_rules or secret.rotation_rules
        secret.next_rotation_date = next_rotation(secret)
        if rotate_immediately and token not in secret.versions:
            secret.versions[token] = new_version(token)
            secret.move(PENDING, token)
        if self.driver is not None:
            self.driver.start(self, secret, token, rotate_immediately)
        return json.dumps({"ARN": secret.arn, "Name": secret.name, "VersionId": token})

    def list_versions(self, request: SecretsManagerResponse) -> dict[str, Any]:
        """ListSecretVersionIds: return versions with a value, and unlabelled ones on request."""
        secret = self._own(request._get_param("SecretId", if_none=""))
        deprecated = bool(request._get_bool_param("IncludeDeprecated", False))
        start = int(request._get_param("NextToken") or 0)
        end = start + (request._get_int_param("MaxResults") or _PAGE)
        versions = [
            {"VersionId": token, "CreatedDate": version["createdate"]}
            | ({"VersionStages": version["version_stages"]} if version["version_stages"] else {})
            for token, version in secret.versions.items()
            if has_value(version) and (deprecated or version["version_stages"])
        ]
        page = {"ARN": secret.arn, "Name": secret.name, "Versions": versions[start:end]}
        return page | ({"NextToken": str(end)} if end < len(versions) else {})

    def get_random_password(self, *args: Any, **kwargs: Any) -> str:
        """Report an empty password as an invalid parameter, not as an internal error."""
        try:
            return super().get_random_password(*args, **kwargs)
        except IndexError:
            raise InvalidParameterException(
                "The password length and the excluded types leave no password to generate."
            ) from None

    def _own(self, secret_id: str) -> Secret:
        """Return a secret that can be changed; raises if it is a replica or being deleted."""
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


def _list(self: SecretsManagerResponse) -> str:
    return json.dumps(cast(Backend, self.backend).list_versions(self))
