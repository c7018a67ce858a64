"""Run a command to its end, and measure the time and the memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_EVERY = 0.01
"""Seconds from one look at the memory to the next."""


@dataclass(frozen=True)
class Cost:
    """Seconds on the wall, seconds of processor time, and bytes of memory at the peak.

    ``user`` is the part of the processor time that the program itself took, without the kernel's.
    """

    seconds: float
    processor: float
    user: float
    memory: int


def measured(
    arguments: Sequence[str | Path], folder: Path, environ: Mapping[str, str] | None = None
) -> Cost:
    """Run a command; raises ``subprocess.CalledProcessError`` with what it said if it fails.

    The peak is the largest sum of resident memory of the process and all below it that was
    seen in /proc, or the largest peak of one of them that the kernel counted, if that is more.
    """
    environ = without_bytecode_setting(os.environ if environ is None else environ)
    peak = 0
    over = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.is_set():
            peak = max(peak, sum(map(_resident, _tree(child.pid))))
            over.wait(_EVERY)

    start = time.perf_counter()
    with (
        subprocess.Popen(
            arguments, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as child,
    ):
        watcher = threading.Thread(target=watch)
        watcher.start()
        assert child.stdout is not None
        try:
            said = child.stdout.read()
            _, status, used = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - start
            child.returncode = os.waitstatus_to_exitcode(status)
        finally:
            over.set()
            watcher.join()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, list(arguments), said)
    processor = used.ru_utime + used.ru_stime
    return Cost(seconds, processor, used.ru_utime, max(peak, used.ru_maxrss * 1024))


def without_bytecode_setting(environ: Mapping[str, str]) -> dict[str, str]:
    """Let compiled bytecode be kept, as on any user's machine, whatever this shell says."""
    return {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and all that it started, and they in turn."""
    yield pid
    for task in _listed(f"/proc/{pid}/task"):
        for child in _read(f"/proc/{pid}/task/{task}/children").split():
            yield from _tree(int(child))


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - a name of /proc is a number, and no path
    except OSError:  # It has ended.
        return []


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
