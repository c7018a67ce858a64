"""Look for secrets in every file below a folder, as they are and in the disguises of files.

A secret is looked for as it is, escaped for JSON and URLs, as hexadecimal digits, and in base64
within a longer text, each in the content of archives and compressed files, too.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import mmap
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from generator.rehearsal import Search

__all__ = ["SHORTEST", "forms", "search"]

SHORTEST = 8
"""Characters of a secret at least; RDS asks for as many."""

_DEPTH = 3  # archives within archives
_LIMIT = 200_000_000  # bytes of one file in an archive


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


def search(folder: Path, secrets: Collection[str]) -> Search:
    """Search every file below ``folder``; symbolic links are not followed.

    ``found`` of the result names file, place in an archive, and form, but no secret.
    """
    needles = {text: name for secret in secrets for text, name in forms(secret).items()}
    files = size = 0
    found: list[str] = []
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
                    found += _within(name, content, needles, _DEPTH)
        except (FileNotFoundError, ValueError):
            continue  # It has gone meanwhile, or has just been cut to nothing.
    return Search(len(set(secrets)), files, size, tuple(dict.fromkeys(found)))


def _within(
    name: str, content: bytes | mmap.mmap, needles: Mapping[bytes, str], depth: int
) -> Iterator[str]:
    for needle, form in needles.items():
        if content.find(needle) >= 0:
            yield f"{name}: {form}"
    if depth:
        for inner, unpacked in _unpacked(content):
            yield from _within(f"{name} › {inner}", unpacked, needles, depth - 1)


def _unpacked(content: bytes | mmap.mmap) -> Iterator[tuple[str, bytes]]:
    start = content[:4]
    try:
        if start == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(content[:])) as archive:
                for entry in archive.infolist():
                    if entry.file_size <= _LIMIT:
                        yield entry.filename, archive.read(entry)
        elif start[:3] == b"\x1f\x8b\x08":
            yield "gzip", gzip.decompress(content[:])
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError):
        return
