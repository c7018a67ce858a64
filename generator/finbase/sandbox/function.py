"""Run a Lambda function from its uploaded zip, in a process that handles several events.

As on AWS, a process handles one event at a time, and another one after a result. It ends after an
error, and when another zip, other variables or other databases replace what it has loaded.
Only ``ca/<region>.pem`` is replaced, with the root certificates of the local databases, because
Amazon's roots signed none of them.
"""

from __future__ import annotations

import io
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import uuid
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from finbase.errors import FinbaseError
from finbase.sandbox.client import Endpoint

LOG = "function.log"
"""The name of the file with everything that the function prints and logs."""

_RUNNER = Path(__file__).with_name("function_runner.py")
_START_AND_EXIT = 30.0  # Seconds for the process to start and exit on a busy machine.
_NO_CONFIGURATION = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


class FunctionError(FinbaseError):
    """The function raised an error of the type ``kind``, or exceeded its time."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"the function failed: {kind}: {text}")
        self.kind = kind
        self.text = text


@dataclass(frozen=True)
class Database:
    """The address of an instance's PostgreSQL: the port that RDS reports, and the real one."""

    port: int
    local_port: int
    root_certificate: Path


@dataclass(frozen=True)
class _Deployed:
    """What a process has loaded: a function's zip, its variables, and the databases' roots."""

    code: bytes
    environ: tuple[tuple[str, str], ...]
    region: str
    roots: str


class _Process:
    """A process that has loaded a function, and handles one event after another."""

    def __init__(self, folder: Path, deployed: _Deployed) -> None:
        self.deployed = deployed
        self._folder = tempfile.TemporaryDirectory(prefix="function-", dir=folder)
        name = self._folder.name
        task = Path(name, "task")
        try:
            _unpack(deployed, task)
        except FunctionError:
            self._folder.cleanup()
            raise
        own = {"LAMBDA_TASK_ROOT": str(task), "HOME": name, "TMPDIR": name}
        with (folder / LOG).open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-B", "-P", _RUNNER, task],
                env={**own, **dict(deployed.environ)},
                stdin=subprocess.PIPE,  # Stays open: the child exits when this end closes.
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def handle(self, order: Mapping[str, object], seconds: float) -> dict[str, Any]:
        """Return the outcome of an order, or an empty dict if the process exited."""
        assert self._child.stdin is not None  # noqa: S101
        assert self._child.stdout is not None  # noqa: S101
        with suppress(BrokenPipeError):
            self._child.stdin.write(json.dumps(order).encode() + b"\n")
            self._child.stdin.flush()
        ready, _, _ = select.select([self._child.stdout], [], [], seconds)
        if not ready:
            raise FunctionError(
                "Sandbox.Timedout", f"it did not finish within {seconds:.0f} seconds"
            )
        line = self._child.stdout.readline()
        return dict(json.loads(line)) if line else {}

    def close(self) -> None:
        """Kill the process, and remove its files."""
        self._child.kill()
        with suppress(BrokenPipeError):
            self._child.communicate()
        self._folder.cleanup()


_idle: dict[Path, list[_Process]] = {}
_lock = threading.Lock()


def run(
    code: bytes,
    *,
    handler: str,
    environment: Mapping[str, str],
    event: object,
    databases: Mapping[str, Database],
    endpoint: Endpoint,
    region: str,
    folder: Path,
    timeout: float,
) -> object:
    """Run the function with one event and return the result of its handler.

    ``code`` is the uploaded zip, ``environment`` the function's own variables, ``databases`` are
    those that it can reach, by host name, and ``timeout`` is in seconds. ``folder`` must exist and
    belong to the function; output is appended to its ``function.log``. Raises ``FunctionError``.
    """
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        **_NO_CONFIGURATION,
        "AWS_ACCESS_KEY_ID": endpoint.key,
        "AWS_SECRET_ACCESS_KEY": endpoint.key,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint.url,
        **environment,
    }
    order = {
        "handler": handler,
        "event": event,
        "seconds": timeout,
        "endpoint": urlsplit(endpoint.url).hostname,
        "request_id": str(uuid.uuid4()),
        "databases": {
            host.lower(): {"port": database.port, "local_port": database.local_port}
            for host, database in databases.items()
        },
    }
    certificates = sorted({database.root_certificate for database in databases.values()})
    roots = "".join(path.read_text() for path in certificates)
    process = _take(folder, _Deployed(code, tuple(environ.items()), region, roots))
    outcome: dict[str, Any] = {}
    try:
        outcome = process.handle(order, timeout + _START_AND_EXIT)
    finally:
        if "value" in outcome:
            with _lock:
                _idle.setdefault(folder, []).append(process)
        else:
            process.close()
    if "error" in outcome:
        raise FunctionError(outcome["error"], outcome["text"])
    if "value" not in outcome:
        raise FunctionError("Runtime.ExitError", "its process exited without a result")
    value: object = outcome["value"]
    return value


def close() -> None:
    """End every process that waits for another event."""
    with _lock:
        waiting = [process for processes in _idle.values() for process in processes]
        _idle.clear()
    for process in waiting:
        process.close()


def _take(folder: Path, deployed: _Deployed) -> _Process:
    """Return a process that waits, or a new one; end those of another deployment."""
    with _lock:
        waiting = _idle.pop(folder, [])
        fit = [process for process in waiting if process.deployed == deployed]
        _idle[folder] = fit[1:]
    for process in waiting:
        if process not in fit:
            process.close()
    return fit[0] if fit else _Process(folder, deployed)


def _unpack(deployed: _Deployed, task: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(deployed.code)) as archive:
            archive.extractall(task)
    except zipfile.BadZipFile as error:
        raise FunctionError("Runtime.InvalidZip", str(error)) from error
    roots = task / "ca" / f"{deployed.region}.pem"
    if roots.is_file():
        roots.write_text(deployed.roots)
