"""Start and end the local AWS: a process on loopback that dies with whoever started it.

``running`` is for Python, ``python -m finbase.sandbox.server`` is what it starts. The folder that
it is given holds what it leaves while it runs:

    calls.jsonl  a line of JSON for each call: service, operation, status, milliseconds
    server.log   what else the server says
    database-…   a database's files, for as long as it runs
    function-…   a function's log
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finbase.errors import FinbaseError
from finbase.sandbox.calls import CALLS

__all__ = [
    "SERVICES",
    "Sandbox",
    "SandboxError",
    "databases",
    "environment",
    "overrides",
    "rotations",
    "running",
]

SERVICES = (
    "cloudwatch",
    "ec2",
    "elasticache",
    "iam",
    "kms",
    "lambda",
    "logs",
    "rds",
    "s3",
    "secretsmanager",
    "sns",
    "sts",
)
"""What the modules use, as the provider's ``endpoints`` block calls them."""

_HOST = "127.0.0.1"
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
# Nothing listens there. A call that the local AWS was not told of fails at once.
_NOWHERE = "http://127.0.0.1:9"
_KEY = "local"


class SandboxError(FinbaseError):
    """The local AWS did not start, or its optional packages are not installed."""


@dataclass(frozen=True)
class Sandbox:
    """A local AWS that runs; ``log`` has a line of JSON for each call of its API."""

    url: str
    pid: int
    log: Path


@contextmanager
def running(
    folder: Path, *, account_id: str, region: str, port: int | None = None
) -> Iterator[Sandbox]:
    """Start the local AWS of one account, and end it with everything that it has started.

    ``folder`` exists and is the server's own. Calls may be for any region; ``region`` is for
    those that name none. Without ``port`` the system chooses one. Raises ``SandboxError`` where
    the server does not come up.
    """
    command = [sys.executable, "-m", "finbase.sandbox.server", str(folder.resolve())]
    command += ["--account-id", account_id, "--region", region, "--port", str(port or 0)]
    log = folder / "server.log"
    with log.open("wb") as errors:
        child = subprocess.Popen(
            command,
            env=_environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            process_group=0,
        )
        try:
            yield Sandbox(_address(child, log), child.pid, folder / CALLS)
        finally:
            _end(child)


def overrides(sandbox_url: str) -> dict[str, str]:
    """Return the files, by name, that turn a copy of a stack towards the local AWS.

    The state stays in the copy. The account is asked for as ever, so that
    ``allowed_account_ids`` and every ARN that the provider makes by itself are what they are.
    """
    endpoints = "".join(f'    {name:<14} = "{sandbox_url}"\n' for name in SERVICES)
    provider = (
        'provider "aws" {\n'
        f'  access_key              = "{_KEY}"\n'
        f'  secret_key              = "{_KEY}"\n'
        "  max_retries             = 3\n"
        "  skip_metadata_api_check = true\n"
        "  s3_use_path_style       = true\n"
        f"\n  endpoints {{\n{endpoints}  }}\n}}\n"
    )
    return {
        "zz_finbase_backend_override.tf": 'terraform {\n  backend "local" {}\n}\n',
        "zz_finbase_sandbox_override.tf": provider,
    }


def environment(sandbox_url: str) -> dict[str, str]:
    """Return the variables for any other AWS client; without ``overrides`` also for Terraform."""
    return {
        "AWS_ENDPOINT_URL": sandbox_url,
        "AWS_ACCESS_KEY_ID": _KEY,
        "AWS_SECRET_ACCESS_KEY": _KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def databases(sandbox_url: str) -> dict[str, dict[str, Any]]:
    """Return, by the host that RDS tells, what is behind each instance, with its password.

    The keys are ``port``, ``root_certificate`` (a path), ``username``, ``database``,
    ``password`` (the last that RDS was given) and ``identifier``; the first two are None where no
    PostgreSQL is behind the instance.
    """
    with _open(f"{sandbox_url}/sandbox/databases") as answer:
        return dict(json.load(answer))


def rotations(sandbox_url: str) -> list[dict[str, Any]]:
    """Return all rotations of secrets, and tests of a set-up, the first one first.

    The keys are ``secret`` (an ARN), ``version``, ``test`` (whether it is one), ``state``
    (running, succeeded or failed), ``step`` and ``error``; the last two may be None.
    """
    with _open(f"{sandbox_url}/sandbox/rotations") as answer:
        return list(json.load(answer))


def _environ() -> dict[str, str]:
    """What the server sees: nothing of the caller's AWS, and no way out but loopback."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOTO_"))}
    root = str(Path(__file__).resolve().parents[2])
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    return (
        kept
        | dict.fromkeys(proxies, _NOWHERE)
        | dict.fromkeys(("NO_PROXY", "no_proxy"), _HOST)
        | {"PYTHONPATH": os.pathsep.join(filter(None, (root, kept.get("PYTHONPATH"))))}
    )


def _address(child: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the server's first line, which has its port."""
    assert child.stdout is not None  # noqa: S101
    ready, _, _ = select.select([child.stdout], [], [], _START_SECONDS)
    line = child.stdout.readline() if ready else b""
    if not line.strip():
        raise _reason(log)
    return f"http://{_HOST}:{json.loads(line)['port']}"


def _reason(log: Path) -> SandboxError:
    """Say why the server did not start, from the end of its log."""
    said = log.read_text(errors="replace").strip().splitlines()[-5:]
    last = said[-1] if said else ""
    if taken := re.search(r"port (\d+)\b.*in use", last):
        return SandboxError(f"port {taken[1]} is taken", "choose another one, or 0 for any")
    text = "\n".join(f"    {each}" for each in said)
    missing = "No module named" in last
    hint = "install finbase[rehearsal]" if missing else f"see {log}"
    return SandboxError(f"the local AWS did not start:\n{text}", hint)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Close the pipe that the server lives by; one that does not end in time is killed."""
    assert child.stdin is not None  # noqa: S101
    assert child.stdout is not None  # noqa: S101
    with suppress(OSError):
        child.stdin.close()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    finally:
        child.stdout.close()


def _open(url: str) -> Any:
    """Open a URL on loopback, whatever proxies the environment names."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(url, timeout=60)


def main(arguments: list[str] | None = None) -> None:
    """Serve until standard input ends, or SIGTERM comes; the port is the first line of output."""
    parser = argparse.ArgumentParser(prog="finbase.sandbox.server")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--account-id", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args(arguments)
    try:
        listener = socket.create_server((_HOST, given.port))
    except OSError as error:
        raise SystemExit(f"port {given.port} cannot be served on: {error}") from error
    os.environ |= {  # Moto reads it when it is imported.
        "AWS_DEFAULT_REGION": given.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MOTO_ACCOUNT_ID": given.account_id,
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    }

    from finbase.sandbox.application import serve

    with listener:
        serve(given.folder, listener)


if __name__ == "__main__":
    main()
