"""What is refused before it reaches the database: a clear error, and no secret told."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
import wire

from finbase.sandbox.rotation_steps import event
from tests.roles.stage import FIRST, Stage
from tests.rotation.fake_postgres import Peer, Pki, Script, serving
from tests.rotation.real_postgres import Postgres
from tests.rotation.stage import FunctionError, Runtime, client_of
from tests.support.rotations import rotate

ACTIONS = pytest.mark.parametrize("action", ["apply", "check", "rotate"])


@pytest.fixture(scope="module")
def kept(server: Postgres, endpoint: str, function: str, runtime: Runtime) -> Iterator[Stage]:
    """One database for the tests of this file, which leave it empty."""
    stage = Stage(server, client_of("secretsmanager", endpoint), runtime, function)
    yield stage
    stage.close()


@pytest.fixture
def stage(kept: Stage) -> Stage:
    """The stage of the file, with secrets of its own for each test."""
    kept.add_secrets()
    kept.runtime.log = ""
    return kept


@ACTIONS
def test_unreachable_database(stage: Stage, action: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    stage.lead(port=port)
    error = stage.fail(action, "cannot connect: .*refused")
    assert error.kind == "PostgresError"


def test_silent_server_times_out_early(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stage.lead(port=silent.getsockname()[1])
        began = time.monotonic()
        stage.fail("apply", "no answer from the server in time", seconds=7)
    assert time.monotonic() - began < 6


@ACTIONS
def test_wrong_authority(stage: Stage, action: str) -> None:
    stage.fail(action, "certificate verify failed", region="xx-other-1")


def test_region_without_roots(stage: Stage) -> None:
    stage.fail("apply", "no CA roots for the region 'xx-nowhere-1'", region="xx-nowhere-1")


# Events and secrets ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"username": "ledger_admin"}, "names neither app_1 nor app_2"),
        ({"username": "reader_1"}, "names neither app_1 nor app_2"),
        ({"engine": "mysql"}, "'engine' in the current version of the secret is not"),
    ],
)
def test_current_version_must_be_of_the_role(
    stage: Stage, changes: dict[str, Any], says: str
) -> None:
    fields = stage.current("app") | changes
    stage.client.put_secret_value(SecretId=stage.secrets["app"], SecretString=json.dumps(fields))
    with pytest.raises(FunctionError, match=says):
        stage.rotate("app")
    stage.assert_silent()


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({}, 'neither "Step" nor the "action" apply or check'),
        ({"action": "drop"}, 'neither "Step" nor the "action" apply or check'),
        ({"Step": "createSecret"}, "no event of a rotation: 'SecretId' is missing"),
        (event("dropSecret", "arn:x", "token"), "'dropSecret' is no step of a rotation"),
        (event("createSecret", "arn:x", "token"), "belongs to no declared role"),
    ],
)
def test_other_events_are_refused(stage: Stage, order: dict[str, str], says: str) -> None:
    with pytest.raises(FunctionError, match=says):
        stage.invoke(order)


def test_connection_secret_is_not_rotated_here(stage: Stage) -> None:
    with pytest.raises(FunctionError, match="belongs to no declared role"):
        rotate(stage.client, stage.connection, stage.invoke)


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
        stage.lead(port=port)
        stage.fail("apply", match, seconds=12)
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
        stage.lead(port=port)
        stage.fail("apply", "did not prove that it knows the password")
