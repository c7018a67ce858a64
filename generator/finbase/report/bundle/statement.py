"""The in-toto statement of a bundle, in a DSSE envelope that an Ed25519 key signs.

See https://github.com/in-toto/attestation for the statement and its predicate, Test Result, and
https://github.com/secure-systems-lab/dsse for the envelope.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from finbase.errors import FinbaseError
from finbase.judge.verdict import Verdict
from finbase.report.bundle.archive import AlteredError, unpack
from finbase.report.provenance import Provenance
from finbase.source.bounds import load_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SIGNED: Final = "statement.dsse.json"
UNSIGNED: Final = "statement.json"
TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://in-toto.io/attestation/test-result/v0.1"

_TEXT = re.compile(r"[\w.:+-]*", re.ASCII)
"""What a statement may say of a bundle in the words of a terminal."""
_MAKE = "make a key with `openssl genpkey -algorithm ed25519 -out key.pem`"
_PUBLIC = "write the public key with `openssl pkey -in key.pem -pubout -out key.pub.pem`"


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read: its members, and its statement. ``key`` is empty if none signed."""

    members: Mapping[str, bytes]
    statement: Mapping[str, Any]
    key: str

    @property
    def previous(self) -> str:
        """The SHA-256 of the previous bundle, or an empty string."""
        previous = self.statement["predicate"]["previous"]
        return str(previous["digest"]["sha256"]) if previous else ""


def statement(
    members: Mapping[str, bytes],
    verdict: Verdict,
    provenance: Provenance,
    *,
    plan: str,
    previous: str,
) -> bytes:
    """Return the statement about the members of a bundle.

    ``plan`` and ``previous`` are the SHA-256 of the plan and of the previous bundle, or empty.
    """
    tests = {
        "passedTests": ("passed",),
        "warnedTests": ("not applicable",),
        "failedTests": ("failed", "not shown"),
    }
    rows = verdict.by_failure()
    checkout = provenance.checkout
    commit = checkout and {
        "name": "commit",
        **({"uri": f"git+{checkout.url}"} if checkout.url else {}),
        "digest": {"gitCommit": checkout.commit},
    }
    content = {
        "_type": STATEMENT,
        "subject": [_resource(name, _sha256(data)) for name, data in sorted(members.items())],
        "predicateType": PREDICATE,
        "predicate": {
            "result": "PASSED" if verdict.passed else "FAILED",
            "configuration": list(filter(None, [plan and _resource("plan", plan), commit])),
            **{key: [r.id for r in rows if r.status in states] for key, states in tests.items()},
            "environment": verdict.environment,
            "made": provenance.made.isoformat(),
            "previous": _resource("previous bundle", previous) if previous else None,
        },
    }
    return dump(content)


def sign(payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return a statement in a signed envelope."""
    return _envelope(payload, key.sign(_encoded(payload)), key_id(key.public_key()))


def verify(data: bytes, key: Ed25519PublicKey | None) -> Bundle:
    """Read a bundle and check every byte of it; without a key, it must be an unsigned one.

    Raises ``AlteredError`` with the reason if a member, the statement or the signature is not what
    was signed.
    """
    members = unpack(data)
    payload = _signed_payload(members, key) if key else _unsigned_payload(members)
    try:
        content = load_json(payload)
        named = {str(each["name"]): each["digest"]["sha256"] for each in content["subject"]}
        if len(named) != len(content["subject"]):
            raise ValueError  # A file is named twice.
        bundle = Bundle(members, content, key_id(key) if key else "")
        predicate = content["predicate"]
        texts = (bundle.previous, *(predicate[name] for name in ("environment", "result", "made")))
        if not all(_TEXT.fullmatch(text) for text in texts):
            raise ValueError  # It could write lines of its own.
    except (ValueError, KeyError, TypeError) as error:
        raise AlteredError("its statement is not one of finbase") from error
    if (content.get("_type"), content.get("predicateType")) != (STATEMENT, PREDICATE):
        raise AlteredError("its statement is not one of finbase")
    subjects = {name: _sha256(data) for name, data in members.items()}
    del subjects[SIGNED if key else UNSIGNED]
    wrong = sorted(name for name in named | subjects if named.get(name) != subjects.get(name))
    if wrong:
        raise AlteredError(f"{', '.join(wrong)} is not what the statement describes")
    return bundle


def key_id(key: Ed25519PublicKey) -> str:
    """Return the SHA-256 of a public key in DER, which `openssl pkey -pubin` can write."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return _sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def read_private_key(data: bytes, name: str) -> Ed25519PrivateKey:
    """Read a private key in PEM; raises ``FinbaseError`` if it is not an Ed25519 key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(data, None)
    except TypeError as error:
        message = f"{name} is a key with a password"
        raise FinbaseError(message, "use a key without one, from a store of secrets") from error
    except ValueError as error:
        raise FinbaseError(f"{name} is not a private key in PEM", _MAKE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise FinbaseError(f"{name} is a key of another algorithm than Ed25519", _MAKE)
    return key


def read_public_key(data: bytes, name: str) -> Ed25519PublicKey:
    """Read a public key in PEM; raises ``FinbaseError`` if it is not an Ed25519 key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(data)
    except ValueError as error:
        raise FinbaseError(f"{name} is not a public key in PEM", _PUBLIC) from error
    if not isinstance(key, Ed25519PublicKey):
        raise FinbaseError(f"{name} is a key of another algorithm than Ed25519", _PUBLIC)
    return key


def dump(content: object) -> bytes:
    """Return JSON in the only form that a bundle may have."""
    return json.dumps(content, indent=2, sort_keys=True).encode() + b"\n"


def _signed_payload(members: Mapping[str, bytes], key: Ed25519PublicKey) -> bytes:
    from cryptography.exceptions import InvalidSignature

    if SIGNED not in members:
        raise AlteredError("it is not signed")
    try:
        envelope = load_json(members[SIGNED])
        payload = base64.b64decode(envelope["payload"])
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        key.verify(signature, _encoded(payload))
    except InvalidSignature as error:
        raise AlteredError("another key signed it, or its statement was changed") from error
    except (ValueError, KeyError, TypeError, IndexError, binascii.Error) as error:
        raise AlteredError(f"{SIGNED} is not an envelope") from error
    if _envelope(payload, signature, key_id(key)) != members[SIGNED]:
        raise AlteredError(f"{SIGNED} is not what finbase writes")
    return payload


def _unsigned_payload(members: Mapping[str, bytes]) -> bytes:
    if UNSIGNED not in members:
        raise AlteredError("it is signed, so that its public key is needed")
    return members[UNSIGNED]


def _envelope(payload: bytes, signature: bytes, key: str) -> bytes:
    return dump(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": TYPE,
            "signatures": [{"keyid": key, "sig": base64.b64encode(signature).decode()}],
        }
    )


def _encoded(payload: bytes) -> bytes:
    """Return what is signed: the pre-authentication encoding of DSSE."""
    return b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(payload), payload)


def _resource(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
