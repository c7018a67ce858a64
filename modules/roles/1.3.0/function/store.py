"""The versions of one secret in Secrets Manager, and the labels that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from credentials import Credentials, SecretError

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"

# Versions tried at most beside those with one of these labels: each costs a failed login.
MAX_OTHERS = 10

# Secrets Manager keeps about 100 versions without a label, and those of the last day.
_PAGE, _MAX_PAGES = 100, 20


class Store:
    """The secret ``arn``, seen from the rotation that makes its version ``token``.

    ``client`` is a boto3 client for Secrets Manager. What that raises goes through, except for
    the one call that carries a secret.
    """

    def __init__(self, client: Any, arn: str, token: str) -> None:
        self._client = client
        self._arn = arn
        self._token = token

    def due(self) -> bool:
        """Whether the version is still to be rotated; ``SecretError`` if it must not be."""
        if not self._description.get("RotationEnabled"):
            raise SecretError("rotation is not enabled for this secret")
        labels = self._labels.get(self._token)
        if labels is None:
            raise SecretError("the secret has no version with the token of this rotation")
        if CURRENT in labels:
            return False
        if PENDING not in labels:
            raise SecretError(f"the version of this rotation is not labelled {PENDING}")
        return True

    def current(self) -> Credentials:
        """Read the version that applications use."""
        text = self._read(VersionStage=CURRENT)
        if text is None:
            raise SecretError(f"the secret has no {CURRENT} value: write its first version")
        return Credentials.parse(text, "current")

    def pending(self) -> Credentials | None:
        """Read the new version; ``None`` while it is empty, which is how a rotation begins."""
        text = self._read(VersionId=self._token, VersionStage=PENDING)
        return None if text is None else Credentials.parse(text, "pending")

    def older(self, username: str) -> Iterator[Credentials]:
        """Yield former versions of the same role, the likeliest first.

        After the previous one come those without a label that a rotation knows: an abandoned
        rotation leaves the password that it has set in such a version. Unusable ones are
        passed over. Lazy: nothing is listed while the previous version will do.
        """
        for text in self._older_texts():
            try:
                candidate = Credentials.parse(text or "", "older")
            except SecretError:
                continue
            if candidate.username == username:
                yield candidate

    def put_pending(self, credentials: Credentials) -> None:
        """Give the new version its value, unless it has one: the first one stays."""
        failure = ""
        try:
            self._client.put_secret_value(
                SecretId=self._arn,
                ClientRequestToken=self._token,
                SecretString=credentials.text(),
                VersionStages=[PENDING],
            )
        except self._client.exceptions.ResourceExistsException:
            pass  # another attempt was faster: its value is the one that the next steps read
        except Exception as error:
            response = getattr(error, "response", {})
            failure = response.get("Error", {}).get("Code") or type(error).__name__
        # Raised out here, since the error that was caught may quote the request.
        if failure:
            raise SecretError(f"the new version cannot be written: {failure}")

    def promote(self) -> None:
        """Label the new version ``AWSCURRENT``; Secrets Manager moves ``AWSPREVIOUS`` itself."""
        old = next((v for v, labels in self._labels.items() if CURRENT in labels), None)
        if old is None:
            raise SecretError(f"no version of the secret is labelled {CURRENT}")
        self._client.update_secret_version_stage(
            SecretId=self._arn,
            VersionStage=CURRENT,
            MoveToVersionId=self._token,
            RemoveFromVersionId=old,
        )

    @cached_property
    def _description(self) -> Mapping[str, Any]:
        return self._client.describe_secret(SecretId=self._arn)  # type: ignore[no-any-return]

    @property
    def _labels(self) -> Mapping[str, list[str]]:
        return self._description.get("VersionIdsToStages") or {}

    def _read(self, **which: str) -> str | None:
        try:
            value = self._client.get_secret_value(SecretId=self._arn, **which)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        return str(value.get("SecretString", ""))

    def _older_texts(self) -> Iterator[str | None]:
        yield self._read(VersionStage=PREVIOUS)
        for version in self._others():
            yield self._read(VersionId=version)

    def _others(self) -> list[str]:
        """List the versions with other labels, then those with none, newest first."""
        versions: list[Mapping[str, Any]] = []
        following: dict[str, str] = {}
        for _ in range(_MAX_PAGES):
            page = self._client.list_secret_version_ids(
                SecretId=self._arn, IncludeDeprecated=True, MaxResults=_PAGE, **following
            )
            versions += page["Versions"]
            if not page.get("NextToken"):
                break
            following = {"NextToken": page["NextToken"]}
        others = [v for v in versions if not _labels(v) & {CURRENT, PENDING, PREVIOUS}]
        others.sort(key=lambda v: (bool(_labels(v)), v["CreatedDate"]), reverse=True)
        return [v["VersionId"] for v in others[:MAX_OTHERS]]


def _labels(version: Mapping[str, Any]) -> set[str]:
    return set(version.get("VersionStages") or ())
