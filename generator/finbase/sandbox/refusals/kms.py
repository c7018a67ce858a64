"""Rules about KMS keys."""

from __future__ import annotations

from typing import Any

from moto.kms.models import kms_backends

from finbase.sandbox.refusals.rule import Request


def deletion_window(request: Request) -> str | None:
    """A key is deleted after 7 to 30 days; the model of the service allows 1 to 365."""
    days = request.params.get("PendingWindowInDays")
    return _range("pendingWindowInDays", days, 7, 30)


def unusable(request: Request) -> str | None:
    """A key that is disabled or will be deleted encrypts nothing."""
    if state := unusable_state(request, request.params["KeyId"]):
        return f"{request.params['KeyId']} is {state}."
    return None


def unusable_state(request: Request, key: str) -> str | None:
    """Return the state of a key that cannot be used; None if it can, or is not known here."""
    backend: Any = kms_backends[request.account][request.region]
    try:
        found = backend.keys.get(backend.any_id_to_key_id(key))
    except Exception:  # moto raises different errors for an id that it does not know.
        return None
    if found is None or found.key_state == "Enabled":
        return None
    return str(found.key_state)


def _range(name: str, value: int | None, lowest: int, highest: int) -> str | None:
    if value is None or lowest <= value <= highest:
        return None
    bound = f"less than or equal to {highest}"
    if value < lowest:
        bound = f"greater than or equal to {lowest}"
    return (
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
        f"Member must have value {bound}"
    )
