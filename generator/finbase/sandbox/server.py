"""Start and stop the local AWS: a process on loopback that ends with its caller.

``running`` starts ``python -m finbase.sandbox.server``. The server writes to its folder:

    calls.jsonl  a line of JSON for each call: service, operation, status, milliseconds
    server.log   other messages of the server
    database-…   a database's files, while it runs
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
from finbase.sandbox.client import Endpoint
from finbase.system.child_environ import python_environ
from finbase.system.memory import hidden

SERVICES = tuple(
    "cloudwatch ec2 elasticache events iam kms lambda logs rds s3 secretsmanager sns sts".split()
)
"""The services that the modules use, by their names in the provider's ``endpoints`` block."""

_HOST = "127.0.0.1"
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
# No program listens there, so a call to any host but the local AWS fails at once.
_NOWHERE = "http://127.0.0.1:9"


class SandboxError(FinbaseError):
    """The local AWS did not start, or ended early."""


@dataclass(frozen=True)
class Sandbox(Endpoint):
    """A running local AWS; ``log`` has a line of JSON for each call of its API."""

    pid: int
    log: Path


@contextmanager
def running(
    folder: Path,
    *,
    account_id: str,
    region: str,
    port: int | None = None,
    project: Path | None = None,
) -> Iterator[Sandbox]:
    """Run the local AWS of one account; at the end stop it and everything that it started.

    ``folder`` must exist and belong to the server alone. ``region`` is the default region; calls
    can name any other. Without ``port`` the system chooses a free one. ``known.yaml`` of the
    ``project`` adds to what AWS offers. Raises ``SandboxError`` if the server does not start.
    """
    folder = folder.resolve()
    # With -P, Python imports no file of the working folder in place of a package.
    command = [sys.executable, "-P", "-m", "finbase.sandbox.server", str(folder)]
    command += ["--account-id", account_id, "--region", region, "--port", str(port or 0)]
    if project:
        command += ["--project", str(project.resolve())]
    log = folder / "server.log"
    # The server runs the stack's function, which could read the environment of this process.
    with hidden(), log.open("wb") as errors:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=_environ(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            process_group=0,
        )
        try:
            port, key = _first_line(child, log)
            yield Sandbox(f"http://{_HOST}:{port}", key, child.pid, folder / CALLS)
        finally:
            _stop(child)


OVERRIDDEN = (
    *("access_key", "secret_key", "max_retries", "skip_metadata_api_check"),
    *("s3_use_path_style", "endpoints"),
)
"""What ``overrides`` sets in the provider."""


def overrides(endpoint: Endpoint, *, endpoints: bool = True) -> dict[str, str]:
    """Return the override files, by name, that connect a copy of a stack to the local AWS.

    The state stays in the copy. The provider still looks up the account, so
    ``allowed_account_ids`` is checked and the ARNs that the provider builds are right. Without
    ``endpoints``, it needs ``environment``, and starts in a second less: the block has hundreds of
    arguments.
    """
    services = "".join(f'    {name:<14} = "{endpoint.url}"\n' for name in SERVICES)
    block = f"\n  endpoints {{\n{services}  }}\n" if endpoints else ""
    provider = (
        'provider "aws" {\n'
        f'  access_key              = "{endpoint.key}"\n'
        f'  secret_key              = "{endpoint.key}"\n'
        "  max_retries             = 3\n"
        "  skip_metadata_api_check = true\n"
        "  s3_use_path_style       = true\n"
        f"{block}}}\n"
    )
    return {
        "zz_finbase_backend_override.tf": 'terraform {\n  backend "local" {}\n}\n',
        "zz_finbase_sandbox_override.tf": provider,
    }


