"""Rules about KMS keys."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from moto.kms.models import kms_backends

from finbase.sandbox.refusals import policies
from finbase.sandbox.refusals.rule import Request


def unusable_state(request: Request, key: str) -> str | None:
    """Return the state of a key that cannot be used; None if it can, or is not known here."""
    found = _key(request, key)
    if found is None or found.key_state == "Enabled":
        return None
    return str(found.key_state)


def problem(request: Request, key: str | None) -> str | None:
    """Return why a service cannot use a key of the account and region; None if it can.

    Only a key of this account and region is known to be missing, and AWS makes its own aliases.
    """
    if not key:
        return None
    if state := unusable_state(request, key):
        return f"The KMS key {key} cannot be used: its state is {state}."
    own = [request.region, request.account]
    known = _key(request, key) is not None or key.split(":")[-1].startswith("alias/aws/")
    return None if known or (key.split(":")[3:5] or own) != own else f"Unknown KMS key: {key}"


def admits(request: Request, key: str, service: str, arn: str) -> bool:
    """Return whether the policy of a key lets a service encrypt for a resource.

    A key that is not known here admits everybody. A condition counts if it compares the resource.
    """
    found = _key(request, key)
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


def _key(request: Request, key: str) -> Any:
    backend = request.of(kms_backends)
    try:
        return backend.keys.get(backend.any_id_to_key_id(key))
    except Exception:  # moto raises different errors for an id that it does not know.
        return None
