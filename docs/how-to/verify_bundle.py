"""Verify a chain of bundles: python3 verify_bundle.py OLDEST.zip ... NEWEST.zip KEY.pub.pem."""

import base64
import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

PRIME, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
TYPE = "application/vnd.in-toto+json"


def point(data):
    """Read a point of Ed25519, see RFC 8032, section 5.1.3."""
    y = int.from_bytes(data, "little") & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    x = x if x * x % PRIME == square else x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if x * x % PRIME != square or y >= PRIME:
        raise ValueError("not a point of the curve")
    return (PRIME - x if x & 1 != data[31] >> 7 else x), y


def add(one, two):
    """Add two points."""
    k = D * one[0] * two[0] * one[1] * two[1]
    x = (one[0] * two[1] + two[0] * one[1]) * pow(1 + k, -1, PRIME)
    return x % PRIME, (one[1] * two[1] + one[0] * two[0]) * pow(1 - k, -1, PRIME) % PRIME


def times(number, base):
    """Multiply a point by a number."""
    half = times(number >> 1, add(base, base)) if number else (0, 1)
    return add(half, base) if number & 1 else half


def is_signed(key, message, signature):
    """Verify a signature, see RFC 8032, section 5.1.7."""
    a, s = point(key), int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    base = point((4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little"))
    x, y = add(times(s, base), times(h, (PRIME - a[0], a[1])))
    r = (y | (x & 1) << 255).to_bytes(32, "little")
    return len(signature) == 64 and s < ORDER and r == signature[:32]


def previous(data, pem):
    """Return what a bundle names as the previous one; raises an error if the key signed another."""
    der = base64.b64decode("".join(pem.decode().split("-----")[2].split()))
    members, again = {}, io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as bundle, zipfile.ZipFile(again, "w") as copy:
        for name in sorted(bundle.namelist()):  # What no member contains must be unchanged, too.
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            copy.writestr(entry, members.setdefault(name, bundle.read(name)))
    text = members.pop("statement.dsse.json")
    payload = base64.b64decode(json.loads(text)["payload"])
    signature = base64.b64decode(json.loads(text)["signatures"][0]["sig"])
    payload64, sig = (base64.b64encode(part).decode() for part in (payload, signature))
    ids = [{"keyid": hashlib.sha256(der).hexdigest(), "sig": sig}]
    form = json.dumps({"payload": payload64, "payloadType": TYPE, "signatures": ids}, indent=2)
    message = f"DSSEv1 {len(TYPE)} {TYPE} {len(payload)} ".encode() + payload
    content, signed = json.loads(payload), is_signed(der[-32:], message, signature)
    found = [(name, hashlib.sha256(member).hexdigest()) for name, member in members.items()]
    named = [(each["name"], each["digest"]["sha256"]) for each in content["subject"]]
    if (again.getvalue(), f"{form}\n", named, signed) != (data, text.decode(), found, True):
        raise ValueError("a byte was changed, or another key signed it")
    return (content["predicate"]["previous"] or {}).get("digest")


try:
    *bundles, key = (Path(name).read_bytes() for name in sys.argv[1:])
    before = [previous(data, key) for data in bundles]
    wrong = before[1:] != [{"sha256": hashlib.sha256(data).hexdigest()} for data in bundles[:-1]]
except Exception as error:
    sys.exit(f"not valid: {error!r}")
sys.exit("not valid: not a chain of bundles" if wrong or not bundles else print("valid"))
