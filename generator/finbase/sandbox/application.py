"""The web application of the local AWS: moto with corrected services, one call at a time.

It creates and runs functions, so it answers only requests that ``access`` allows.

moto's own server answers 500 to an unsupported call, which AWS clients retry for minutes. This
one answers 400 with a clear message. It logs each call.
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

from finbase.sandbox import function
from finbase.sandbox.access import Access, new_key
from finbase.sandbox.calls import CALLS
from finbase.sandbox.client import Endpoint
from finbase.sandbox.postgres.databases import Databases
from finbase.sandbox.refusals import refuse
from finbase.sandbox.rotation import Rotations
from finbase.sandbox.services import awslambda, ec2, elasticache, kms, logs, rds, secretsmanager
from finbase.sandbox.services.backends import answer_faster

_UNORDERED = frozenset({"Invoke"})
"""Operations that wait for other calls, so they must not hold the lock."""

_call: ContextVar[dict[str, str]] = ContextVar("call")
_order = threading.RLock()  # moto's backends are not thread-safe.
_plain_call = BaseResponse.call_action


class SandboxState:
    """The databases and rotations of one server, which its services share."""

    def __init__(self, folder: Path, endpoint: Endpoint) -> None:
        self.folder, self.endpoint = folder, endpoint
        self.databases = Databases(folder)
        self.rotations = Rotations(endpoint, _order)

    def describe(self, path: str) -> object:
        """Do what one of our own routes does; return its content, or None if it is unknown."""
        routes: dict[str, Callable[[], object]] = {
            "/sandbox/databases": self.databases.describe,
            "/sandbox/rotations": self.rotations.describe,
            "/sandbox/maintenance": self._maintain,
        }
        return routes[path]() if path in routes else None

    @staticmethod
    def _maintain() -> object:
        with _order:
            return rds.maintain()


class NotHereError(ServiceException):
    """The local AWS does not support an operation, or failed in it."""

    code = "NotInLocalAWS"


def install(state: SandboxState, project: Path | None) -> None:
    """Install every corrected service; call this before the first request."""
    answer_faster()
    awslambda.install(state.folder, state.endpoint, state.databases.reachable)
    ec2.install()
    elasticache.install()
    kms.install()
    logs.install()
    rds.install(state.databases)
    secretsmanager.install(state.rotations)
    refuse.install(project)
    BaseResponse.call_action = _call_action  # type: ignore[method-assign]


def _call_action(self: BaseResponse) -> Any:
    """Run a call with the lock held, unless AWS would refuse it.

    The answer to a refused call, and to one that fails inside, has the status 400.
    """
    operation = self._get_action() or "?"
    _call.get({}).update(service=self.boto3_service_name or "?", operation=operation)
    problem: ServiceException | None
    try:
        if operation in _UNORDERED:
            return _plain_call(self)
        with _order:
            problem = refuse.reason(self, operation)
            if problem is None:
                return _plain_call(self)
    except NotImplementedError as error:
        problem = NotHereError(f"the local AWS does not support {operation}: {error}")
    except Exception as error:
        traceback.print_exc()
        problem = NotHereError(f"the local AWS failed in {operation}: {error!r}")
    status, headers, body = self.serialized(ActionResult(problem))
    return max(int(status), 400), headers, body


class Application:
    """moto with a log, and with own routes below ``/sandbox/``."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._access = Access(state.endpoint)
        self._moto = DomainDispatcherApplication(_create_app)
        self._log = (state.folder / CALLS).open("a", encoding="utf-8")
        self._writing = threading.Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        if problem := self._access.problem(environ):
            return _refuse(problem, start_response)
        path = environ.get("PATH_INFO", "")
        if path.startswith("/sandbox/"):
            return self._own_route(path, start_response)
        call, status, start_time = dict[str, str](), ["500"], time.perf_counter()
        token = _call.set(call)

        def start(line: str, *rest: Any) -> Any:
            status[0] = line.partition(" ")[0]
            return start_response(line, *rest)

        try:
            body: Iterable[bytes] = self._moto(environ, start)
            return body
        except Exception as error:  # moto failed before it called an operation.
            traceback.print_exc()
            start("400 Bad Request", [("Content-Type", "text/plain")])
            return [f"the local AWS failed: {error!r}".encode()]
        finally:
            _call.reset(token)
            self._log_call(call, int(status[0]), time.perf_counter() - start_time)

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def _own_route(self, path: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
        content = self._state.describe(path)
        body = json.dumps(content).encode()
        status = "404 Not Found" if content is None else "200 OK"
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]

    def _log_call(self, call: dict[str, str], status: int, seconds: float) -> None:
        line = {
            "service": call.get("service", "?"),
            "operation": call.get("operation", "?"),
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }
        with self._writing:
            self._log.write(json.dumps(line) + "\n")
            self._log.flush()


def _create_app(service: Any) -> Any:
    """Create moto's application of a service, but none for moto's own administration."""
    if service == "moto_api":
        return lambda _, start_response: _refuse("no such route", start_response, "404 Not Found")
    return create_backend_app(service)


def _refuse(
    problem: str, start_response: Callable[..., Any], status: str = "403 Forbidden"
) -> Iterable[bytes]:
    """Answer in the form of AWS's errors, without a header that lets a page read the answer."""
    body = (
        "<ErrorResponse><Error><Code>InvalidClientTokenId</Code>"
        f"<Message>{problem}</Message></Error></ErrorResponse>"
    ).encode()
    # The body of a refused request is not read, and must not be taken for another request.
    headers = [("Content-Type", "text/xml"), ("Connection", "close")]
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: the application has its own log."""


def serve(folder: Path, listener: socket.socket, project: Path | None) -> NoReturn:
    """Serve until end of standard input or SIGTERM; then stop all databases and exit.

    Print a line of JSON with the ``port`` and the ``key`` once the server accepts calls.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    # moto warns of errors that are not in AWS's model of a service.
    warnings.filterwarnings("ignore", r"Exception.(NotHereError|Refusal)", UserWarning)
    host, port = listener.getsockname()
    endpoint = Endpoint(f"http://{host}:{port}", new_key())
    state = SandboxState(folder, endpoint)
    install(state, project)
    application = Application(state)
    server = make_server(
        host, port, application, threaded=True, request_handler=_Handler, fd=listener.fileno()
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent receives it too, and stops us.
    signal.signal(signal.SIGTERM, lambda *_: _stop(server))
    threading.Thread(target=_stop_with_parent, args=(server,), daemon=True).start()
    print(json.dumps({"port": port, "key": endpoint.key}), flush=True)
    try:
        server.serve_forever(poll_interval=0.05)
    finally:
        server.server_close()
        function.close()
        state.databases.close()
        application.close()
    sys.stderr.flush()
    os._exit(0)  # An orderly exit would spend seconds on freeing moto's data.


def _stop_with_parent(server: BaseWSGIServer) -> None:
    """Stop when the parent ends, even by SIGKILL: that closes its end of standard input."""
    sys.stdin.buffer.read()
    server.shutdown()


def _stop(server: BaseWSGIServer) -> None:
    # In a thread, because ``shutdown`` waits for the loop that this signal handler interrupts.
    threading.Thread(target=server.shutdown, daemon=True).start()
