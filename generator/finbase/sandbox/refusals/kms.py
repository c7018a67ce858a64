"""Rules about KMS keys, and whether other services can use a key."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from moto.kms.models import kms_backends

from finbase.sandbox.refusals import policies
from finbase.sandbox.refusals.rule import Request, rule

_STATES = "kms/latest/developerguide/key-state.html"
_ROTATIONS = "DisableKeyRotation EnableKeyRotation"
_USES = f"""
    CreateGrant Decrypt Encrypt GenerateDataKey GenerateDataKeyPair
    GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext GenerateMac GetPublicKey
    ReEncrypt ReplicateKey RotateKeyOnDemand Sign Verify VerifyMac {_ROTATIONS}
"""
_CHANGES = """
    CreateAlias DisableKey EnableKey ScheduleKeyDeletion TagResource UntagResource UpdateAlias
    UpdateKeyDescription
"""
_KEYS = ("KeyId", "TargetKeyId", "SourceKeyId", "DestinationKeyId")
"""The members that name a key."""


@rule(f"kms {_USES}", "DisabledException", _STATES)
def disabled(request: Request) -> str | None:
    """A disabled key is not used, and its rotation not changed."""
    return _in_state(request, "Disabled", "is disabled")


@rule(f"kms {_USES} {_CHANGES}", "KMSInvalidStateException", _STATES)
def pending_deletion(request: Request) -> str | None:
    """A key that will be deleted is neither used nor changed."""
    return _in_state(request, "PendingDeletion", "is pending deletion")


@rule("kms CancelKeyDeletion", "KMSInvalidStateException", _STATES)
def not_pending_deletion(request: Request) -> str | None:
    """Only a deletion that is scheduled is cancelled."""
    states = ("Enabled", "Disabled", "PendingImport")
    found = (_in_state(request, state, "is not pending deletion") for state in states)
    return next(filter(None, found), None)


@rule(
    f"kms {_ROTATIONS}",
    "UnsupportedOperationException",
    "kms/latest/APIReference/API_EnableKeyRotation.html",
)
def no_rotation(request: Request) -> str | None:
    """KMS rotates symmetric keys for encryption whose material is its own."""
    key = find(request, request.params["KeyId"])
    if key is None or (key.key_spec, key.origin) == ("SYMMETRIC_DEFAULT", "AWS_KMS"):
        return None
    return f"{key.arn} has the spec {key.key_spec} and the origin {key.origin}, which do not rotate"


def unusable_state(request: Request, key: str) -> str | None:
    """Return the state of a key that cannot be used, or that it is missing; None if it can.

    A key of another account or region is not known here, and those of AWS are always there.
    """
    found = find(request, key)
    if found is not None:
        return None if found.key_state == "Enabled" else str(found.key_state)
    arn = key.split(":")
    elsewhere = len(arn) > 5 and arn[3:5] != [request.region, request.account]
    return None if elsewhere or "alias/aws/" in key else "missing"


def problem(request: Request, key: str | None) -> str | None:
    """Return why a service cannot use a key, if one is named; None if it can."""
    state = unusable_state(request, key) if key else None
    return f"The KMS key {key} cannot be used: its state is {state}." if state else None


def admits(request: Request, key: str, service: str, arn: str) -> bool:
    """Return whether the policy of a key lets a service encrypt for a resource.

    A key that is not known here admits everybody. A condition counts if it compares the resource.
    """
    found = find(request, key)
    if found is None:
        return True
    for statement in policies.statements(found.policy):
        admitted = statement["Effect"] == "Allow" and policies.does(
            statement, "kms:GenerateDataKey"
        )
        condition = (statement.get("Condition") or {}).get("ArnLike") or {}
        pattern = condition.get("kms:EncryptionContext:aws:logs:arn", "*").split(":", 2)[-1]
        fits = fnmatchcase(arn.split(":", 2)[-1], pattern)
        if admitted and fits and policies.services(statement) & {service, "*"}:
            return True
    return False


def find(request: Request, key: str) -> Any:
    """Return the key of an id, an alias or an ARN of either, or None."""
    backend = request.of(kms_backends)
    try:
        return backend.keys.get(backend.any_id_to_key_id(key))
    except Exception:  # moto raises different errors for an id that it does not know.
        return None


def _in_state(request: Request, state: str, message: str) -> str | None:
    names = [*map(request.params.get, _KEYS)]
    if blob := request.params.get("CiphertextBlob"):  # moto puts the id of the key first.
        names.append(bytes(blob[:36]).decode(errors="replace"))
    for name in filter(None, names):
        key = find(request, name)
        if key is not None and key.key_state == state:
            return f"{key.arn} {message}."
    return None
