"""Hides this process's environment and memory from other processes of the same user."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_lock = threading.Lock()
_open: list[int] = []
"""What to restore when the last open block ends; one entry for each block."""


@contextmanager
def hidden() -> Iterator[None]:
    """Make ``/proc/PID/environ`` and ``mem`` of this process unreadable in a block, on Linux.

    It holds the credentials of the shell while code of a project runs. Blocks of several threads
    may overlap: the last one ends it. Root can still read everything.
    """
    if sys.platform != "linux":
        yield
        return
    prctl = ctypes.CDLL(None).prctl
    with _lock:
        _open.append(_open[0] if _open else prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0))
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        yield
    finally:
        with _lock:
            before = _open.pop()
            if not _open:
                prctl(_PR_SET_DUMPABLE, before, 0, 0, 0)
