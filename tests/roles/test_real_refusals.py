"""Where PostgreSQL is not as it should be: a clear error, nothing done, and no secret told."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from threading import Timer
from typing import Any

import pytest
import wire

from tests.roles.stage import DATABASE, FIRST, Stage
from tests.rotation.fake_postgres import Peer, Pki, Script, serving
from tests.rotation.proxy import cutting
from tests.rotation.real_postgres import SUPERUSER_PASSWORD
from tests.rotation.stage import FunctionError

ACTIONS = pytest.mark.parametrize("action", ["apply", "check", "rotate"])


def fail(stage: Stage, action: str, match: str, **options: Any) -> FunctionError:
    """See an action fail as told, with nothing let out."""
    run: Callable[[], object] = partial(stage.invoke, {"action": action}, **options)
    if action == "rotate":
        run = partial(stage.rotate, "app", **options)
    with pytest.raises(FunctionError, match=match) as caught:
        run()
    stage.assert_silent(str(caught.value))
    assert FIRST not in str(caught.value)
    return caught.value


def lead(stage: Stage, **changes: object) -> None:
    """Let the connection secret name another server."""
    stage.client.put_secret_value(
        SecretId=stage.connection, SecretString=stage.text(stage.master, FIRST, **changes)
    )


@ACTIONS
def test_unreachable_database(stage: Stage, action: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    lead(stage, port=port)
    error = fail(stage, action, "cannot connect: .*refused")
    assert error.kind == "PostgresError"


def test_silent_server_times_out_early(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        lead(stage, port=silent.getsockname()[1])
        began = time.monotonic()
        fail(stage, "apply", "no answer from the server in time", seconds=7)
    assert time.monotonic() - began < 6


@ACTIONS
def test_wrong_authority(stage: Stage, action: str) -> None:
    fail(stage, action, "certificate verify failed", region="xx-other-1")


def test_region_without_roots(stage: Stage) -> None:
    fail(stage, "apply", "no CA roots for the region 'xx-nowhere-1'", region="xx-nowhere-1")


def test_wrong_password_of_master(stage: Stage) -> None:
    stage.server.set_password(stage.master, "Other")
    fail(stage, "apply", "the master user accepts the password of no version of the connection")


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
            fail(stage, "apply", says)
        else:
            stage.apply()  # which asks for a transaction that writes
    finally:
        stage.server.query(back)
    assert stage.apply()["drift"] == []


def test_extension_that_is_not_there(stage: Stage) -> None:
    stage.extensions.append("rdkit")
    fail(
        stage,
        "apply",
        "cannot create the extension rdkit: SQLSTATE (0A000|58P01); the version of PostgreSQL",
    )
    assert "not created: extension rdkit" in stage.drift()
    stage.extensions.remove("rdkit")
    assert stage.apply()["drift"] == []


@contextmanager
def holding(stage: Stage, sql: str, credentials: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Hold a lock in a session of the superuser, or of a login."""
    who = credentials or {"username": "postgres", "password": SUPERUSER_PASSWORD}
    holder = subprocess.Popen(
        [stage.server.binaries / "psql", "-X", "-q"],
        env={
            "PGHOST": "localhost",
            "PGPORT": str(stage.server.port),
            "PGUSER": who["username"],
            "PGPASSWORD": who["password"],
            "PGDATABASE": DATABASE,
        },
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
        fail(stage, "apply", "cannot set up the role app: SQLSTATE 55P03; somebody else holds")
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
        fail(stage, "apply", "another run of this function, or another session of the master user")
    assert stage.apply()["drift"] == []


BLOCKS = {
    f"SELECT pg_advisory_lock({LOCK})": "held the lock of this function",
    "ALTER ROLE CURRENT_USER PASSWORD 'abc-def'": "was changing a role",
}


@pytest.mark.parametrize("action", ["apply", "rotate", "check"])
@pytest.mark.parametrize("sql", [*BLOCKS], ids=["lock", "own password"])
def test_role_cannot_block_the_function(ready: Stage, action: str, sql: str) -> None:
    """Its session is ended, and reported."""
    held = ready.current("app")
    ready.rotate("app")  # Now it is the turn of the login that holds something.
    ready.runtime.log = ""
    with holding(ready, f"SET statement_timeout = 0; {sql}", held):
        began = time.monotonic()
        if action == "rotate":
            ready.rotate("app")
        else:
            drift = ready.invoke({"action": action})["drift"]
            assert drift == [f"ended a session of {held['username']}, which {BLOCKS[sql]}"]
        assert time.monotonic() - began < 20
    assert f"ended a session of {held['username']}, which {BLOCKS[sql]}" in ready.runtime.log
    assert ready.run_as(ready.current("app"), "SELECT 1")[0]


# Hostile servers -----------------------------------------------------------------------------


def says(*messages: tuple[bytes, bytes]) -> Script:
    """Log the client in with the right password, and answer its first statement so."""

    def script(peer: Peer) -> None:
        peer.logged_in(FIRST)
        peer.message()
        for kind, body in messages:
            peer.send(kind, body)
        peer.socket.recv(1)

    return script


def floods(peer: Peer) -> None:
    peer.logged_in(FIRST)
    peer.message()
    while True:
        peer.send(b"D", struct.pack("!HI", 1, 4) + b"row!")


def quotes(peer: Peer) -> None:
    """Answer each statement with an error that quotes it, as PostgreSQL's own do."""
    peer.logged_in(FIRST)
    _, sql = peer.message()
    peer.error("42601", f"syntax error in {sql!r} of the password {FIRST}")
    peer.socket.recv(1)


@pytest.mark.parametrize(
    ("script", "match"),
    [
        (says((b"D", b"")), "a row that cannot be read"),
        (says((b"D", struct.pack("!Hi", 1, 1000) + b"x")), "a row that cannot be read"),
        (says((b"D", struct.pack("!Hi", 1, -7))), "a row that cannot be read"),
        (says((b"D", struct.pack("!Hi", 1, 1) + b"xy")), "a row that cannot be read"),
        (says((b"D", struct.pack("!Hi", 1, 1) + b"\xff")), "a row that cannot be read"),
        (says((b"D", bytes(wire.MAX_MESSAGE))), "a message of an unacceptable size"),
        (says((b"G", b"\0\0\0")), "a message that does not belong here"),
        (says((b"R", b"\0\0\0\3")), "a message that does not belong here"),
        (
            says((b"C", b"SET\0"), (b"Z", b"I"), (b"Z", b"I")),
            "cannot receive|closed|another number",
        ),
        (floods, "too many messages"),
        (quotes, "SQLSTATE 42601"),
    ],
    ids=[
        *("empty row", "short row", "negative length", "long row", "not UTF-8", "oversized"),
        *("copy", "asks for the password", "answers unasked", "floods", "quotes"),
    ],
)
def test_hostile_server_learns_nothing(stage: Stage, pki: Pki, script: Script, match: str) -> None:
    heard: list[bytes] = []

    def recorded(peer: Peer) -> None:
        try:
            script(peer)
        finally:
            heard.append(peer.heard)

    with serving(pki, recorded) as port:
        lead(stage, port=port)
        fail(stage, "apply", match, seconds=12)
    assert heard
    assert not [password for password in stage.passwords() if password.encode() in heard[0]]


def test_server_that_does_not_know_the_password_is_refused(stage: Stage, pki: Pki) -> None:
    def lies(peer: Peer) -> None:
        peer.challenge()
        peer.message()
        peer.authentication(12, b"v=" + b"A" * 43 + b"=")
        peer.authentication(0)
        peer.send(b"Z", b"I")
        peer.socket.recv(1)

    with serving(pki, lies) as port:
        lead(stage, port=port)
        fail(stage, "apply", "did not prove that it knows the password")


# Connections that break ----------------------------------------------------------------------


def cut_anywhere(stage: Stage, places: range) -> int:
    """Cut the connection of a set-up after so many bytes; the next one then heals."""
    failed = 0
    with cutting(stage.server.port) as cut:
        for cut.after in places:
            lead(stage, port=cut.port)
            try:
                stage.apply()
            except FunctionError as error:
                assert error.kind == "PostgresError"  # noqa: PT017
                failed += 1
    lead(stage)
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
