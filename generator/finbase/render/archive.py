"""A zip that is the same bytes for the same files, wherever and whenever it is made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

__all__ = ["pack"]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time that a zip can hold
_UNIX = 3
_REGULAR_0644 = 0o100644 << 16


def pack(files: Mapping[str, bytes]) -> bytes:
    """Pack ``files`` (POSIX path inside the archive → content) into a zip.

    Names are sorted, times and modes fixed, and nothing is compressed, since builds of zlib
    differ in their output. Raises ``ValueError`` for a name that would be unpacked elsewhere,
    or that is compiled Python, whose bytes depend on who compiled it.
    """
    # Imported here: only a stack with a function to pack needs them.
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            _check(name)
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = _REGULAR_0644
            archive.writestr(info, files[name])
    return buffer.getvalue()


def _check(name: str) -> None:
    path = PurePosixPath(name)
    if str(path) != name or path.is_absolute() or ".." in path.parts or name in ("", "."):
        raise ValueError(f"{name!r} is not a plain relative path")
    if "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} is not a path on every system")
    if path.suffix == ".pyc":
        raise ValueError(f"{name!r} is compiled: pack the source")
