"""Run a command, and kill every process that it leaves behind, also one in another session.

``python -I -S supervise.py PROGRAM ARGUMENT…`` exits like the program. Linux moves an orphan to its
nearest subreaper, which this process is; elsewhere, only the caller's process group is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_ROUNDS = 1000


def main() -> int:
    """Run the program in ``sys.argv`` and return its exit code."""
    adopt_orphans()
    return wait_for(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ))


def adopt_orphans() -> None:
    """Let what a child leaves behind become a child of this process, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_for(child: int) -> int:
    """Return the exit code of a child, after its end and that of all its descendants."""
    _, status = os.waitpid(child, 0)
    for _ in range(_ROUNDS):  # A process that is killed may have just started another one.
        left = descendants(os.getpid())
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        for process in left:
            with contextlib.suppress(OSError):  # A grandchild becomes a child, then it is reaped.
                os.waitpid(process, 0)
        if not left:
            break
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def descendants(ancestor: int) -> list[int]:
    """Return the processes that a process has started, at any depth; empty without ``/proc``."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            _, _, fields = entry.read_text(errors="replace").rpartition(")")
            children.setdefault(int(fields.split()[1]), []).append(int(entry.parent.name))
    found, queue = list[int](), [ancestor]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


if __name__ == "__main__":
    sys.exit(main())
