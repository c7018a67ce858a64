"""Search all files below a folder for secrets, in plain text and in common encodings.

The search looks for the secret itself, escaped for JSON and URLs, in hexadecimal, in UTF-16, and
in base64 at any offset of a longer text. It unpacks archives and compressed files.
"""

from __future__ import annotations

import base64
import io
import json
import lzma
import mmap
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from finbase.rehearsal.model import Search

SHORTEST = 8
"""The minimum length of a secret, which is also that of RDS; a shorter one would match anywhere."""

_DEPTH = 3  # Archives within archives.
_LIMIT = 200_000_000  # Bytes of one file in an archive.
_CHUNK = 65536
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b\x08"
# Python's errors for archives that are damaged, encrypted or of an unsupported kind.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class Gaps:
    """What the search left out.

    ``unread`` are the places that could not be read to their end, each with the reason. ``short``
    is the number of secrets with fewer than ``SHORTEST`` characters.
    """

    unread: tuple[str, ...] = ()
    short: int = 0


@dataclass(frozen=True)
class _Part:
    """A file in an archive; ``gap`` is the reason if it could not be read to its end."""

    name: str
    content: bytes
    gap: str = ""


def forms(secret: str) -> Mapping[bytes, str]:
    """Return all encodings of a secret, each with its description.

    Raises ``ValueError`` for a secret shorter than ``SHORTEST``.

    >>> forms("pass/word")[b"pass%2Fword"]
    'escaped for a URL'
    """
    if len(secret) < SHORTEST:
        raise ValueError(
            f"cannot search for a secret of {len(secret)} characters; the minimum is {SHORTEST}"
        )
    plain = secret.encode()
    once = json.dumps(secret)[1:-1]
    encodings = [
        (plain, "in plain text"),
        (once.encode(), "escaped for JSON"),
        (json.dumps(once)[1:-1].encode(), "escaped for JSON twice"),
        (quote(secret, safe="").encode(), "escaped for a URL"),
        (plain.hex().encode(), "in hexadecimal"),
        (plain.hex().upper().encode(), "in hexadecimal"),
        (secret.encode("utf-16-le"), "in UTF-16"),
    ]
    # Base64 encodes groups of three bytes, so the secret starts at one of three offsets in a
    # group. Digits that it shares with its neighbours are cut off.
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(plain)) * 8 // 6
        for alphabet in (b"+/", b"-_"):
            encoded = base64.b64encode(b"\0" * before + plain, alphabet)
            encodings.append((encoded[first:last], "in base64"))
    # The first description of equal texts wins.
    return dict(reversed(encodings))


def search(folder: Path, secrets: Collection[str]) -> tuple[Search, Gaps]:
    """Search all files below ``folder``; do not follow symbolic links.

    ``matches`` of the result name file, path in an archive and encoding, but no secret.
    """
    searchable = {secret for secret in secrets if len(secret) >= SHORTEST}
    needles = {text: name for secret in searchable for text, name in forms(secret).items()}
    files = size = 0
    matches: list[str] = []
    unread: list[str] = []
    for path in sorted(folder.rglob("*")):
        try:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                continue
            with path.open("rb") as file:
                files, size = files + 1, size + status.st_size
                if status.st_size == 0:
                    continue
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    name = str(path.relative_to(folder))
                    matches += _matches(name, content, needles, _DEPTH, unread)
        except (FileNotFoundError, ValueError):
            continue  # A running server has just removed or truncated it.
    result = Search(len(searchable), files, size, tuple(dict.fromkeys(matches)))
    return result, Gaps(tuple(dict.fromkeys(unread)), len(set(secrets) - searchable))


def _matches(
    name: str,
    content: bytes | mmap.mmap,
    needles: Mapping[bytes, str],
    depth: int,
    unread: list[str],
) -> Iterator[str]:
    for needle, form in needles.items():
        if content.find(needle) >= 0:
            yield f"{name}: {form}"
    for part in _unpacked(content):
        if not depth:
            unread.append(f"{name}: more than {_DEPTH} archives within each other")
            return
        inner = f"{name} › {part.name}" if part.name else name
        if part.gap:
            unread.append(f"{inner}: {part.gap}")
        yield from _matches(inner, part.content, needles, depth - 1, unread)


def _unpacked(content: bytes | mmap.mmap) -> Iterator[_Part]:
    if content[:4] == _ZIP:
        yield from _unzipped(content)
    elif content[:3] == _GZIP:
        yield _inflated(content)


def _unzipped(content: bytes | mmap.mmap) -> Iterator[_Part]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content[:]))
    except _UNREADABLE as error:
        yield _Part("", b"", str(error))
        return
    with archive:
        for entry in archive.infolist():
            yield _extracted(archive, entry)


def _extracted(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> _Part:
    content = bytearray()
    try:
        with archive.open(entry) as file:
            while chunk := file.read(min(_CHUNK, _LIMIT + 1 - len(content))):
                content += chunk
    except _UNREADABLE as error:
        return _Part(entry.filename, bytes(content), str(error) or type(error).__name__)
    return _limited(entry.filename, bytes(content))


def _inflated(packed: bytes | mmap.mmap) -> _Part:
    """Inflate all members of a gzip file, and ignore bytes after the last one."""
    content, offset, gap = bytearray(), 0, ""
    while not gap and len(content) <= _LIMIT and packed[offset : offset + 3] == _GZIP:
        member = zlib.decompressobj(31)  # 31: gzip format with the largest window.
        try:
            while not member.eof and len(content) <= _LIMIT:
                chunk = packed[offset : offset + _CHUNK]
                if not chunk:
                    gap = "the file is truncated"
                    break
                content += member.decompress(chunk, _LIMIT + 1 - len(content))
                offset += len(chunk) - len(member.unused_data)
        except zlib.error as error:
            gap = str(error)
    return _Part("gzip", bytes(content), gap) if gap else _limited("gzip", bytes(content))


def _limited(name: str, content: bytes) -> _Part:
    gap = f"only its first {_LIMIT / 1e6:.0f} MB are searched" if len(content) > _LIMIT else ""
    return _Part(name, content, gap)
