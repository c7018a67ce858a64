"""Keep this process's environment and memory from other processes of the same user."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4


@contextmanager
def hidden() -> Iterator[None]:
    """Make ``/proc/PID/environ`` and ``mem`` of this process unreadable in a block, on Linux.

    It holds the credentials of the shell while steps of a project run. Root can still read them.
    """
    if sys.platform != "linux":
        yield
        return
    prctl = ctypes.CDLL(None).prctl
    before = prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_DUMPABLE, before, 0, 0, 0)
