"""A function from its zip: what it sees, what becomes of its errors, and that it always ends."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finbase.render.archive import pack
from finbase.sandbox import function
from finbase.sandbox.client import Endpoint
from finbase.sandbox.function import LOG, Database, FunctionError

HOST = "ledger.abc.eu-west-1.rds.amazonaws.com"
ENDPOINT = Endpoint("http://127.0.0.1:9", "LOCALKEY")


@pytest.fixture(autouse=True)
def none_waits() -> Iterator[None]:
    """End the processes that wait for another event."""
    yield
    function.close()


@pytest.fixture
def database(tmp_path: Path) -> Database:
    root = tmp_path / "root.pem"
    root.write_text("the local root\n")
    return Database(port=5432, local_port=15432, root_certificate=root)


def run(
    body: str,
    folder: Path,
    *,
    timeout: float = 60,
    files: dict[str, bytes] | None = None,
    **more: Any,
) -> object:
    source = f"import json, os, socket, sys, time\ndef handler(event, context):\n    {body}\n"
    options: dict[str, Any] = {"event": {}, "databases": {}, "environment": {}, **more}
    return function.run(
        pack({"code.py": source.encode(), **(files or {})}),
        handler="code.handler",
        endpoint=ENDPOINT,
        region="eu-west-1",
        folder=folder,
        timeout=timeout,
        **options,
    )


def test_run_returns_result(tmp_path: Path) -> None:
    assert run("return {'got': event}", tmp_path, event={"a": [1]}) == {"got": {"a": [1]}}


def test_run_uses_a_process_again_until_its_deployment_changes(
    tmp_path: Path, database: Database
) -> None:
    """Lambda keeps an execution environment, and takes a new one for other code or variables."""
    body = "return [os.getpid(), event, context.aws_request_id]"
    seen: Any = [run(body, tmp_path, event=number) for number in (1, 2)]
    first = seen[0][0]
    assert [event for _, event, _ in seen] == [1, 2]
    assert {process for process, _, _ in seen} == {first}
    assert len({request for _, _, request in seen}) == 2
    changes: list[dict[str, Any]] = [
        {"environment": {"OWN": "1"}},
        {"files": {"more.txt": b"more"}},
        {"databases": {HOST: database}},
    ]
    others = [run("return os.getpid()", tmp_path, **change) for change in changes]
    assert len({first, *others}) == 4
    assert sum(Path("/proc", str(number)).exists() for number in (first, *others)) == 1
    function.close()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_run_limits_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "not the function's")
    monkeypatch.setenv("AWS_PROFILE", "not the function's")
    seen = run("return dict(os.environ)", tmp_path, environment={"OWN": "1"})
    assert isinstance(seen, dict)
    assert seen["OWN"] == "1"
    assert seen["AWS_REGION"] == "eu-west-1"
    assert seen["AWS_ENDPOINT_URL"] == ENDPOINT.url
    assert seen["AWS_ACCESS_KEY_ID"] == ENDPOINT.key
    assert not {"MINE", "AWS_PROFILE", "PYTHONPATH"} & set(seen)


def test_run_resolves_database_host(tmp_path: Path, database: Database) -> None:
    body = f"return socket.getaddrinfo({HOST.upper()!r}, 5432, type=socket.SOCK_STREAM)[0][4]"
    assert run(body, tmp_path, databases={HOST: database}) == ["127.0.0.1", 15432]


@pytest.mark.parametrize("asked", [(HOST, 5433), ("example.com", 443), ("10.0.0.1", 5432)])
def test_run_reaches_no_other_host(
    tmp_path: Path, database: Database, asked: tuple[str, int]
) -> None:
    with pytest.raises(FunctionError, match="functions in the local AWS cannot reach") as caught:
        run(f"socket.create_connection({asked!r})", tmp_path, databases={HOST: database})
    assert caught.value.kind == "gaierror"


def test_run_replaces_regional_roots_only(tmp_path: Path, database: Database) -> None:
    files = {"ca/eu-west-1.pem": b"Amazon's", "ca/eu-west-2.pem": b"Amazon's", "more.txt": b"more"}
    body = (
        "return {path: open(path).read() for path in "
        "('ca/eu-west-1.pem', 'ca/eu-west-2.pem', 'more.txt')}"
    )
    assert run(body, tmp_path, files=files, databases={HOST: database}) == {
        "ca/eu-west-1.pem": "the local root\n",
        "ca/eu-west-2.pem": "Amazon's",
        "more.txt": "more",
    }


def test_run_reports_and_logs_errors(tmp_path: Path) -> None:
    with pytest.raises(FunctionError, match="ValueError: no good") as caught:
        run("print('said'); raise ValueError('no good')", tmp_path)
    assert caught.value.kind == "ValueError"
    log = (tmp_path / LOG).read_text()
    assert "said" in log
    assert "Traceback" in log


def test_run_reports_exit(tmp_path: Path) -> None:
    with pytest.raises(FunctionError, match="exited without a result"):
        run("os._exit(0)", tmp_path)


def test_run_reports_invalid_zip(tmp_path: Path) -> None:
    with pytest.raises(FunctionError, match="InvalidZip"):
        function.run(
            b"no zip",
            handler="code.handler",
            environment={},
            event={},
            databases={},
            endpoint=ENDPOINT,
            region="eu-west-1",
            folder=tmp_path,
            timeout=5,
        )


def test_run_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "_START_AND_EXIT", 1.0)
    with pytest.raises(FunctionError, match="did not finish within 2 seconds"):
        run("time.sleep(1000)", tmp_path, timeout=1)
    assert [path.name for path in tmp_path.iterdir()] == [LOG]


def test_run_passes_remaining_time(tmp_path: Path) -> None:
    left = run("return context.get_remaining_time_in_millis()", tmp_path, timeout=42)
    assert isinstance(left, int)
    assert 30_000 < left <= 42_000


def test_run_ends_with_killed_caller(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "import test_function\n"
        "test_function.run(sys.argv[3], pathlib.Path(sys.argv[4]))"
    )
    started = tmp_path / "started"
    body = f"open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
    root = Path(__file__).resolve().parents[2] / "generator"
    caller = subprocess.Popen(
        [sys.executable, "-c", script, root, Path(__file__).parent, body, tmp_path]
    )
    end = time.monotonic() + 60
    while not (started.is_file() and started.read_text()) and time.monotonic() < end:
        time.sleep(0.05)
    process = Path("/proc", started.read_text())
    assert process.exists()
    caller.kill()
    caller.wait()
    while process.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not process.exists()
