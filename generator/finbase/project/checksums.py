"""The checksums of a module version: a list that ``sha256sum --check`` reads, and one hash of it.

The hash is the one that Go modules and Terraform's own dependency lock call ``h1``
(golang.org/x/mod/sumdb/dirhash): SHA-256, in base64, of the list sorted by name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

__all__ = ["FILE_NAME", "digest", "listing", "parse", "tree_hash"]

FILE_NAME = "SHA256SUMS"
"""The list's own name, in the folder of a module version; it does not list itself."""

_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")


def digest(content: bytes) -> str:
    """Give the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def listing(digests: Mapping[str, str]) -> str:
    """Write the list of ``digests`` (POSIX path inside the folder → SHA-256), sorted by path."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def parse(content: bytes) -> dict[str, str]:
    """Read a list, as path → SHA-256; what is no line of one is passed over."""
    lines = content.decode(errors="replace").splitlines()
    return {match[2]: match[1] for line in lines if (match := _LINE.fullmatch(line))}


def tree_hash(digests: Mapping[str, str]) -> str:
    """Give the one hash of a folder: ``h1:`` and 44 characters."""
    import base64

    whole = hashlib.sha256(listing(digests).encode()).digest()
    return f"h1:{base64.b64encode(whole).decode()}"
