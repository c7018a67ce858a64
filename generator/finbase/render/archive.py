"""Pack a zip archive that is byte-identical for the same files, on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

_EPOCH = (1980, 1, 1, 0, 0, 0)  # The oldest time that a zip can store.
_UNIX = 3
_REGULAR_0644 = 0o100644 << 16


def pack(files: Mapping[str, bytes]) -> bytes:
    """Pack ``files`` (contents by POSIX path inside the archive) into a zip.

    Raises:
        ValueError: a path would be unpacked outside the archive's folder, or is compiled Python,
            whose bytes depend on the machine.

    """
    # Imported here: only a stack with a function needs them.
    import io
    import zipfile

    buffer = io.BytesIO()
    # Not compressed: versions of zlib differ in their output.
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
        raise ValueError(f"{name!r} is not a valid path on every system")
    if path.suffix == ".pyc":
        raise ValueError(f"{name!r} is compiled Python; pack the source")
