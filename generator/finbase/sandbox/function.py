"""Runs a Lambda function from the very zip that was uploaded, in a process for each event.

The zip is changed in one thing: its roots for the region's databases, ``ca/<region>.pem``, are
replaced by those of the local ones, for no certificate here can come from Amazon's roots.
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

__all__ = ["LOG", "Database", "FunctionError", "run"]

LOG = "function.log"
"""The file in the folder that gets all that the function prints and logs."""

_RUNNER = Path(__file__).with_name("function_runner.py")
_STARTING = 30.0  # seconds for the process to start, and to come to its end, on a busy machine
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "sandbox",
    "AWS_SECRET_ACCESS_KEY": "sandbox",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


class FunctionError(FinbaseError):
    """The function has raised an error, ``kind``, or did not come to its end in time."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"the function failed: {kind}: {text}")
        self.kind = kind
        self.text = text


@dataclass(frozen=True)
class Database:
    """Where an instance's PostgreSQL is: the port that AWS tells, and the one on loopback."""

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
    endpoint_url: str,
    region: str,
    folder: Path,
    timeout: float,
) -> object:
    """Run one event, and return what the handler returns.

    ``code`` is the zip, ``environment`` the function's own variables, ``databases`` has the
    instances by their host names. ``timeout`` is the function's, in seconds. ``folder`` must
    exist; its ``function.log`` grows. Raises ``FunctionError``.
    """
    with tempfile.TemporaryDirectory(prefix="function-", dir=folder) as name:
        task, result = Path(name, "task"), Path(name, "result.json")
        _unpack(code, task, region, databases)
        order = {
            "handler": handler,
            "event": event,
            "seconds": timeout,
            "endpoint": urlsplit(endpoint_url).hostname,
            "request_id": str(uuid.uuid4()),
            "result": str(result),
            "databases": {
                host.lower(): {"port": each.port, "local_port": each.local_port}
                for host, each in databases.items()
            },
        }
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(task),
            **_CREDENTIALS,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": endpoint_url,
            **environment,
        }
        with (folder / LOG).open("ab") as log:
            _run(task, order, environ, log.fileno(), timeout + _STARTING)
        outcome = json.loads(result.read_text()) if result.is_file() else {}
    if "error" in outcome:
        raise FunctionError(outcome["error"], outcome["text"])
    if "value" not in outcome:
        raise FunctionError("Runtime.ExitError", "its process ended before it did")
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
        child.stdin.flush()  # And left open: its end tells the child that this process is gone.
        child.wait(seconds)
    except BrokenPipeError:
        child.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise FunctionError(
            "Sandbox.Timedout", f"it did not come to its end in {seconds:.0f} seconds"
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
        certificates = {each.root_certificate for each in databases.values()}
        roots.write_text("".join(path.read_text() for path in sorted(certificates)))
