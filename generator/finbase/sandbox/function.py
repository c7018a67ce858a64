"""Run a Lambda function from its uploaded zip, in a new process for each event.

Only ``ca/<region>.pem`` is replaced, with the root certificates of the local databases, because
Amazon's roots signed none of them.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
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
    those that it can reach, by host name, and ``timeout`` is in seconds. ``folder`` must exist;
    output is appended to its ``function.log``. Raises ``FunctionError``.
    """
    with tempfile.TemporaryDirectory(prefix="function-", dir=folder) as name:
        task, result = Path(name, "task"), Path(name, "result.json")
        _unpack(code, task, region, databases)
        order = {
            "handler": handler,
            "event": event,
            "seconds": timeout,
            "endpoint": urlsplit(endpoint.url).hostname,
            "request_id": str(uuid.uuid4()),
            "result": str(result),
            "databases": {
                host.lower(): {"port": database.port, "local_port": database.local_port}
                for host, database in databases.items()
            },
        }
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(task),
            "HOME": name,
            "TMPDIR": name,
            **_NO_CONFIGURATION,
            "AWS_ACCESS_KEY_ID": endpoint.key,
            "AWS_SECRET_ACCESS_KEY": endpoint.key,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": endpoint.url,
            **environment,
        }
        with (folder / LOG).open("ab") as log:
            _run(task, order, environ, log.fileno(), timeout + _START_AND_EXIT)
        outcome = json.loads(result.read_text()) if result.is_file() else {}
    if "error" in outcome:
        raise FunctionError(outcome["error"], outcome["text"])
    if "value" not in outcome:
        raise FunctionError("Runtime.ExitError", "its process exited without a result")
    value: object = outcome["value"]
    return value


def _run(
    task: Path, order: Mapping[str, object], environ: Mapping[str, str], log: int, seconds: float
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-B", "-P", _RUNNER, task],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
    )
    try:
        assert child.stdin is not None  # noqa: S101
        child.stdin.write(json.dumps(order).encode() + b"\n")
        child.stdin.flush()  # Stays open: the child exits when this end closes.
        child.wait(seconds)
    except BrokenPipeError:
        child.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise FunctionError(
            "Sandbox.Timedout", f"it did not finish within {seconds:.0f} seconds"
        ) from error
    finally:
        child.kill()
        child.communicate()


def _unpack(code: bytes, task: Path, region: str, databases: Mapping[str, Database]) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            archive.extractall(task)
    except zipfile.BadZipFile as error:
        raise FunctionError("Runtime.InvalidZip", str(error)) from error
    roots = task / "ca" / f"{region}.pem"
    if roots.is_file():
        certificates = {database.root_certificate for database in databases.values()}
        roots.write_text("".join(path.read_text() for path in sorted(certificates)))
