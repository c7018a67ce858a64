"""The databases behind instances, where PostgreSQL is not installed or does not start."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from finbase.sandbox.postgres import find
from finbase.sandbox.postgres import server as servers
from finbase.sandbox.postgres.databases import Databases

HOST = "ledger.x.eu-west-1.rds.amazonaws.com"


def begin(databases: Databases) -> bool:
    """Start a database, and give what ``ready`` was told."""
    told: list[bool] = []
    done = threading.Event()

    def ready(well: bool) -> None:
        told.append(well)
        done.set()

    databases.start(
        HOST,
        identifier="ledger",
        port=5432,
        username="owner",
        database="ledger",
        password="the-first-of-two",
        ready=ready,
    )
    assert done.wait(60)
    return told[0]


def fail(*_: Any, **__: Any) -> None:
    raise find.PostgresError("not today")


def test_start_without_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(find, "find_postgres", fail)
    databases = Databases(tmp_path)
    assert begin(databases)
    assert "no database behind them: not today" in capfd.readouterr().err
    databases.set_password(HOST, "the-second-of-two")
    assert databases.contents(HOST) is None
    databases.rename(HOST, f"old-{HOST}", "old-ledger")
    databases.rename(HOST, f"other-{HOST}", "nobody")
    databases.set_password(HOST, "of nobody")
    assert list(databases.describe()) == [f"old-{HOST}"]
    described = databases.describe()[f"old-{HOST}"]
    assert (described["port"], described["password"]) == (None, "the-second-of-two")
    assert described["identifier"] == "old-ledger"
    assert databases.reachable() == {}
    databases.stop(f"old-{HOST}")
    assert databases.describe() == {}


def test_start_reports_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(servers, "start", fail)
    databases = Databases(tmp_path)
    assert not begin(databases)
    assert "PostgresError: not today" in capfd.readouterr().err
    assert databases.reachable() == {}
    assert list(tmp_path.iterdir()) == []
    databases.close()


def test_start_after_delete_stops_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance was deleted meanwhile."""
    deleted, stopped = threading.Event(), threading.Event()

    class Server:
        def stop(self) -> None:
            stopped.set()

    def start(*_: Any, **__: Any) -> Server:
        assert deleted.wait(60)
        return Server()

    monkeypatch.setattr(servers, "start", start)
    databases = Databases(tmp_path)
    told = threading.Thread(target=begin, args=(databases,))
    told.start()
    while HOST not in databases.describe():
        pass
    databases.stop(HOST)
    deleted.set()
    told.join(60)
    assert stopped.is_set()
    assert databases.reachable() == {}


def test_close_waits_for_started_threads_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(threading.Thread):
        """Lets somebody close the databases just before it starts, if the lock is free."""

        def start(self) -> None:
            if databases._lock.acquire(blocking=False):
                databases._lock.release()
                databases.close()
            super().start()

    databases = Databases(tmp_path)
    monkeypatch.setattr(servers, "start", fail)
    monkeypatch.setattr(threading, "Thread", Late)
    assert not begin(databases)
    databases.close()
    assert databases.describe() == {}
