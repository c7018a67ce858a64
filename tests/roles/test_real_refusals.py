"""Where PostgreSQL is not as it should be: a clear error, nothing done, and no secret told."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any

import pytest

from tests.roles.stage import DATABASE, Stage
from tests.rotation.proxy import cutting
from tests.rotation.stage import FunctionError


def test_wrong_password_of_master(stage: Stage) -> None:
    stage.server.set_password(stage.master, "Other")
    stage.fail("apply", "the master user accepts the password of no version of the connection")


# Refused by the server -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "back", "says"),
    [
        (
            "ALTER ROLE ledger_admin NOCREATEROLE",
            "ALTER ROLE ledger_admin CREATEROLE",
            "cannot set up the role migrator: SQLSTATE 42501; the master user lacks a privilege",
        ),
        (
            f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on",
            f"ALTER DATABASE {DATABASE} RESET default_transaction_read_only",
            None,
        ),
        (
            f"ALTER DATABASE {DATABASE} OWNER TO postgres",
            f"ALTER DATABASE {DATABASE} OWNER TO ledger_admin",
            "cannot (create the extension .*|set up the schema app): SQLSTATE 42501",
        ),
        (
            f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false",
            f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true",
            "SQLSTATE 55000",
        ),
    ],
    ids=["no CREATEROLE", "read-only by default", "not the owner", "closed"],
)
def test_what_the_server_refuses(stage: Stage, sql: str, back: str, says: str | None) -> None:
    stage.server.query(sql)
    try:
        if says:
            stage.fail("apply", says)
        else:
            stage.apply()  # which asks for a transaction that writes
    finally:
        stage.server.query(back)
    assert stage.apply()["drift"] == []


def test_extension_that_is_not_there(stage: Stage) -> None:
    stage.extensions.append("rdkit")
    stage.fail(
        "apply",
        "cannot create the extension rdkit: SQLSTATE (0A000|58P01); the version of PostgreSQL",
    )
    assert "not created: extension rdkit" in stage.drift()
    stage.extensions.remove("rdkit")
    assert stage.apply()["drift"] == []


@contextmanager
def holding(stage: Stage, sql: str, credentials: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Hold a lock in a session of the superuser, or of a login."""
    who = credentials or {"username": None, "password": None}
    holder = subprocess.Popen(
        [stage.server.binaries / "psql", "-X", "-q"],
        env=stage.server._connection(who["username"], who["password"], DATABASE),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write(f"\\o /dev/null\nBEGIN; {sql};\n\\o\n\\echo held\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "held\n"
    try:
        yield
    finally:
        with suppress(BrokenPipeError):  # Its session was ended.
            holder.communicate("ROLLBACK;\n", timeout=30)


def test_locked_object_is_not_waited_for(stage: Stage) -> None:
    stage.apply()
    stage.query("ALTER ROLE app_1 CONNECTION LIMIT 3")
    with holding(stage, "ALTER ROLE app_1 VALID UNTIL '2030-01-01'"):
        stage.fail("apply", "cannot set up the role app: SQLSTATE 55P03; somebody else holds")
    assert stage.apply()["changed"] == ["set connection limit 20 of app_1"]


LOCK = int.from_bytes(b"fbroles", "big")


def test_two_runs_do_not_meet(stage: Stage) -> None:
    """The second waits until the first has ended."""
    began = time.monotonic()
    ended = (
        "SELECT pg_terminate_backend(pid) FROM pg_locks "
        f"WHERE granted AND objid = {LOCK & 0xFFFFFFFF}"
    )
    with holding(stage, f"SELECT pg_advisory_lock({LOCK})"):
        timer = Timer(3, stage.query, [ended])
        timer.start()
        assert stage.apply()["drift"] == []
        timer.join()
    assert time.monotonic() - began > 3


@pytest.mark.soak
def test_run_says_that_it_waited_for_another(stage: Stage) -> None:
    with holding(stage, f"SELECT pg_advisory_lock({LOCK})"):
        stage.fail("apply", "another run of this function, or another session of the master user")
    assert stage.apply()["drift"] == []


BLOCKS = {
    f"SELECT pg_advisory_lock({LOCK})": "held the lock of this function",
    "ALTER ROLE CURRENT_USER PASSWORD 'abc-def'": "was changing a role",
}


@pytest.mark.parametrize("sql", [*BLOCKS], ids=["lock", "own password"])
def test_role_cannot_block_the_function(shared: Stage, sql: str) -> None:
    """Its session is ended, and reported."""
    for action in ("apply", "rotate", "check"):
        held = shared.current("app")
        shared.rotate("app")  # Now it is the turn of the login that holds something.
        ended = f"ended a session of {held['username']}, which {BLOCKS[sql]}"
        shared.runtime.log = ""
        with holding(shared, f"SET statement_timeout = 0; {sql}", held):
            began = time.monotonic()
            if action == "rotate":
                shared.rotate("app")
            else:
                assert shared.invoke({"action": action})["drift"] == [ended]
            assert time.monotonic() - began < 20
        assert ended in shared.runtime.log
        assert shared.run_as(shared.current("app"), "SELECT 1")[0]


# Connections that break ----------------------------------------------------------------------


def cut_anywhere(stage: Stage, places: range) -> int:
    """Cut the connection of a set-up after so many bytes; the next one then heals."""
    failed = 0
    with cutting(stage.server.port) as cut:
        for cut.after in places:
            stage.lead(port=cut.port)
            try:
                stage.apply()
            except FunctionError as error:
                assert error.kind == "PostgresError"  # noqa: PT017
                failed += 1
    stage.lead()
    assert stage.apply()["drift"] == []
    stage.assert_silent()
    return failed


def test_broken_connection_heals(stage: Stage) -> None:
    assert cut_anywhere(stage, range(1000, 21_000, 4000)) >= 3


@pytest.mark.soak
def test_broken_connection_heals_sampled(
    stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    record_property("seen", f"{cut_anywhere(stage, range(100, 25_000, 331))} cuts")
