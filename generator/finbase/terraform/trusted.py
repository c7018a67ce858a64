"""Decide whether other users can change a file that Terraform will run."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def is_trusted(path: Path) -> bool:
    """Return whether only root and this user can change a file or folder, or anything below it.

    The folders above it count, too: who can write to one can replace what it contains. In a folder
    such as ``/tmp``, whose sticky bit is set, only the owner of an entry can replace it.
    """
    try:
        real = path.resolve(strict=True)
        above = all(_is_ours(os.lstat(folder), above=True) for folder in real.parents)
        return above and all(_is_safe_entry(entry, real) for entry in (real, *_below(real)))
    except OSError:
        return False


def _is_safe_entry(path: Path, root: Path) -> bool:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        target = path.resolve(strict=True)
        return target.is_relative_to(root) or is_trusted(target)
    return _is_ours(status, above=False)


def _is_ours(status: os.stat_result, *, above: bool) -> bool:
    if status.st_uid not in (0, os.geteuid()):
        return False
    return not status.st_mode & _OTHERS_WRITE or (above and bool(status.st_mode & stat.S_ISVTX))


def _below(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder, not through links; raises ``OSError`` if unreadable."""
    if not folder.is_dir():
        return
    for entry in os.scandir(folder):
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path))
