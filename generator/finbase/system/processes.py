"""Child processes that end with their caller.

Terraform starts its providers as processes of their own, so each child that `Processes` owns leads
a process group, and the whole group is killed on Ctrl-C, on a time-out and on any error.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)
_STANDARD_ERROR = 2  # Standard output is for the results of finbase.
_SECONDS_TO_STOP = 10.0
_PRIVATE = 0o077
# The guard reads from a pipe that only the caller holds: its end means that the caller is gone, by
# SIGKILL too. PR_SET_PDEATHSIG would fire when the *thread* that started the child ends. The guard
# closes its standard output, so that the caller sees the server's end.
_GUARD = """
folder=$1; shift
"$@" </dev/null 2>"$folder/log" &
server=$!
exec >&-
read -r _
kill -9 "$server"
wait "$server"
rm -rf "$folder"
"""


@dataclass(frozen=True)
class Finished:
    """The exit code and output of a child; ``stdout`` may be megabytes of JSON."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def output(self) -> str:
        """Return both streams as text, standard error first."""
        return f"{self.stderr}\n{self.stdout.decode(errors='replace')}".strip()


class ProcessesClosedError(RuntimeError):
    """A caller tried to start a child after the block ended."""


class Processes:
    """Start children, from any thread, and kill those that still run when the block ends.

    Every command is logged with its arguments, so pass secrets in ``environ``. Each method raises
    ``OSError`` if the program cannot start and ``ProcessesClosedError`` after the block.
    """

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
        stdin: bytes = b"",
        seconds: float,
    ) -> Finished:
        """Run a command to its end; raise ``TimeoutError`` after ``seconds``."""
        with self.owned(command, cwd, environ, subprocess.PIPE if stdin else None) as child:
            try:
                stdout, stderr = child.communicate(stdin or None, timeout=seconds)
            except subprocess.TimeoutExpired as error:
                late = f"{command[0]} did not end within {seconds:.0f} seconds"
                raise TimeoutError(late) from error
        return Finished(child.returncode, stdout, stderr.decode(errors="replace"))

    def follow(
        self,
        command: Sequence[str | Path],
        on_line: Callable[[int, bytes], object],
        *,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        seconds: float,
    ) -> Finished:
        """Run a command and pass each line of its output to ``on_line`` as it arrives.

        ``on_line`` gets the child's process group, which it may kill, and the line. The result's
        ``stdout`` is empty. A child that runs longer than ``seconds`` is killed.
        """
        stderr: list[bytes] = []
        with self.owned(command, cwd, environ) as child:
            assert child.stdout is not None  # noqa: S101
            reader = threading.Thread(target=lambda: stderr.extend(child.stderr or ()), daemon=True)
            limit = threading.Timer(seconds, kill_group, (child,))
            reader.start()
            limit.start()
            try:
                for line in child.stdout:
                    on_line(child.pid, line)
                child.wait()
                reader.join()
            finally:
                limit.cancel()
        return Finished(child.returncode, b"", b"".join(stderr).decode(errors="replace"))

    def attach(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        environ: Mapping[str, str],
        escape: Callable[[str], str] | None = None,
    ) -> int:
        """Run a command on this terminal and return its exit code.

        Its output goes to standard error: directly, or line by line through ``escape``. Only this
        user can read the files that it creates. Ctrl-C reaches the child and not finbase, so that
        Terraform can finish what it has started and save its state.
        """
        started = time.monotonic()
        output, errors = (subprocess.PIPE, subprocess.STDOUT) if escape else (_STANDARD_ERROR, None)
        with self._lock:
            self._refuse_if_closed()
            child = subprocess.Popen(
                _text(command), cwd=cwd, env=environ, stdout=output, stderr=errors, umask=_PRIVATE
            )
        earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if escape and child.stdout:
                for line in child.stdout:
                    _print(escape(line.decode(errors="replace")))
            code = child.wait()
        finally:
            signal.signal(signal.SIGINT, earlier)
        report(command, started, code, cwd)
        return code

    def serve(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        environ: Mapping[str, str],
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a server and return its guard, a process that leads the server's process group.

        ``folder`` belongs to the server: its standard error goes to ``log`` there. Standard output
        can be read from the guard, and ends with the server. If this process ends without closing,
        even by SIGKILL, the guard kills the server and removes ``folder``.
        """
        with self._lock:
            self._refuse_if_closed()
            guard = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "guard", str(folder), *_text(command)],
                cwd=cwd,
                env=environ,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
            self._running.add(guard)
        _log.debug("%s  [started, process group %d]", shlex.join(_text(command)), guard.pid)
        return guard

    def stop(self, guard: subprocess.Popen[bytes]) -> None:
        """Kill a server that ``serve`` started, wait for its end, and remove its folder."""
        with guard:
            assert guard.stdin is not None  # noqa: S101
            guard.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                guard.wait(_SECONDS_TO_STOP)
            kill_group(guard)
            with self._lock:
                self._running.discard(guard)

    def close(self) -> None:
        """Kill every child that still runs, and refuse to start another."""
        with self._lock:
            self._closed = True
            running = tuple(self._running)
        for child in running:
            kill_group(child)

    @contextmanager
    def owned(
        self,
        command: Sequence[str | Path],
        cwd: Path | None,
        environ: Mapping[str, str] | None,
        stdin: int | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a child and yield it; kill its process group at the end of the block."""
        started = time.monotonic()
        with self._lock:
            self._refuse_if_closed()
            child = subprocess.Popen(
                _text(command),
                cwd=cwd,
                env=environ,
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
            self._running.add(child)
        with child:
            try:
                yield child
            finally:
                kill_group(child)
                with self._lock:
                    self._running.discard(child)
        report(command, started, child.returncode, cwd)

    @property
    def closed(self) -> bool:
        """Whether the block has ended."""
        return self._closed

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ProcessesClosedError("no process can be started after the block has ended")

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a child and all its descendants; do nothing if the child has ended."""
    # SIGKILL loses nothing: children write only to scratch folders. A child that has ended is
    # skipped, because another process may have its group's number by now.
    if child.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


def _print(line: str) -> None:
    """Write a line to standard error; if its reader has gone, the child still runs to its end."""
    with suppress(OSError), open(_STANDARD_ERROR, "wb", closefd=False) as stream:
        stream.write(line.encode(errors="replace"))


def _text(command: Sequence[str | Path]) -> list[str]:
    return [os.fspath(part) for part in command]


def report(command: Sequence[str | Path], started: float, code: int, cwd: Path | None) -> None:
    """Log a command that has ended; ``started`` is of the monotonic clock."""
    seconds = time.monotonic() - started
    text = shlex.join(_text(command))
    _log.debug("%s  [%.2f s, exit code %d, in %s]", text, seconds, code, cwd or ".")
