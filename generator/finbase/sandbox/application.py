"""The server behind the local AWS: moto with the mended services, one call after the other.

Moto's own server would answer 500 to what it does not know, which every AWS client takes for a
passing trouble and tries again for minutes; here it is a 400 with a clear message, and the log
has a line for each call.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from finbase.sandbox import awslambda, ec2, elasticache, kms, rds, secrets_backend
from finbase.sandbox.calls import CALLS
from finbase.sandbox.databases import Databases
from finbase.sandbox.rotation import Rotations

__all__ = ["Application", "SandboxState", "install", "serve"]

_UNORDERED = frozenset({"Invoke"})
"""Operations that wait for calls of others, so they must not keep those waiting."""

_call: ContextVar[dict[str, str]] = ContextVar("call")
_order = threading.RLock()  # Moto's backends know nothing of threads.
_plain_call = BaseResponse.call_action


class SandboxState:
    """What is behind the services of one server."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.databases = Databases(folder)
        self.rotations = Rotations(url, _order)

    def describe(self, path: str) -> object:
        """Answer for a route of our own; None where there is none of that path."""
        routes: dict[str, Callable[[], object]] = {
            "/sandbox/databases": self.databases.describe,
            "/sandbox/rotations": self.rotations.describe,
        }
        return routes[path]() if path in routes else None


class NotHereError(ServiceException):
    """An operation that the local AWS has not got, or that it failed at."""

    code = "NotInLocalAWS"


def install(world: SandboxState) -> None:
    """Put every mended service in its place; call it before the first request."""
    awslambda.install(world.folder, world.url, world.databases.reachable)
    ec2.install()
    elasticache.install()
    kms.install()
    rds.install(world.databases)
    secrets_backend.install(world.rotations)
    BaseResponse.call_action = _call_action  # type: ignore[method-assign]


def _call_action(self: BaseResponse) -> Any:
    """Do a call while no other is done, and tell of errors of the local AWS at once."""
    operation = self._get_action() or "?"
    _call.get({}).update(service=self.boto3_service_name or "?", operation=operation)
    try:
        if operation in _UNORDERED:
            return _plain_call(self)
        with _order:
            return _plain_call(self)
    except NotImplementedError as error:
        problem = NotHereError(f"{operation} is not in the local AWS: {error}")
    except Exception as error:
        traceback.print_exc()
        problem = NotHereError(f"{operation} failed in the local AWS: {error!r}")
    status, headers, body = self.serialized(ActionResult(problem))
    return max(int(status), 400), headers, body


class Application:
    """Moto behind a log; ``/sandbox/…`` are routes of its own."""

    def __init__(self, world: SandboxState) -> None:
        self._world = world
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._log = (world.folder / CALLS).open("a", encoding="utf-8")
        self._writing = threading.Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        if path.startswith("/sandbox/"):
            return self._own_route(path, start_response)
        call, status, began = dict[str, str](), ["500"], time.perf_counter()
        token = _call.set(call)

        def start(line: str, *rest: Any) -> Any:
            status[0] = line.partition(" ")[0]
            return start_response(line, *rest)

        try:
            answer: Iterable[bytes] = self._moto(environ, start)
            return answer
        except Exception as error:  # Before the operation was known.
            traceback.print_exc()
            start("400 Bad Request", [("Content-Type", "text/plain")])
            return [f"the local AWS failed: {error!r}".encode()]
        finally:
            _call.reset(token)
            self._note(call, int(status[0]), time.perf_counter() - began)

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def _own_route(self, path: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = self._world.describe(path)
        body = json.dumps(found).encode()
        status = "404 Not Found" if found is None else "200 OK"
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]

    def _note(self, call: dict[str, str], status: int, seconds: float) -> None:
        line = {
            "service": call.get("service", "?"),
            "operation": call.get("operation", "?"),
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }
        with self._writing:
            self._log.write(json.dumps(line) + "\n")
            self._log.flush()


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the application has its own log."""


def serve(folder: Path, listener: socket.socket) -> NoReturn:
    """Serve until standard input ends or SIGTERM comes; then end all that was started.

    Once it takes calls, the first line of standard output is a JSON object with its ``port``.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    warnings.filterwarnings("ignore", "Exception.NotHereError", UserWarning)  # Ours is no AWS code.
    host, port = listener.getsockname()
    world = SandboxState(folder, f"http://{host}:{port}")
    install(world)
    application = Application(world)
    server = make_server(
        host, port, application, threaded=True, request_handler=_Handler, fd=listener.fileno()
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent has it too, and ends us.
    signal.signal(signal.SIGTERM, lambda *_: _stop(server))
    threading.Thread(target=_follow_parent, args=(server,), daemon=True).start()
    print(json.dumps({"port": port}), flush=True)
    try:
        server.serve_forever(poll_interval=0.05)
    finally:
        server.server_close()
        world.databases.close()
        application.close()
    sys.stderr.flush()
    os._exit(0)  # Nothing is left to do, and freeing all that moto holds takes seconds.


def _follow_parent(server: BaseWSGIServer) -> None:
    """Stop with the parent: its end of standard input closes when it ends, however that is."""
    sys.stdin.buffer.read()
    server.shutdown()


def _stop(server: BaseWSGIServer) -> None:
    # Not here: ``shutdown`` waits for the loop that this handler interrupts.
    threading.Thread(target=server.shutdown, daemon=True).start()
