"""Verify a chain of bundles: python3 verify_bundle.py OLDEST.zip ... NEWEST.zip KEY.pub.pem."""

import base64
import io
import json
import sys
import zipfile
from hashlib import sha256, sha512
from pathlib import Path

PRIME, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, TYPE = -121665 * pow(121666, -1, PRIME) % PRIME, "application/vnd.in-toto+json"


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
    a, s = point(key), int.from_bytes(signature[-32:], "little")
    h = int.from_bytes(sha512(signature[:-32] + key + message).digest(), "little") % ORDER
    x, y = add(times(s, point(b"X" + b"f" * 31)), times(h, (PRIME - a[0], a[1])))
    return s < ORDER and (y | (x & 1) << 255).to_bytes(32, "little") == signature[:-32]


def verified(data, pem):
    """Return what a bundle says of itself; raises an error if the key signed another."""
    der = base64.b64decode("".join(pem.decode().split("-----")[2].split()))
    members, again = {}, io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as bundle, zipfile.ZipFile(again, "w") as copy:
        for name in sorted(bundle.namelist()):  # What no member contains must be unchanged, too.
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            copy.writestr(entry, members.setdefault(name, bundle.read(name)))
    envelope = json.loads(text := members.pop("statement.dsse.json").decode())
    payload, sig = map(base64.b64decode, (envelope["payload"], envelope["signatures"][0]["sig"]))
    payload64, sig64 = (base64.b64encode(part).decode() for part in (payload, sig))
    ids = [{"keyid": sha256(der).hexdigest(), "sig": sig64}]
    form = json.dumps({"payload": payload64, "payloadType": TYPE, "signatures": ids}, indent=2)
    message = f"DSSEv1 {len(TYPE)} {TYPE} {len(payload)} ".encode() + payload
    said, signed = json.loads(payload), is_signed(der[-32:], message, sig)
    found = [{"digest": {"sha256": sha256(m).hexdigest()}, "name": n} for n, m in members.items()]
    if (again.getvalue(), f"{form}\n", found, signed) != (data, text, said["subject"], True):
        raise ValueError("a byte was changed, or another key signed it")
    return said["predicate"]


*names, key = sys.argv[1:] if sys.argv[2:] else sys.exit(f"usage: {__doc__.partition(': ')[2]}")
before = ""
for name in names:
    try:
        about = verified(data := Path(name).read_bytes(), Path(key).read_bytes())
        if before and (about["previous"] or {}).get("digest") != {"sha256": before}:
            raise ValueError("it does not name the bundle before it")
    except Exception as error:
        sys.exit(f"not valid: {name}: {error!r}")
    before = sha256(data).hexdigest()
    line = f"{about['environment']}: {about['result']}, made {about['made']}, sha256 {before}"
    print(f"valid: {name}: {ascii(line)[1:-1]}")
