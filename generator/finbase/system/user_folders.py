"""Folders and files that only their user can write to, and a seal for what they contain.

A cache decides what finbase believes, and a job of CI may restore it from another job's. So each
file has a seal, made with a key that is not in the cache: files of another key do not exist.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path


class UnsafePermissionsError(Exception):
    """A file that other users own or can write to, or that is longer than allowed."""


_SEAL = 32  # Bytes.


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
    """Read a file of at most ``most`` bytes that ``write_private`` has written.

    Raises ``OSError`` if it cannot be read, and ``UnsafePermissionsError`` if it is not private,
    not a regular file or too long, and ``ValueError`` if this user's key has not sealed it.
    """
    content = _read_own(path, most + _SEAL)
    seal, content = content[:_SEAL], content[_SEAL:]
    if seal != _seal(path, content):  # Nobody can time this comparison.
        raise ValueError("not sealed with this user's key")
    return content


def _read_own(path: Path, most: int) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or not is_private(status):
            raise UnsafePermissionsError("not this user's alone")
        if status.st_size > most:
            raise UnsafePermissionsError("too long")
        return file.read(most)


def write_private(path: Path, content: bytes) -> None:
    """Seal a private file and write it atomically; raises ``OSError`` if that fails."""
    content = _seal(path, content) + content
    number, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _seal(path: Path, content: bytes) -> bytes:
    """Return the authentication code of a file's content at its path."""
    code = hashlib.blake2b(key=_key(_state_home()), digest_size=_SEAL)
    code.update(os.fsencode(path.parent.name) + b"/" + os.fsencode(path.name) + b"\0")
    code.update(content)
    return code.digest()


@cache
def _key(base: Path) -> bytes:
    """Return this user's key, which is created once; raises ``OSError``."""
    folder = private_folder(base, ["finbase"])
    if folder is None:
        raise PermissionError(f"other users can write to {base / 'finbase'}")
    path = folder / "key"
    if not path.exists():
        _create_key(path)
    try:
        key = _read_own(path, _SEAL)
    except UnsafePermissionsError as error:
        raise PermissionError(f"{path}: {error}") from error
    if len(key) != _SEAL:
        raise OSError(f"{path} is not a key; delete it")
    return key


def _create_key(path: Path) -> None:
    number, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    with os.fdopen(number, "wb") as file:
        file.write(os.urandom(_SEAL))
    try:
        with contextlib.suppress(FileExistsError):
            os.link(name, path)  # Unlike a rename, it keeps the key of another process.
    finally:
        Path(name).unlink()


def _state_home() -> Path:
    try:
        return _base("XDG_STATE_HOME", ".local/state")
    except RuntimeError as error:
        raise OSError(str(error)) from error


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


@dataclass(frozen=True)
class SealedFolder:
    """A folder of this user's cache, for ``most`` files of at most ``most_bytes`` each.

    What cannot be read, or somebody else wrote, does not exist; what cannot be written is not kept.
    """

    path: Path
    most: int
    most_bytes: int

    @classmethod
    def open(cls, kind: str, most: int, most_bytes: int) -> SealedFolder | None:
        """Return the folder of one kind of files, or None if other users can write to it."""
        with contextlib.suppress(OSError, RuntimeError):
            if path := private_folder(cache_home(), ["finbase", kind]):
                return cls(path, most, most_bytes)
        return None

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None."""
        with contextlib.suppress(OSError, UnsafePermissionsError, ValueError):
            return read_private(self.path / name, self.most_bytes)
        return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, and delete the oldest if there are too many."""
        with contextlib.suppress(OSError):
            write_private(self.path / name, content)
            keep_newest(self.path, self.most, self.most * self.most_bytes)


def _base(variable: str, usual: str) -> Path:
    folder = os.environ.get(variable, "")
    return Path(folder) if Path(folder).is_absolute() else Path.home() / usual
