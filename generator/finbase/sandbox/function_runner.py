"""A replacement of Lambda's runtime: run a function with one event in this process, then exit.

The first argument is the function's folder. Standard input has a line of JSON with ``handler``,
``event``, ``seconds`` until its timeout, ``endpoint`` (the host of the local AWS), ``databases``
(host → the port that RDS reports, and the one on loopback) and ``result``, a file for the outcome.
The function's output goes to standard output and error. Only name resolution is patched, so that
the host of a database resolves to its server on loopback. This file imports nothing of finbase.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def resolve_locally(databases: Mapping[str, Mapping[str, int]], endpoint: str) -> None:
    """Resolve the hosts of databases to loopback, and no other host but the local AWS."""
    original = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        database = databases.get(name.lower())
        if database is not None and int(port) == database["port"]:
            return original("127.0.0.1", database["local_port"], *args, **kwargs)
        if name == endpoint:
            return original(host, port, *args, **kwargs)
        raise socket.gaierror(
            socket.EAI_NONAME, f"functions in the local AWS cannot reach {name}:{port}"
        )

    socket.getaddrinfo = getaddrinfo


def exit_with_caller() -> None:
    """Exit when the caller closes standard input."""
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Run the event and write ``value``, or ``error`` and ``text``, to the file ``result``."""
    task = sys.argv[1]
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=exit_with_caller, daemon=True).start()
    signal.alarm(int(order["seconds"]) + 5)  # Ends it even if the caller cannot.
    end = time.monotonic() + order["seconds"]
    resolve_locally(order["databases"], order["endpoint"])
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    sys.path.insert(0, task)
    os.chdir(task)
    context = SimpleNamespace(
        aws_request_id=order["request_id"],
        function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        get_remaining_time_in_millis=lambda: int(1000 * (end - time.monotonic())),
    )
    outcome: dict[str, Any]
    try:
        module, _, name = order["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        outcome = {"value": json.loads(json.dumps(handler(order["event"], context)))}
    except BaseException as error:
        traceback.print_exc()  # Like Lambda.
        outcome = {"error": type(error).__name__, "text": str(error)}
    sys.stdout.flush()
    sys.stderr.flush()
    Path(order["result"]).write_text(json.dumps(outcome))
    os._exit(0)


if __name__ == "__main__":
    main()
