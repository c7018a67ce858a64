"""Write and read the archive of a bundle; equal members make equal bytes.

The members are stored, not compressed, because compressors differ between machines. Reading accepts
only the bytes that writing makes, so no byte of an archive can change unnoticed.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

_HEADER = struct.Struct("<4s5H3I2H")
_ALTERED = "its bytes are not those that finbase writes"


class AlteredError(Exception):
    """A bundle is damaged, was changed, or was signed by another key; the text says which."""


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return an archive of members, by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name)  # 1980-01-01, the first date that an archive can have.
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, members[name])
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the members of an archive; raises ``AlteredError`` if ``pack`` did not make it."""
    members: dict[str, bytes] = {}
    start = 0
    try:
        while data[start : start + 4] == b"PK\x03\x04":
            *_, size, length, extra = _HEADER.unpack_from(data, start)
            start += _HEADER.size
            name = data[start : start + length].decode("ascii")
            start += length + extra
            members[name] = data[start : start + size]
            start += size
        same = bool(members) and pack(members) == data
    except (struct.error, ValueError) as error:
        raise AlteredError(_ALTERED) from error
    if not same:
        raise AlteredError(_ALTERED)
    return members
