"""Child processes that never outlive their caller.

Terraform starts its providers as processes of their own. Each child here leads a process
group, so whatever it started ends with it: on Ctrl-C, on a time-out, on any error.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

__all__ = ["Finished", "Processes", "ProcessesClosedError"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finished:
    """What a child left behind. ``stderr`` is text, ``stdout`` may be megabytes of JSON."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def output(self) -> str:
        """Both streams as text, errors first."""
        return f"{self.stderr}\n{self.stdout.decode(errors='replace')}".strip()


class ProcessesClosedError(RuntimeError):
    """A child was to be started after the block was left."""


class Processes:
    """Starts children, from several threads if need be, and ends them all on exit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        seconds: float,
    ) -> Finished:
        """Run to the end; raises ``TimeoutError``, or ``OSError`` if it cannot start.

        The command is logged with its arguments, so a secret belongs into ``environ``.
        """
        begun = time.monotonic()
        with self._start(command, cwd, environ) as child:
            try:
                stdout, stderr = child.communicate(timeout=seconds)
            except subprocess.TimeoutExpired as error:
                late = f"{command[0]} did not end within {seconds:.0f} seconds"
                raise TimeoutError(late) from error
            finally:
                _end(child)
                with self._lock:
                    self._running.discard(child)
        said = shlex.join(os.fspath(part) for part in command)
        seconds = time.monotonic() - begun
        _log.debug("%s  [%.2f s, exit code %d, in %s]", said, seconds, child.returncode, cwd or ".")
        return Finished(child.returncode, stdout, stderr.decode(errors="replace"))

    def close(self) -> None:
        """End every child that still runs, and let no new one start."""
        with self._lock:
            self._closed = True
            running = tuple(self._running)
        for child in running:
            _end(child)

    def _start(
        self, command: Sequence[str | Path], cwd: Path | None, environ: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise ProcessesClosedError("no process can be started any more")
            child = subprocess.Popen(
                [os.fspath(part) for part in command],
                cwd=cwd,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
            self._running.add(child)
            return child

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _end(child: subprocess.Popen[bytes]) -> None:
    # A kill loses nothing: all that the child writes lies in a scratch folder. One that has
    # ended is left alone, since its group's number may be somebody else's by now.
    if child.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