def environment(endpoint: Endpoint) -> dict[str, str]:
    """Return the variables that connect an AWS client to the local AWS."""
    return {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_ACCESS_KEY_ID": endpoint.key,
        "AWS_SECRET_ACCESS_KEY": endpoint.key,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def databases(endpoint: Endpoint) -> dict[str, dict[str, Any]]:
    """Return the database of each instance, with its password, by the host that RDS reports.

    The keys are ``port``, ``root_certificate`` (a path), ``username``, ``database``,
    ``password`` (the last that RDS received) and ``identifier``; the first two are None if the
    instance has no PostgreSQL.
    """
    return dict(_read(endpoint, "/sandbox/databases"))


def rotations(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Return all rotations and tests of their configuration, in the order of their start.

    The keys are ``secret`` (an ARN), ``version``, ``test`` (whether it is a test), ``state``
    (running, succeeded or failed), ``step`` and ``error``; the last two may be None.
    """
    return list(_read(endpoint, "/sandbox/rotations"))


def maintain(endpoint: Endpoint) -> list[str]:
    """Let the maintenance windows pass; return the instances that this has changed."""
    return list(_read(endpoint, "/sandbox/maintenance"))


def _environ(folder: Path) -> dict[str, str]:
    """Return the server's environment: no settings or secrets of the caller, only loopback."""
    environ = python_environ(folder)
    root = str(Path(__file__).resolve().parents[2])
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    return (
        environ
        | dict.fromkeys(proxies, _NOWHERE)
        | dict.fromkeys(("NO_PROXY", "no_proxy"), _HOST)
        | {"PYTHONPATH": os.pathsep.join(filter(None, (root, environ.get("PYTHONPATH"))))}
    )


def _first_line(child: subprocess.Popen[bytes], log: Path) -> tuple[int, str]:
    """Wait for the server's first line, and return the port and the key in it."""
    assert child.stdout is not None  # noqa: S101
    ready, _, _ = select.select([child.stdout], [], [], _START_SECONDS)
    line = child.stdout.readline() if ready else b""
    if not line.strip():
        raise _start_error(log)
    first = json.loads(line)
    return first["port"], first["key"]


def _start_error(log: Path) -> SandboxError:
    """Return an error with the reason why the server did not start, from the end of its log."""
    lines = log.read_text(errors="replace").strip().splitlines()[-5:]
    last = lines[-1] if lines else ""
    if port := re.search(r"port (\d+)\b.*in use", last):
        return SandboxError(f"port {port[1]} is in use", "choose another port, or 0 for a free one")
    text = "\n".join(f"    {line}" for line in lines)
    missing = "No module named" in last
    hint = "`finbase doctor` prints how to install it" if missing else f"see {log}"
    return SandboxError(f"the local AWS did not start:\n{text}", hint)


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Close the server's standard input, which stops it; kill it if it does not stop in time."""
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


def _read(endpoint: Endpoint, route: str) -> Any:
    """Return the JSON of one of the server's own routes, ignoring proxies in the environment."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    bearer = {"Authorization": f"Bearer {endpoint.key}"}
    request = urllib.request.Request(endpoint.url + route, headers=bearer)  # noqa: S310
    with opener.open(request, timeout=60) as response:
        return json.load(response)


def main(arguments: list[str] | None = None) -> None:
    """Serve until end of standard input or SIGTERM; print the port and the key first."""
    parser = argparse.ArgumentParser(prog="finbase.sandbox.server")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--account-id", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--project", type=Path)
    options = parser.parse_args(arguments)
    try:
        listener = socket.create_server((_HOST, options.port))
    except OSError as error:
        raise SystemExit(f"cannot listen on port {options.port}: {error}") from error
    os.environ |= {  # moto reads these when it is imported, which is below.
        "AWS_DEFAULT_REGION": options.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MOTO_ACCOUNT_ID": options.account_id,
        "MOTO_DISABLE_GLOBAL_CORS": "true",
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # No module has an image; reading all takes long.
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    }

    from finbase.sandbox.application import serve

    with listener:
        serve(options.folder, listener, options.project)


if __name__ == "__main__":
    main()
