"""A replacement of Lambda's runtime: run a function in this process, with one event at a time.

The first argument is the function's folder. Standard input has a line of JSON for each event, with
``handler``, ``event``, ``seconds`` until its timeout, ``endpoint`` (the host of the local AWS), and
``databases`` (host → the port that RDS reports, and the one on loopback). Standard output receives
a line for each outcome; the function's own output goes to standard error. Only name resolution is
patched, so that the host of a database resolves to its server on loopback. This file imports
nothing of finbase.
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
from queue import SimpleQueue
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


def receive(orders: SimpleQueue[dict[str, Any]]) -> None:
    """Pass on the orders, and exit when the caller closes standard input."""
    for line in sys.stdin:
        orders.put(json.loads(line))
    os._exit(1)


def handle(order: Mapping[str, Any]) -> dict[str, Any]:
    """Run one event; return ``value``, or ``error`` and ``text``."""
    signal.alarm(int(order["seconds"]) + 5)  # Ends it even if the caller cannot.
    end = time.monotonic() + order["seconds"]
    context = SimpleNamespace(
        aws_request_id=order["request_id"],
        function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        get_remaining_time_in_millis=lambda: int(1000 * (end - time.monotonic())),
    )
    try:
        module, _, name = order["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        return {"value": json.loads(json.dumps(handler(order["event"], context)))}
    except BaseException as error:
        traceback.print_exc()  # Like Lambda.
        return {"error": type(error).__name__, "text": str(error)}
    finally:
        signal.alarm(0)
        sys.stdout.flush()
        sys.stderr.flush()


def main() -> None:
    """Write the outcome of each order to the first standard output."""
    task = sys.argv[1]
    outcomes = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What the function prints goes to its log.
    orders: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=receive, args=(orders,), daemon=True).start()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    sys.path.insert(0, task)
    os.chdir(task)
    databases: dict[str, Mapping[str, int]] = {}
    order = orders.get()
    resolve_locally(databases, order["endpoint"])
    while True:
        databases.clear()
        databases.update(order["databases"])
        print(json.dumps(handle(order)), file=outcomes, flush=True)
        order = orders.get()


if __name__ == "__main__":
    main()
