"""Compute the checksums of a module version: a ``sha256sum --check`` list, and one hash of it.

The hash is the one that Go modules and Terraform's dependency lock file call ``h1``
(golang.org/x/mod/sumdb/dirhash): SHA-256, in base64, of the list sorted by name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

FILE_NAME = "SHA256SUMS"
"""Name of the list in the folder of a module version; the list does not contain itself."""

_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def listing(digests: Mapping[str, str]) -> str:
    """Write the list of ``digests`` (POSIX path inside the folder → SHA-256), sorted by path."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def parse(content: bytes) -> dict[str, str]:
    """Read a list as path → SHA-256; ignores invalid lines."""
    lines = content.decode(errors="replace").splitlines()
    return {match[2]: match[1] for line in lines if (match := _LINE.fullmatch(line))}


def tree_hash(digests: Mapping[str, str]) -> str:
    """Return the hash of a folder: ``h1:`` and 44 characters.

    >>> tree_hash({})
    'h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    import base64

    whole = hashlib.sha256(listing(digests).encode()).digest()
    return f"h1:{base64.b64encode(whole).decode()}"
