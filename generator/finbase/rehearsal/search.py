"""Look for secrets in every file below a folder, as they are and in the disguises of files.

A secret is looked for as it is, escaped for JSON and URLs, as hexadecimal digits, and in base64
within a longer text, each in the content of archives and compressed files, too.
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

__all__ = ["SHORTEST", "Gaps", "forms", "search"]

SHORTEST = 8
"""Characters of a secret at least; RDS asks for as many."""

_DEPTH = 3  # archives within archives
_LIMIT = 200_000_000  # bytes of one file in an archive
_CHUNK = 65536
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b\x08"
# What Python raises for archives that are damaged, encrypted or of a kind that it does not know.
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
    """What was not searched.

    ``unread`` has the places that could not be read to their end, each with the reason. ``short``
    is how many secrets were not looked for, as they have fewer than ``SHORTEST`` characters.
    """

    unread: tuple[str, ...] = ()
    short: int = 0


@dataclass(frozen=True)
class _Part:
    """What is packed in a file, as far as it could be read; ``gap`` says why no further."""

    name: str
    content: bytes
    gap: str = ""


def forms(secret: str) -> Mapping[bytes, str]:
    """Give all texts that would give the secret away, with what each is called.

    Raises ``ValueError`` for a secret so short that it would be found anywhere.
    """
    if len(secret) < SHORTEST:
        raise ValueError(f"a secret of {len(secret)} characters cannot be looked for")
    plain = secret.encode()
    once = json.dumps(secret)[1:-1]
    found = [
        (plain, "as it is"),
        (once.encode(), "escaped for JSON"),
        (json.dumps(once)[1:-1].encode(), "escaped for JSON twice"),
        (quote(secret, safe="").encode(), "escaped for a URL"),
        (plain.hex().encode(), "in hexadecimal"),
        (plain.hex().upper().encode(), "in hexadecimal"),
        (secret.encode("utf-16-le"), "in UTF-16"),
    ]
    # Within a longer text it begins at any of three places of a group; only whole digits count.
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(plain)) * 8 // 6
        for alphabet in (b"+/", b"-_"):
            encoded = base64.b64encode(b"\0" * before + plain, alphabet)
            found.append((encoded[first:last], "in base64"))
    names: dict[bytes, str] = {}
    for text, name in found:
        names.setdefault(text, name)
    return names


def search(folder: Path, secrets: Collection[str]) -> tuple[Search, Gaps]:
    """Search every file below ``folder``; symbolic links are not followed.

    ``found`` of the result names file, place in an archive, and form, but no secret.
    """
    sought = {secret for secret in secrets if len(secret) >= SHORTEST}
    needles = {text: name for secret in sought for text, name in forms(secret).items()}
    files = size = 0
    found: list[str] = []
    unread: list[str] = []
    for path in sorted(folder.rglob("*")):
        try:
            about = path.lstat()
            if not stat.S_ISREG(about.st_mode):
                continue
            with path.open("rb") as file:
                files, size = files + 1, size + about.st_size
                if about.st_size == 0:
                    continue
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    name = str(path.relative_to(folder))
                    found += _within(name, content, needles, _DEPTH, unread)
        except (FileNotFoundError, ValueError):
            continue  # It has gone meanwhile, or has just been cut to nothing.
    searched = Search(len(sought), files, size, tuple(dict.fromkeys(found)))
    return searched, Gaps(tuple(dict.fromkeys(unread)), len(set(secrets) - sought))


def _within(
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
        yield from _within(inner, part.content, needles, depth - 1, unread)


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
    read = bytearray()
    try:
        with archive.open(entry) as file:
            while chunk := file.read(min(_CHUNK, _LIMIT + 1 - len(read))):
                read += chunk
    except _UNREADABLE as error:
        return _Part(entry.filename, bytes(read), str(error) or type(error).__name__)
    return _limited(entry.filename, bytes(read))


def _inflated(content: bytes | mmap.mmap) -> _Part:
    """Inflate all members of a gzip; what follows the last one is no part of it."""
    read, place, gap = bytearray(), 0, ""
    while not gap and len(read) <= _LIMIT and content[place : place + 3] == _GZIP:
        member = zlib.decompressobj(31)  # 31: a gzip, with the largest window
        try:
            while not member.eof and len(read) <= _LIMIT:
                chunk = content[place : place + _CHUNK]
                if not chunk:
                    gap = "it ends too early"
                    break
                read += member.decompress(chunk, _LIMIT + 1 - len(read))
                place += len(chunk) - len(member.unused_data)
        except zlib.error as error:
            gap = str(error)
    return _Part("gzip", bytes(read), gap) if gap else _limited("gzip", bytes(read))


def _limited(name: str, read: bytes) -> _Part:
    gap = f"only its first {_LIMIT / 1e6:.0f} MB are searched" if len(read) > _LIMIT else ""
    return _Part(name, read, gap)
