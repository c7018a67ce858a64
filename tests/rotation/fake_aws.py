"""Secrets Manager as it behaves towards a rotation function, in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:ledger-production-AbCdEf"


class KilledError(BaseException):
    """The function was stopped here; like a kill, no ``except Exception`` sees it."""


class Fuse:
    """Counts the moments at which a function could die, and lets it die at one of them."""

    def __init__(self) -> None:
        self.passed = 0
        self.blow_at: int | None = None

    def point(self) -> None:
        self.passed += 1
        if self.passed == self.blow_at:
            raise KilledError


class ServiceError(Exception):
    """Shaped as the errors of botocore."""

    def __init__(self, message: str = "") -> None:
        code = type(self).__name__
        super().__init__(f"An error occurred ({code}) when calling the operation: {message}")
        self.response = {"Error": {"Code": code, "Message": message}}


class ResourceNotFoundException(ServiceError):  # noqa: N818 - the service's name
    pass


class ResourceExistsException(ServiceError):  # noqa: N818
    pass


class InvalidRequestException(ServiceError):  # noqa: N818
    pass


class InvalidParameterException(ServiceError):  # noqa: N818
    pass


@dataclass
class Version:
    created: int
    value: str | None = None
    labels: set[str] = field(default_factory=set)


class FakeSecretsManager:
    """One secret, listed in short pages.

    ``calls`` has every operation; ``before`` maps one to what another party does just before.
    """

    page_size = 5
    exceptions = SimpleNamespace(
        ResourceNotFoundException=ResourceNotFoundException,
        ResourceExistsException=ResourceExistsException,
    )

    def __init__(self, fuse: Fuse) -> None:
        self.fuse = fuse
        self.enabled = True
        self.versions: dict[str, Version] = {}
        self.calls: list[str] = []
        self.before: dict[str, Callable[[], None]] = {}

    # What other parties do -------------------------------------------------------------------

    def write(self, version: str, value: str | None, labels: list[str]) -> None:
        """Make a version; a label that another one has moves, as it does at AWS."""
        entry = self.versions.setdefault(version, Version(created=len(self.versions)))
        entry.value = value
        for label in labels:
            self._move(label, version)

    def rotate(self, token: str) -> None:
        """Start a rotation: the service registers an empty pending version."""
        self.write(token, None, ["AWSPENDING"])

    def unlabel(self, version: str) -> None:
        self.versions[version].labels.clear()

    def labelled(self, label: str) -> str | None:
        return next((v for v, entry in self.versions.items() if label in entry.labels), None)

    def value(self, label: str) -> str:
        version = self.labelled(label)
        assert version is not None
        value = self.versions[version].value
        assert value is not None
        return value

    # What the function calls -----------------------------------------------------------------

    def describe_secret(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803
        self._called("describe_secret", SecretId)
        labelled = {v: sorted(e.labels) for v, e in self.versions.items() if e.labels}
        self.fuse.point()
        return {"ARN": ARN, "RotationEnabled": self.enabled, "VersionIdsToStages": labelled}

    def get_secret_value(
        self,
        *,
        SecretId: str,  # noqa: N803
        VersionId: str | None = None,  # noqa: N803
        VersionStage: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        self._called("get_secret_value", SecretId)
        version = VersionId or self.labelled(VersionStage or "AWSCURRENT")
        entry = self.versions.get(version or "")
        if entry is None:
            raise ResourceNotFoundException("can't find the specified secret version")
        if VersionId and VersionStage and VersionStage not in entry.labels:
            raise InvalidRequestException("the label is not on that version")
        if entry.value is None:
            raise ResourceNotFoundException("can't find the specified secret value")
        self.fuse.point()
        return {"ARN": ARN, "VersionId": version, "SecretString": entry.value}

    def put_secret_value(
        self,
        *,
        SecretId: str,  # noqa: N803
        ClientRequestToken: str,  # noqa: N803
        SecretString: str,  # noqa: N803
        VersionStages: list[str],  # noqa: N803
    ) -> dict[str, Any]:
        self._called("put_secret_value", SecretId)
        entry = self.versions.get(ClientRequestToken)
        if entry is not None and entry.value not in (None, SecretString):
            raise ResourceExistsException("that token is already in use for a version")
        self.write(ClientRequestToken, SecretString, VersionStages)
        self.fuse.point()
        return {}

    def update_secret_version_stage(
        self,
        *,
        SecretId: str,  # noqa: N803
        VersionStage: str,  # noqa: N803
        MoveToVersionId: str,  # noqa: N803
        RemoveFromVersionId: str,  # noqa: N803
    ) -> dict[str, Any]:
        self._called("update_secret_version_stage", SecretId)
        if VersionStage not in self.versions[RemoveFromVersionId].labels:
            raise InvalidParameterException("the label is not on the version to remove it from")
        self._move(VersionStage, MoveToVersionId)
        if VersionStage == "AWSCURRENT":
            self._move("AWSPREVIOUS", RemoveFromVersionId)
        self.fuse.point()
        return {}

    def list_secret_version_ids(
        self,
        *,
        SecretId: str,  # noqa: N803
        IncludeDeprecated: bool = False,  # noqa: N803
        MaxResults: int = 100,  # noqa: N803
        NextToken: str = "0",  # noqa: N803
    ) -> dict[str, Any]:
        self._called("list_secret_version_ids", SecretId)
        shown = [
            {"VersionId": version, "CreatedDate": entry.created}
            | ({"VersionStages": sorted(entry.labels)} if entry.labels else {})
            for version, entry in self.versions.items()
            if entry.labels or IncludeDeprecated
        ]
        start, end = int(NextToken), int(NextToken) + min(MaxResults, self.page_size)
        page: dict[str, Any] = {"ARN": ARN, "Versions": shown[start:end]}
        return page | ({"NextToken": str(end)} if end < len(shown) else {})

    def _called(self, operation: str, secret: str) -> None:
        assert secret == ARN
        self.calls.append(operation)
        self.before.pop(operation, lambda: None)()
        self.fuse.point()

    def _move(self, label: str, version: str) -> None:
        for entry in self.versions.values():
            entry.labels.discard(label)
        self.versions[version].labels.add(label)
