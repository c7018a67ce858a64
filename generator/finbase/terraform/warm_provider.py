"""AWS providers that keep running between the Terraform commands of one run.

Terraform starts a provider for each command and reads its schema each time. A provider in
debug mode (``-debug``) stays, and Terraform attaches to it by ``TF_REATTACH_PROVIDERS``.

The provider keeps one configuration for the whole process, and each plan replaces it (region and
default tags, for example). So a provider serves one plan at a time, and a stack with several
``provider "aws"`` blocks cannot use one; parallel plans get a provider each.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from finbase.project.terraform_files import PROVIDER
from finbase.system.processes import Processes, ProcessesClosedError

_ADDRESS = re.compile(rb"TF_REATTACH_PROVIDERS='(.*)'")
_SECONDS_TO_START = 60.0
# Nobody reads what it would write of each call, which took a quarter of its processor time.
_QUIET = dict.fromkeys(
    (
        *("TF_LOG_PROVIDER", "TF_LOG_SDK", "TF_LOG_SDK_FRAMEWORK", "TF_LOG_SDK_HELPER_SCHEMA"),
        *("TF_LOG_SDK_MUX", "TF_LOG_SDK_PROTO"),
    ),
    "ERROR",
)
# macOS limits the path of a Unix socket to 104 bytes; the provider adds "/plugin" and digits.
_LONGEST_FOLDER = 80


class WarmProvider:
    """One provider process with a private folder for its socket."""

    def __init__(
        self,
        program: Path,
        host: str,
        environ: Mapping[str, str],
        processes: Processes,
        answers: dict[bytes, bytes],
        cwd: Path | None = None,
    ) -> None:
        self._processes, self._host = processes, host
        self._folder = Path(tempfile.mkdtemp(prefix="finbase-"))
        self._output = b""
        self.answers = answers
        """What a ``SchemaProxy`` keeps of this program."""
        private = {"TMPDIR": str(self._folder), "PLUGIN_UNIX_SOCKET_DIR": str(self._folder)}
        try:
            if len(os.fsencode(self._folder)) > _LONGEST_FOLDER:
                raise OSError(f"{self._folder} is too long for the path of a socket")
            self._guard = processes.serve(
                [program, "-debug"],
                folder=self._folder,
                environ={**environ, **_QUIET, **private},
                cwd=cwd,
            )
            assert self._guard.stdout is not None  # noqa: S101
            self._stdout = self._guard.stdout
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def reattach(self) -> str:
        """Return the value of ``TF_REATTACH_PROVIDERS``, or an empty string if it did not start."""
        end = time.monotonic() + _SECONDS_TO_START
        while (match := _ADDRESS.search(self._output)) is None:
            if not self._read(max(0.0, end - time.monotonic())):
                return ""
        # The provider names the registry of Terraform; OpenTofu looks for its own.
        (connection,) = json.loads(match[1]).values()
        return json.dumps({f"{self._host}/{PROVIDER}": connection})

    def is_running(self) -> bool:
        """Return whether the provider still runs: its standard output is open until it stops."""
        while select.select([self._stdout], [], [], 0)[0]:
            if not self._read(0):
                return False
        return self._guard.poll() is None

    def log(self) -> str:
        """Return what the provider wrote to standard error."""
        try:
            return (self._folder / "log").read_text(errors="replace").strip()
        except OSError:
            return ""

    def stop(self) -> None:
        """Kill the provider and remove its folder."""
        self._processes.stop(self._guard)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self, seconds: float) -> bool:
        """Read more of standard output; return false at its end, or if there is none in time."""
        if not select.select([self._stdout], [], [], seconds)[0]:
            return False
        chunk = self._stdout.read(65536)
        self._output += chunk
        return bool(chunk)


class WarmProviders:
    """The running providers of one installed version; safe to use from several threads.

    ``program`` is None if Terraform has to start the provider itself. Providers look for
    files with relative paths in ``cwd``; they read such files in an apply, not in a plan.
    """

    def __init__(
        self,
        program: Path | None,
        host: str,
        environ: Mapping[str, str],
        processes: Processes,
        cwd: Path | None = None,
    ) -> None:
        self._program, self._host, self._cwd = program, host, cwd
        self._environ, self._processes = environ, processes
        self._lock = threading.Lock()
        self._idle: list[WarmProvider] = []
        self._all: list[WarmProvider] = []
        self._answers: dict[bytes, bytes] = {}

    def in_folder(self, cwd: Path) -> WarmProviders:
        """Return others of the same program and environment, in another folder."""
        return WarmProviders(self._program, self._host, self._environ, self._processes, cwd)

    def start(self) -> None:
        """Start a provider without waiting for it."""
        if provider := self._take():
            with self._lock:
                self._idle.append(provider)

    @contextmanager
    def lease(self) -> Iterator[tuple[WarmProvider, str] | None]:
        """Lend the caller a provider for exclusive use, with its ``TF_REATTACH_PROVIDERS``.

        Yield None if no provider can run in debug mode here.
        """
        provider = self._take()
        if provider is None:
            yield None
            return
        try:
            if reattach := provider.reattach():
                yield provider, reattach
            else:
                self._program = None  # It would not start the next time, either.
                yield None
        finally:
            with self._lock:
                self._idle.append(provider)

    def close(self) -> None:
        """Stop every provider."""
        with self._lock:
            self._program = None
            providers, self._all = self._all, []
        for provider in providers:
            provider.stop()

    def _take(self) -> WarmProvider | None:
        with self._lock:
            if self._program is None:
                return None
            while self._idle:
                provider = self._idle.pop()
                if provider.is_running():
                    return provider
                self._all.remove(provider)
                provider.stop()
            try:
                provider = WarmProvider(
                    self._program,
                    self._host,
                    self._environ,
                    self._processes,
                    self._answers,
                    self._cwd,
                )
            except (OSError, ProcessesClosedError):
                self._program = None
                return None
            self._all.append(provider)
            return provider
