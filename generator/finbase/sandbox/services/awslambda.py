"""Make moto's Lambda run functions in processes instead of containers.

Docstrings name the operation in the API Reference of AWS Lambda that describes the behaviour.
"""

from __future__ import annotations

import base64
import json
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from moto.awslambda import models

from finbase.sandbox.client import Endpoint
from finbase.sandbox.function import LOG, Database, FunctionError, run
from finbase.sandbox.services.backends import replace_backend

_LOG_TAIL = 4096
"""Bytes of the log that Invoke returns."""


def install(
    folder: Path, endpoint: Endpoint, databases: Callable[[], Mapping[str, Database]]
) -> None:
    """Replace moto's backend; call this before the first request.

    The functions' logs go to ``folder``. ``databases`` returns the databases that functions can
    reach.
    """
    Backend.folder, Backend.endpoint = folder, endpoint
    Backend.databases = staticmethod(databases)
    replace_backend(models.lambda_backends, Backend)


class Backend(models.LambdaBackend):
    """Runs the zip that was uploaded."""

    __module__ = models.__name__  # moto finds the URLs of a service by its backend's module
    folder: Path
    endpoint: Endpoint
    databases: Callable[[], Mapping[str, Database]]

    def call(self, function_name: str, event: object, qualifier: str | None = None) -> object:
        """Run a function with an event and return its result; raises ``FunctionError``."""
        function = self.get_function(function_name, qualifier)
        folder = self.folder / f"function-{function.function_name}"
        folder.mkdir(exist_ok=True)
        return run(
            function.code_bytes,
            handler=str(function.handler),
            environment=function.environment_vars,
            event=event,
            databases=self.databases(),
            endpoint=self.endpoint,
            region=self.region_name,
            folder=folder,
            timeout=float(function.timeout),
        )

    def may_invoke(self, function_name: str, principal: str) -> bool:
        """Return whether a statement of the function's policy lets a service invoke it."""
        policy: Any = self.get_function(function_name, None).policy
        return any(
            statement["Effect"] == "Allow"
            and principal in str(statement["Principal"])
            and statement["Action"] in ("lambda:InvokeFunction", "lambda:*")
            for statement in policy.statements
        )

    def invoke(
        self,
        function_name: str,
        qualifier: str | None,
        body: Any,
        headers: Any,
        response_headers: Any,
    ) -> str | bytes | None:
        """Invoke: return an error of the function as a result; do not wait for an Event."""
        event = json.loads(body) if body else {}
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        function = self.get_function(function_name, qualifier)  # Raises if it does not exist.
        if kind == "DryRun":
            return b""
        if kind == "Event":
            call = (function_name, event, qualifier)
            threading.Thread(target=self._call_and_forget, args=call, daemon=True).start()
            return b""
        try:
            result = self.call(function_name, event, qualifier)
        except FunctionError as error:
            response_headers["x-amz-function-error"] = "Unhandled"
            result = {"errorMessage": error.text, "errorType": error.kind}
        if headers.get("X-Amz-Log-Type") == "Tail":
            log = self.folder / f"function-{function.function_name}" / LOG
            tail = log.read_bytes()[-_LOG_TAIL:] if log.is_file() else b""
            response_headers["x-amz-log-result"] = base64.b64encode(tail).decode()
        return json.dumps(result).encode()

    def _call_and_forget(self, function_name: str, event: object, qualifier: str | None) -> None:
        try:
            self.call(function_name, event, qualifier)
        except Exception:
            traceback.print_exc()


def backend_of(account_id: str, region: str) -> Backend:
    """Return the backend of an account and region."""
    backend = models.lambda_backends[account_id][region]
    assert isinstance(backend, Backend)  # noqa: S101
    return backend
