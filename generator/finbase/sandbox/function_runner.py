"""What stands in for Lambda's runtime: runs one event of a function in this process, and ends.

Started with the function's folder as its first argument and a line of JSON on standard input:
``handler``, ``event``, ``seconds`` left, ``endpoint`` (the host of the local AWS), ``databases``
(host → port that AWS tells, port on loopback) and ``result``, a file for the outcome. What the
function prints and logs goes to standard output and error. It knows of nothing but itself: only
how names are resolved is changed, so that a database's host leads to the server behind it.
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
    """Let the databases' hosts lead to loopback, the local AWS to itself, and nothing else."""
    original = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        database = databases.get(name.lower())
        if database is not None and int(port) == database["port"]:
            return original("127.0.0.1", database["local_port"], *args, **kwargs)
        if name == endpoint:
            return original(host, port, *args, **kwargs)
        raise socket.gaierror(
            socket.EAI_NONAME, f"the local AWS has nothing at {name}:{port} for a function"
        )

    socket.getaddrinfo = getaddrinfo


def end_with_the_caller() -> None:
    """End when the other end of standard input is gone."""
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Run the event; the file ``result`` gets ``value``, or ``error`` and ``text``."""
    task = sys.argv[1]
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with_the_caller, daemon=True).start()
    signal.alarm(int(order["seconds"]) + 5)  # Even where nobody is left to do it.
    ends = time.monotonic() + order["seconds"]
    resolve_locally(order["databases"], order["endpoint"])
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    sys.path.insert(0, task)
    os.chdir(task)
    context = SimpleNamespace(
        aws_request_id=order["request_id"],
        function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        get_remaining_time_in_millis=lambda: int(1000 * (ends - time.monotonic())),
    )
    outcome: dict[str, Any]
    try:
        module, _, name = order["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        outcome = {"value": json.loads(json.dumps(handler(order["event"], context)))}
    except BaseException as error:
        traceback.print_exc()  # as Lambda does
        outcome = {"error": type(error).__name__, "text": str(error)}
    sys.stdout.flush()
    sys.stderr.flush()
    Path(order["result"]).write_text(json.dumps(outcome))
    os._exit(0)


if __name__ == "__main__":
    main()
