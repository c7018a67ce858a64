"""Correct moto's KMS where it differs from AWS and Terraform would notice.

Docstrings name the operation in the API Reference of AWS KMS that describes the behaviour.
"""

from __future__ import annotations

import json
import time
from typing import Any

from moto.kms import models
from moto.kms.models import Key
from moto.kms.responses import KmsResponse
from moto.kms.utils import KeySpec, generate_private_key

_DAY = 86_400
_DEFAULT_DAYS = 365
_plain_enable = KmsResponse.enable_key_rotation
_plain_init = Key.__init__


def install() -> None:
    """Replace moto's operations; call this before the first request."""
    models.generate_private_key = _private_key  # type: ignore[assignment, attr-defined]
    Key.__init__ = _init  # type: ignore[method-assign]
    KmsResponse.enable_key_rotation = _enable  # type: ignore[method-assign]
    KmsResponse.get_key_rotation_status = _status  # type: ignore[method-assign]


def _init(self: Key, *args: Any, **kwargs: Any) -> None:
    """KeyMetadata, MultiRegion: false if CreateKey does not say; moto leaves it out then."""
    _plain_init(self, *args, **kwargs)
    self.multi_region = bool(self.multi_region)


def _private_key(spec: str) -> object:
    """Return a private key, or None for a symmetric key; moto takes 0.1 seconds for an RSA key."""
    return None if spec == KeySpec.SYMMETRIC_DEFAULT else generate_private_key(spec)


def _enable(self: KmsResponse) -> str:
    """EnableKeyRotation: store RotationPeriodInDays, which is 365 by default."""
    days = self._get_param("RotationPeriodInDays")
    answer = _plain_enable(self)
    key: Any = _key(self)
    key.rotation_days = int(days or getattr(key, "rotation_days", _DEFAULT_DAYS))
    key.rotation_since = time.time()
    return answer


def _status(self: KmsResponse) -> str:
    """GetKeyRotationStatus: return the state of rotation, and its period and next date if on."""
    self._validate_cmk_id(self._get_param("KeyId"))
    key: Any = _key(self)
    answer: dict[str, Any] = {"KeyId": key.id, "KeyRotationEnabled": key.key_rotation_status}
    if key.key_rotation_status:
        answer["RotationPeriodInDays"] = key.rotation_days
        answer["NextRotationDate"] = key.rotation_since + key.rotation_days * _DAY
    return json.dumps(answer)


def _key(self: KmsResponse) -> Key:
    backend = self.kms_backend
    return backend.keys[backend.get_key_id(self._get_param("KeyId"))]
