"""The local KMS does what AWS does, where moto by itself does not.

"API" is the API Reference of AWS KMS, at the operation that is named. A number's least and greatest
values are there, too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def kms(client: Callable[..., Any]) -> Any:
    return client("kms")


@pytest.fixture
def key(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["KeyId"])


@pytest.mark.parametrize(("given", "days"), [({}, 365), ({"RotationPeriodInDays": 90}, 90)])
def test_enable_stores_period(kms: Any, key: str, given: dict[str, int], days: int) -> None:
    """API, EnableKeyRotation: RotationPeriodInDays, "the default value is 365 days". API,
    GetKeyRotationStatus: RotationPeriodInDays, and NextRotationDate."""
    kms.enable_key_rotation(KeyId=key, **given)
    status = kms.get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] is True
    assert status["RotationPeriodInDays"] == days
    until = status["NextRotationDate"] - datetime.now(UTC)
    assert timedelta(days=days - 1) < until <= timedelta(days=days)


def test_rotation_status_without_rotation(kms: Any, key: str) -> None:
    """Inferred: there is no "next date that KMS will automatically rotate the key material" (API,
    GetKeyRotationStatus, NextRotationDate) where it does not."""
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    kms.disable_key_rotation(KeyId=key)
    status = kms.get_key_rotation_status(KeyId=key)
    assert not {"RotationPeriodInDays", "NextRotationDate"} & set(status)


@pytest.mark.parametrize("days", [89, 2561])
def test_enable_refuses_period(client: Callable[..., Any], kms: Any, key: str, days: int) -> None:
    """API, EnableKeyRotation, RotationPeriodInDays: 90 to 2560. The error's name is inferred."""
    careless = client("kms", parameter_validation=False)
    with pytest.raises(ClientError, match="ValidationException"):
        careless.enable_key_rotation(KeyId=key, RotationPeriodInDays=days)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False


@pytest.mark.parametrize(("given", "told"), [({}, False), ({"MultiRegion": True}, True)])
def test_multi_region_is_true_or_false(kms: Any, given: dict[str, bool], told: bool) -> None:
    """API, KeyMetadata, MultiRegion: "True" for a multi-Region key, "False" for a regional one."""
    made = kms.create_key(**given)["KeyMetadata"]
    assert made["MultiRegion"] is told
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]["MultiRegion"] is told


def test_key_state_allows_operations(kms: Any, key: str) -> None:
    """Guide, "Key states of AWS KMS keys": the columns of disabled keys, and of those that will be
    deleted. API, ScheduleKeyDeletion, errors: KMSInvalidStateException."""
    alias, tag = f"alias/{key}", {"TagKey": "a", "TagValue": "b"}
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    secret = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"x"
    kms.disable_key(KeyId=key)
    kms.tag_resource(KeyId=key, Tags=[tag])
    with pytest.raises(kms.exceptions.DisabledException):
        kms.decrypt(CiphertextBlob=secret)
    with pytest.raises(kms.exceptions.DisabledException):
        kms.disable_key_rotation(KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    for operation, params in (
        ("encrypt", {"KeyId": alias, "Plaintext": b"x"}),
        ("enable_key", {"KeyId": key}),
        ("schedule_key_deletion", {"KeyId": key}),
        ("untag_resource", {"KeyId": key, "TagKeys": ["a"]}),
        ("update_alias", {"AliasName": alias, "TargetKeyId": key}),
        ("update_key_description", {"KeyId": key, "Description": "d"}),
    ):
        with pytest.raises(kms.exceptions.KMSInvalidStateException):
            getattr(kms, operation)(**params)
    policy = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
    kms.delete_alias(AliasName=alias)
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
