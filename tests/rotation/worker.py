"""Stands in for Lambda: runs one event after another in one process, as a warm function does.

An event that is to die somewhere has a process of its own.

Started with the function's folder first on the path, and the name of its module. A line of JSON on
standard input is an invocation, and the line of JSON that answers it says how it ended and all that
it has logged. The function itself knows nothing of the places to die at: they are put around it
here.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import postgres
import rotation
import wire


class Deaths:
    """Counts and names the places that are passed, and dies at the one that was chosen."""

    def __init__(self, chosen: str | int | None) -> None:
        self._chosen, self.passed = chosen, 0

    def place(self, name: str) -> None:
        self.passed += 1
        if self._chosen in (name, self.passed):
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.place(f"before {name}")
            result = function(*args, **kwargs)
            self.place(f"after {name}")
            return result

        return wrapped

    def lay(self, client: Any) -> None:
        execute, send, receive = (
            postgres.Connection.execute,
            wire.Channel._send,
            wire.Channel.receive,
        )

        def executed(connection: postgres.Connection, sql: str) -> None:
            name = "ALTER ROLE" if "ALTER ROLE" in sql else sql
            self.place(f"before {name}")
            if self._chosen == "before COMMIT" and name == "ALTER ROLE":
                try:
                    execute(connection, sql.removesuffix("; COMMIT"))
                except wire.PostgresError as error:
                    assert "left a transaction open" in str(error)  # noqa: PT017
                self.place("before COMMIT")
            execute(connection, sql)
            self.place(f"after {name}")

        def sent(channel: wire.Channel, data: bytes) -> None:
            self.place("before a message")
            send(channel, data)
            self.place("before the answer to ALTER ROLE" if b"ALTER ROLE" in data else "")

        def received(channel: wire.Channel) -> tuple[bytes, bytes]:
            answer = receive(channel)
            self.place("before the proof" if answer[1][:4] == b"\0\0\0\x0b" else "")
            return answer

        postgres.Connection.execute = executed  # type: ignore[method-assign, assignment]
        wire.Channel._send = sent  # type: ignore[method-assign, assignment]
        wire.Channel.receive = received  # type: ignore[method-assign, assignment]
        for name in (
            "describe_secret",
            "get_secret_value",
            "list_secret_version_ids",
            "put_secret_value",
            "update_secret_version_stage",
        ):
            setattr(client, name, self.around(name, getattr(client, name)))


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Run one event; returns how it ended."""
    ends = time.monotonic() + order["seconds"]
    context = SimpleNamespace(
        get_remaining_time_in_millis=lambda: int(1000 * (ends - time.monotonic()))
    )
    with patch.dict(os.environ, {"AWS_REGION": order["region"], **order["environment"]}):
        try:
            handler = importlib.import_module(sys.argv[1]).handler
            return {"value": handler(order["event"], context)}
        except BaseException as error:
            traceback.print_exc()  # as Lambda does
            return {"error": type(error).__name__, "text": str(error)}


def run_to_death(order: dict[str, Any]) -> dict[str, Any]:
    """Run an event in a process of its own, which dies at the chosen place."""
    answer, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        deaths = Deaths(order["die"])
        deaths.lay(rotation._client())
        outcome = json.dumps(run(order) | {"places": deaths.passed})
        sys.stdout.flush()
        os.write(theirs, outcome.encode())
        os._exit(0)
    os.close(theirs)
    _, status = os.waitpid(child, 0)
    with open(answer, "rb") as pipe:  # noqa: PTH123
        told = pipe.read()
    return dict(json.loads(told)) if told else {"signal": os.WTERMSIG(status)}


def main() -> None:
    # As Lambda does before the first event. An event would compile the module again.
    importlib.import_module(sys.argv[1])
    rotation._client()
    # A collector in the child would touch, and so copy, all that is in memory.
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
        for line in sys.stdin:
            order = json.loads(line)
            outcome = run(order) if order["die"] is None else run_to_death(order)
            sys.stdout.flush()
            log.seek(0)
            told = log.read().decode(errors="replace")
            log.seek(0)
            log.truncate()
            print(json.dumps(outcome | {"log": told}), file=answers, flush=True)


if __name__ == "__main__":
    main()
