"""Let the temporary files of a test run be in memory, if there is room.

The tests write and delete some hundred thousand small files: copies of the project and of stacks.
On a disk, the kernel takes a large part of the processor time of all tests for that.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM = 8 << 30
"""Bytes. Each worker may unpack a provider or two, of 700 MB each."""


def use_memory(folder: Path = _MEMORY, meminfo: Path = Path("/proc/meminfo")) -> None:
    """Make a folder in memory the one for temporary files, unless the user chose another."""
    if "TMPDIR" not in os.environ and _has_room(folder, meminfo):
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None  # It is asked for again.


def _has_room(folder: Path, meminfo: Path) -> bool:
    """Return whether the folder has room, also in memory, and may contain programs."""
    if not meminfo.is_file() or not os.access(folder, os.W_OK | os.X_OK):
        return False
    available = re.search(r"^MemAvailable: *(\d+) kB", meminfo.read_text(), re.MULTILINE)
    if available is None or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return min(shutil.disk_usage(folder).free, int(available[1]) * 1024) >= _ROOM
