"""Folders of the user's own, in which nobody else can have put anything."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

__all__ = ["cache_home", "is_private", "private_folder", "state_home"]


def cache_home() -> Path:
    """The user's folder for what can be made anew; raises ``RuntimeError`` without a home."""
    return _base("XDG_CACHE_HOME", ".cache")


def state_home() -> Path:
    """The user's folder for what is to outlive a cache; raises as above."""
    return _base("XDG_STATE_HOME", ".local/state")


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


def _base(variable: str, usual: str) -> Path:
    given = os.environ.get(variable, "")
    return Path(given) if Path(given).is_absolute() else Path.home() / usual
