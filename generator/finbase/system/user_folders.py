"""Folders and files that only their user can write to."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path


class UnsafePermissionsError(Exception):
    """A file that other users own or can write to, or that is longer than allowed."""


def cache_home() -> Path:
    """Return the user's cache folder; raises ``RuntimeError`` if the user has no home folder."""
    return _base("XDG_CACHE_HOME", ".cache")


def private_folder(base: Path, parts: Iterable[str]) -> Path | None:
    """Create ``base`` and, in it, nested folders that only this user can write to.

    Return the innermost folder, or None if another user owns or can write to one of them: its
    files are trusted. Raises ``OSError`` if a folder cannot be created or examined.
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
    """Return whether this user owns a file or folder and no other user can write to it."""
    own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return own and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def read_private(path: Path, most: int) -> bytes:
    """Read a private file of at most ``most`` bytes.

    Raises ``OSError`` if it cannot be read, and ``UnsafePermissionsError`` if it is not private,
    not a regular file, or too long.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or not is_private(status):
            raise UnsafePermissionsError("not this user's alone")
        if status.st_size > most:
            raise UnsafePermissionsError("too long")
        return file.read(most)


def write_private(path: Path, content: bytes) -> None:
    """Write a private file atomically; raises ``OSError`` if that fails."""
    number, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def keep_newest(folder: Path, most: int, most_bytes: int) -> None:
    """Delete the oldest files of a folder until ``most`` files and ``most_bytes`` remain."""
    files: list[tuple[int, int, str]] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                files.append((status.st_mtime_ns, status.st_size, entry.path))
    total = 0
    for number, (_, size, path) in enumerate(sorted(files, reverse=True), 1):
        total += size
        if number > most or total > most_bytes:
            with contextlib.suppress(OSError):
                Path(path).unlink()


def _base(variable: str, usual: str) -> Path:
    folder = os.environ.get(variable, "")
    return Path(folder) if Path(folder).is_absolute() else Path.home() / usual
