"""Processes that have imported terraform-compliance, and start a copy of themselves for each plan.

The import takes a third of the time of a judgement. A copy starts as a process of its own would:
nothing that another judgement left, no file of it, and no way to what judges next.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeAlias

from finbase.judge import runner
from finbase.system.processes import Finished, Processes, ProcessesClosedError, kill_group, report

# Without ``site``, no .pth file in a folder of packages runs code.
OPTIONS = ("-P", "-S", "-X", "utf8")
"""The options of Python for ``runner.py``."""


class Ready(AbstractContextManager["Ready"]):
    """Runs terraform-compliance, from any thread, in copies of processes that are ready for it.

    One process serves one judgement at a time. They end with the block.
    """

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []
        self._started = ExitStack()
        self._closed = False

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        seconds: float,
    ) -> Finished:
        """Return what the command would: Python with ``runner.py`` and the arguments for it.

        Raises ``OSError`` if its process ends or does not start, ``TimeoutError`` after
        ``seconds``, and ``ProcessesClosedError`` after the block.
        """
        if sys.platform != "linux":  # Elsewhere, what a copy leaves behind would stay.
            return self._processes.run(command, cwd=cwd, environ=environ, seconds=seconds)
        started = time.monotonic()
        first = [str(part) for part in command].index(runner.__file__)
        child = self._take([sys.executable, *OPTIONS, runner.__file__, runner.READY], environ)
        request = {
            "arguments": [str(part) for part in command[first + 1 :]],
            "folder": str(cwd),
            "environ": dict(environ or {}),
        }
        try:
            answer = _ask(child, json.dumps(request).encode() + b"\n", seconds)
        except BaseException:
            kill_group(child)
            raise
        with self._lock:
            self._idle.append(child)
        report(command, started, answer["code"], cwd)
        return Finished(answer["code"], answer["stdout"].encode(), answer["stderr"])

    def _take(
        self, command: Sequence[str], environ: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise ProcessesClosedError("no plan can be judged after the block has ended")
            if self._idle:
                return self._idle.pop()
            owned = self._processes.owned(command, None, environ, subprocess.PIPE)
            return self._started.enter_context(owned)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
        self._started.close()


Runs: TypeAlias = Processes | Ready
"""What runs a command."""


def _ask(child: subprocess.Popen[bytes], request: bytes, seconds: float) -> Any:
    assert child.stdin is not None  # noqa: S101
    assert child.stdout is not None  # noqa: S101
    end = time.monotonic() + seconds
    child.stdin.write(request)
    child.stdin.flush()
    answer = b""
    while not answer.endswith(b"\n"):
        if not select.select([child.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError(f"it did not end within {seconds:.0f} seconds")
        part = os.read(child.stdout.fileno(), 1 << 20)
        if not part:
            raise OSError("its process ended")
        answer += part
    return json.loads(answer)
