"""Run ``finbase`` and let something happen to it: ``fault.py KIND NUMBER PROJECT ARGUMENT…``.

    count 0   nothing; the last line of stderr is the number of moments
    kill N    SIGKILL at the N-th moment
    stop N    SIGSTOP at the N-th moment
    cut N     killed in the middle of the write that makes a file longer than N bytes
    limit N   such a write fails instead
    bound 0   permission bits hold, for root too

A moment is just before a file or folder of the project is opened for writing, renamed, deleted,
locked and so on: the events that Python reports to an audit hook. Nothing of the product takes part
in this.
"""

from __future__ import annotations

import atexit
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_KIND, _NUMBER, _PROJECT = sys.argv[1], int(sys.argv[2]), str(Path(sys.argv[3]).resolve())
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"}
_HANDLES = {"os.truncate", "fcntl.flock"}
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

_moments = 0


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    global _moments
    if event == "open":
        path, _, flags = arguments
        if not flags & (os.O_WRONLY | os.O_RDWR):
            return
    elif event in _CHANGES:
        path = arguments[0]
    elif event in _HANDLES:
        path = _PROJECT
    else:
        return
    if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(_PROJECT):
        _moments += 1
        if _moments == _NUMBER and _KIND in _SIGNALS:
            os.kill(os.getpid(), _SIGNALS[_KIND])


def _bind_root() -> None:
    """Have this process obey permission bits, by exec without the right not to."""
    import ctypes

    drop_from_bounding_set, override = 24, 1
    if os.getuid() == 0 and ctypes.CDLL(None).prctl(drop_from_bounding_set, override):
        sys.exit("root's right to ignore permission bits could not be dropped")
    os.execv(sys.executable, [sys.executable, __file__, "kill", "0", *sys.argv[3:]])


def _main() -> None:
    if _KIND == "bound":
        _bind_root()
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "generator"))
    from finbase.cli import main

    if _KIND in ("cut", "limit"):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if _KIND == "cut":
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (_NUMBER, _NUMBER))
    if _KIND == "count":
        atexit.register(lambda: print(_moments, file=sys.stderr))
    sys.addaudithook(_hook)
    main(["--project", _PROJECT, *sys.argv[4:]], prog_name="finbase")


_main()
