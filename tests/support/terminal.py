"""A program on a terminal: what it writes there, and what is typed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

_PATIENCE = 300.0  # Seconds; only what hangs takes so long.


class Terminal:
    """A program whose standard streams, or those that are named, are a pseudo-terminal."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        environ: Mapping[str, str],
        cwd: Path,
        columns: int = 100,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.child = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=dict(environ),
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave if stderr is None else stderr,
            start_new_session=True,
            preexec_fn=_control,
        )
        os.close(slave)
        self.seen = ""

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read until the pattern is there; what came before it is not looked at again."""
        until = time.monotonic() + _PATIENCE
        start = len(self.seen)
        while not (found := re.search(pattern, self.seen[start:])):
            assert self._read(until), f"{pattern!r} did not come: {self.seen[start:]!r}"
        return found

    def finish(self) -> int:
        """Read all that comes, and return the exit code."""
        until = time.monotonic() + _PATIENCE
        while self._read(until):
            pass
        return self.child.wait(_PATIENCE)

    def _read(self, until: float) -> bool:
        if not select.select([self._master], [], [], max(until - time.monotonic(), 0))[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # The program has ended.
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.child.kill()
        self.child.wait()
        os.close(self._master)


def _control() -> None:
    """Make the terminal the one that Ctrl-C comes from, and see that it is heeded.

    In the background, where tests may well run, shells have programs ignore SIGINT.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
