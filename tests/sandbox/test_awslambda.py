"""The local Lambda really runs functions, which moto does not without containers.

"API" is the API Reference of AWS Lambda, at the operation that is named; "observed" is what users
of AWS report, and no page of it tells.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finbase.render.archive import pack

SOURCE = b"""
import os

def handler(event, context):
    print("got", event["n"])
    if event["n"] == 0:
        raise ZeroDivisionError("nought")
    if event["n"] == 7:
        open(os.environ["FILE"], "w").close()
    return {"twice": 2 * event["n"], "given": os.environ["GIVEN"]}
"""


@pytest.fixture(scope="module")
def awslambda(client: Callable[..., Any]) -> Any:
    return client("lambda")


@pytest.fixture(scope="module")
def mark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that the function makes for the number 7."""
    return tmp_path_factory.mktemp("function") / "made"


@pytest.fixture(scope="module")
def function(awslambda: Any, role: str, mark: Path) -> str:
    awslambda.create_function(
        FunctionName="doubles",
        Role=role,
        Runtime="python3.13",
        Handler="doubles.handler",
        Timeout=20,
        Environment={"Variables": {"GIVEN": "a", "FILE": str(mark)}},
        Code={"ZipFile": pack({"doubles.py": SOURCE})},
    )
    return "doubles"


def test_invoke_runs_in_own_environment(awslambda: Any, function: str) -> None:
    """API, Invoke, Payload: "The response from the function, or an error object"; LogResult: "The
    last 4 KB of the execution log", where LogType is "Tail"."""
    answer = awslambda.invoke(FunctionName=function, Payload=b'{"n": 4}', LogType="Tail")
    assert json.load(answer["Payload"]) == {"twice": 8, "given": "a"}
    assert "FunctionError" not in answer
    assert b"got 4" in base64.b64decode(answer["LogResult"])
    assert "LogResult" not in awslambda.invoke(FunctionName=function, Payload=b'{"n": 4}')


def test_invoke_returns_function_error(awslambda: Any, function: str) -> None:
    """API, Invoke: "The status code in the API response doesn't reflect function errors";
    FunctionError: "Details about the error are included in the response payload". Observed: the
    names in it, and "Unhandled"; AWS has the stack and the request's id in it as well."""
    answer = awslambda.invoke(FunctionName=function, Payload=b'{"n": 0}')
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    error = json.load(answer["Payload"])
    assert error == {"errorMessage": "nought", "errorType": "ZeroDivisionError"}


def test_invoke_event_returns_at_once(awslambda: Any, function: str, mark: Path) -> None:
    """API, Invoke, StatusCode: "For the Event invocation type, this status code is 202"."""
    answer = awslambda.invoke(FunctionName=function, Payload=b'{"n": 7}', InvocationType="Event")
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    end = time.monotonic() + 60
    while not mark.exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_invoke_unknown_function(awslambda: Any) -> None:
    """API, Invoke, errors: ResourceNotFoundException."""
    with pytest.raises(awslambda.exceptions.ResourceNotFoundException):
        awslambda.invoke(FunctionName="nobody", Payload=b"{}")
