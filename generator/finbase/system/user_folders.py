"""Folders and files of the user's own, in which nobody else can have put anything."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "UnsafePermissionsError",
    "cache_home",
    "is_private",
    "keep_newest",
    "private_folder",
    "read_private",
    "write_private",
]


class UnsafePermissionsError(Exception):
    """What lies there is no file of this user's alone, or too long to be one that was put there."""


def cache_home() -> Path:
    """The user's folder for what can be made anew; raises ``RuntimeError`` without a home."""
    return _base("XDG_CACHE_HOME", ".cache")


def private_folder(base: Path, parts: Iterable[str]) -> Path | None:
    """Make ``base``, and folders in it that only this user can write to, or give None.

    What lies there is trusted, so a folder of somebody else's is not used, nor one that others
    can write to. Raises ``OSError`` where a folder can neither be made nor looked at.
    """
    folder = base
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        folder /= part
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or not is_private(status):
            return None
    return folder


def is_private(status: os.stat_result) -> bool:
    """Whether a file or folder is this user's, and nobody else can write to it."""
    own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return own and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def read_private(path: Path, most: int) -> bytes:
    """Read a file of this user's alone, of at most ``most`` bytes.

    Raises ``OSError`` where it cannot be read, and ``UnsafePermissionsError`` for any other file.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or not is_private(status):
            raise UnsafePermissionsError("not this user's alone")
        if status.st_size > most:
            raise UnsafePermissionsError("too long")
        return file.read(most)


def write_private(path: Path, content: bytes) -> None:
    """Put a file in place at once, as this user's alone; raises ``OSError`` where it cannot."""
    number, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def keep_newest(folder: Path, most: int, most_bytes: int) -> None:
    """Delete the oldest files of a folder, until the others are few and small enough."""
    found: list[tuple[int, int, str]] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                found.append((status.st_mtime_ns, status.st_size, entry.path))
    held = 0
    for number, (_, size, path) in enumerate(sorted(found, reverse=True), 1):
        held += size
        if number > most or held > most_bytes:
            with contextlib.suppress(OSError):
                Path(path).unlink()


def _base(variable: str, usual: str) -> Path:
    given = os.environ.get(variable, "")
    return Path(given) if Path(given).is_absolute() else Path.home() / usual
