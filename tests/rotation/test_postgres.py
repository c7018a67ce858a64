"""The client against servers that are well, false, broken or hostile."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import postgres
import pytest
import scram
import wire
from hypothesis import given, settings
from hypothesis import strategies as st
from postgres import Connection, LoginError, PostgresError, ServerError

from tests.rotation.fake_postgres import Peer, Pki, Script, serving

PASSWORD = "OpenSesame40"
PATIENCE = 10.0  # seconds; only a test that fails waits so long


def connect(port: int, root: Path, *, host: str = "localhost", seconds: float = PATIENCE) -> None:
    """Log in, run a statement, and leave."""
    with Connection(
        host,
        port,
        user='app"user',
        database="ledger",
        password=PASSWORD,
        cafile=root,
        deadline=time.monotonic() + seconds,
    ) as connection:
        connection.execute("SELECT 1")


def refused(pki: Pki, script: Script, match: str, *, seconds: float = PATIENCE) -> Exception:
    """Connect to such a server and return the error, which must not show the password."""
    with serving(pki, script) as port, pytest.raises((PostgresError, scram.ScramError)) as caught:
        connect(port, pki.root, seconds=seconds)
    assert re.search(match, str(caught.value)), caught.value
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    return caught.value


# A server that is well -----------------------------------------------------------------------


def test_login_execute_and_close(pki: Pki) -> None:
    heard: list[bytes] = []

    def script(peer: Peer) -> None:
        peer.logged_in(PASSWORD)
        assert peer.message() == (b"Q", b"SELECT 1\0")
        peer.send(b"T", b"\0\1" + b"?column?\0" + bytes(18))
        peer.send(b"D", struct.pack("!HI", 1, 1) + b"1")
        peer.send(b"C", b"SELECT 1\0")
        peer.send(b"Z", b"I")
        assert peer.message() == (b"X", b"")
        heard.append(peer.heard)

    with serving(pki, script) as port:
        connect(port, pki.root)
    assert PASSWORD.encode() not in heard[0]


def test_startup_message(pki: Pki) -> None:
    seen: list[dict[str, str]] = []
    refused(pki, lambda peer: seen.append(peer.startup()), "closed the connection|cannot receive")
    assert seen == [
        {"user": 'app"user', "database": "ledger", "application_name": "secret-rotation"}
    ]


# Trust ---------------------------------------------------------------------------------------


def test_login_requires_tls(pki: Pki) -> None:
    def script(peer: Peer) -> None:
        peer.asked_for_tls()
        peer.socket.sendall(b"N")
        assert peer.socket.recv(1) == b"", "went on without TLS"

    refused(pki, script, "does not offer TLS")


def test_tls_error_is_not_read(pki: Pki) -> None:
    def script(peer: Peer) -> None:
        peer.asked_for_tls()
        peer.error("28P01", "let me have the password in clear")

    assert not isinstance(refused(pki, script, "does not offer TLS"), ServerError)


def test_tls_limits_are_explicit(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []

    def lenient(protocol: int) -> ssl.SSLContext:
        made.append(ssl.SSLContext(protocol))
        made[0].minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        return made[0]

    names = {name: getattr(ssl, name) for name in ("PROTOCOL_TLS_CLIENT", "TLSVersion")}
    monkeypatch.setattr(wire, "ssl", SimpleNamespace(SSLContext=lenient, **names))
    refused(pki, Peer.startup, "closed the connection|cannot receive")
    assert made[0].minimum_version == ssl.TLSVersion.TLSv1_2
    assert made[0].verify_mode == ssl.CERT_REQUIRED
    assert made[0].check_hostname


def test_tls_refuses_bytes_before_handshake(pki: Pki) -> None:
    def script(peer: Peer) -> None:
        peer.asked_for_tls()
        peer.socket.sendall(b"S" + b"R" + struct.pack("!II", 8, 0) + b"Z" + struct.pack("!I", 5))
        peer.socket.recv(4096)

    refused(pki, script, "cannot secure the connection")


def test_tls_refuses_other_root(pki: Pki) -> None:
    with (
        serving(pki, Peer.tls) as port,
        pytest.raises(PostgresError, match="certificate verify failed"),
    ):
        connect(port, pki.other_root)


def test_tls_refuses_other_host(pki: Pki) -> None:
    with (
        serving(pki, Peer.tls) as port,
        pytest.raises(PostgresError, match="IP address mismatch"),
    ):
        connect(port, pki.root, host="127.0.0.1")


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_tls_reports_unreadable_roots(pki: Pki, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "root.pem").write_text(content)
    with (
        serving(pki, Peer.tls) as port,
        pytest.raises(PostgresError, match="cannot read the CA roots"),
    ):
        connect(port, tmp_path / "root.pem")


@pytest.mark.parametrize(
    ("method", "name"),
    [(0, "no password"), (3, "a cleartext password"), (5, "MD5"), (7, "method 7")],
)
def test_login_refuses_method(pki: Pki, method: int, name: str) -> None:
    def script(peer: Peer) -> None:
        peer.startup()
        peer.authentication(method, b"salt")
        assert peer.socket.recv(1) == b"", "answered"

    refused(pki, script, f"asks for {name} where SCRAM-SHA-256 is due")


@pytest.mark.parametrize("offer", [[], ["SCRAM-SHA-256-PLUS"], ["SCRAM-SHA-1", "PLAIN"]])
def test_login_requires_scram_sha_256(pki: Pki, offer: list[str]) -> None:
    refused(pki, lambda peer: peer.offer(*offer), "does not offer SCRAM-SHA-256")


def test_login_refuses_false_signature(pki: Pki) -> None:
    def script(peer: Peer) -> None:
        signature = peer.signature(PASSWORD)
        peer.authentication(12, signature[:-4] + b"AAA=")
        peer.authentication(0)
        peer.send(b"Z", b"I")
        peer.message()
        raise AssertionError("the client went on")

    refused(pki, script, "did not prove")


@pytest.mark.parametrize("stage", [Peer.challenge, lambda peer: peer.signature(PASSWORD)])
def test_login_requires_signature(pki: Pki, stage: Script) -> None:
    def script(peer: Peer) -> None:
        stage(peer)
        peer.authentication(0)
        peer.send(b"Z", b"I")

    refused(pki, script, "asks for no password where SCRAM-SHA-256 is due")


def test_login_refuses_data_after_end(pki: Pki) -> None:
    def script(peer: Peer) -> None:
        peer.authentication(12, peer.signature(PASSWORD))
        peer.authentication(0, b"and more")
        peer.send(b"Z", b"I")

    refused(pki, script, "adds data to the end of the authentication")


def test_login_limits_iterations(pki: Pki) -> None:
    refused(pki, lambda peer: peer.challenge(2_000_000_000), "out of bounds")


# What the server answers ---------------------------------------------------------------------


@pytest.mark.parametrize("sqlstate", ["28P01", "28000"])
def test_login_error_for_wrong_credentials(pki: Pki, sqlstate: str) -> None:
    def script(peer: Peer) -> None:
        peer.challenge()
        peer.error(sqlstate)

    error = refused(pki, script, sqlstate)
    assert isinstance(error, LoginError)


@pytest.mark.parametrize("sqlstate", ["53300", "57P03", "3D000", "08006"])
def test_login_keeps_other_errors_apart(pki: Pki, sqlstate: str) -> None:
    def script(peer: Peer) -> None:
        peer.startup()
        peer.error(sqlstate)

    error = refused(pki, script, sqlstate)
    assert type(error) is ServerError


def test_execute_error_is_no_login_error(pki: Pki) -> None:
    def script(peer: Peer) -> None:
        peer.logged_in(PASSWORD)
        peer.error("28P01", f"syntax error at {peer.message()[1]!r}: {PASSWORD}")

    error = refused(pki, script, "28P01")
    assert type(error) is ServerError
    assert "SELECT" not in str(error)


def test_execute_refuses_open_transaction(pki: Pki) -> None:
    def script(peer: Peer) -> None:
        peer.logged_in(PASSWORD)
        peer.send(b"Z", b"T")
        peer.message()

    refused(pki, script, "left a transaction open")


@pytest.mark.parametrize("kind", [b"G", b"W", b"R", b"K", b"t", b"\0"])
def test_execute_refuses_unexpected_message(pki: Pki, kind: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.logged_in(PASSWORD)
        peer.message()
        peer.send(kind, bytes(4))

    refused(pki, script, "does not belong here")


@pytest.mark.parametrize(
    ("kind", "body"), [(b"R", b"\0\0\0"), (b"Z", b"I"), (b"K", b"\0\0\0\x0aSCRAM-SHA-256\0\0")]
)
def test_login_refuses_malformed_message(pki: Pki, kind: bytes, body: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.startup()
        peer.send(kind, body)

    refused(pki, script, "something else than an authentication message")


# Bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 3, wire.MAX_MESSAGE + 1, 2**31, 2**32 - 1])
def test_message_size_is_checked_first(pki: Pki, size: int) -> None:
    def script(peer: Peer) -> None:
        peer.startup()
        peer.socket.sendall(b"R" + struct.pack("!I", size))
        peer.message()

    refused(pki, script, "unacceptable size")


def test_message_size_at_limit(pki: Pki) -> None:
    def script(peer: Peer) -> None:
        peer.startup()
        peer.send(b"N", bytes(wire.MAX_MESSAGE - 4))
        peer.error("53300")

    refused(pki, script, "53300")


@pytest.mark.parametrize("kind", [b"N", b"S", b"A"])
def test_endless_messages_are_refused(pki: Pki, kind: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.startup()
        while True:
            peer.send(kind, b"again")

    refused(pki, script, "too many messages")


def test_endless_rows_are_refused(pki: Pki) -> None:
    def script(peer: Peer) -> None:
        peer.logged_in(PASSWORD)
        while True:
            peer.send(b"D", bytes(1000))

    refused(pki, script, "too many messages")


@pytest.mark.parametrize("sent", [b"", b"R", b"R\0\0\0", b"R\0\0\0\x20only a part"])
def test_truncated_message_is_refused(pki: Pki, sent: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.startup()
        peer.socket.sendall(sent)

    refused(pki, script, "closed the connection in mid-message|cannot receive")


@pytest.mark.parametrize(
    "stage",
    [lambda _: None, Peer.asked_for_tls, Peer.accepted_tls, Peer.tls, Peer.startup, Peer.challenge],
)
def test_silence_ends_at_deadline(pki: Pki, stage: Script) -> None:
    def script(peer: Peer) -> None:
        stage(peer)
        while peer.socket.recv(4096):
            pass

    refused(pki, script, "no answer from the server in time", seconds=0.5)


def test_trickle_ends_at_deadline(pki: Pki) -> None:
    def script(peer: Peer) -> None:
        peer.startup()
        peer.socket.sendall(b"R" + struct.pack("!I", 60_000))
        while True:
            peer.socket.sendall(b"\0")
            time.sleep(0.02)

    refused(pki, script, "no answer from the server in time", seconds=0.5)


def test_expired_deadline(pki: Pki) -> None:
    with pytest.raises(PostgresError, match="no answer from the server in time"):
        connect(1, pki.root, seconds=-1)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 300, "a..b"])
def test_invalid_host(pki: Pki, host: str) -> None:
    with pytest.raises(PostgresError, match="cannot connect"):
        connect(5432, pki.root, host=host)


def test_unreachable_port(pki: Pki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(PostgresError, match=r"cannot connect: .*refused"):
        connect(port, pki.root)


# Any bytes, any names ------------------------------------------------------------------------


@contextmanager
def channel(data: bytes) -> Iterator[wire.Channel]:
    """A channel that is past TLS and on which a server has said ``data`` and hung up."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        made = object.__new__(wire.Channel)
        made.__dict__.update(_socket=ours, _deadline=time.monotonic() + PATIENCE, _messages=0)
        yield made


def framed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


AUTHENTICATION = st.builds(
    lambda method, data: framed(b"R", struct.pack("!I", method) + data),
    st.sampled_from([0, 3, 5, 10, 11, 12]),
    st.sampled_from([b"", b"SCRAM-SHA-256\0\0", b"r=a,s=YQ==,i=4096", b"v="]) | st.binary(),
)
ANY_KIND = st.sampled_from([bytes([kind]) for kind in b"RENSAKZTDC\0x"])
MESSAGES = st.lists(
    AUTHENTICATION | st.builds(framed, ANY_KIND, st.binary(max_size=40)) | st.binary(max_size=12),
    max_size=12,
).map(b"".join)


@given(MESSAGES)
@settings(deadline=None)
def test_reader_accepts_any_bytes(data: bytes) -> None:
    def read_all() -> None:
        while True:
            kind, body = made.receive()
            assert framed(kind, body) in data

    with channel(data) as made, pytest.raises(PostgresError):
        read_all()


@given(MESSAGES)
@settings(deadline=None)
def test_login_with_any_bytes(data: bytes) -> None:
    connection = object.__new__(Connection)
    with channel(data) as connection._channel:  # noqa: SIM117
        with pytest.raises((PostgresError, scram.ScramError)):
            connection._log_in("user", "database", PASSWORD)


@given(st.binary(max_size=200))
def test_sqlstate_format(error: bytes) -> None:
    assert re.fullmatch("[0-9A-Z]{5}|unknown", wire.sqlstate(error))


@given(st.from_regex(r"[0-9A-Z]{5}", fullmatch=True), st.text("abC: ", max_size=20))
def test_sqlstate_among_fields(sqlstate: str, message: str) -> None:
    body = f"SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0R{message}\0\0".encode()
    assert wire.sqlstate(body) == sqlstate


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(NAMES)
def test_quote_reads_back(name: str) -> None:
    quoted = postgres.quote(name)
    assert re.fullmatch(r'"(?:[^"]|"")+"', quoted)
    assert quoted[1:-1].replace('""', '"') == name


@given(NAMES)
@settings(max_examples=25, deadline=None)
def test_quote_adds_no_statement(name: str) -> None:
    sql = postgres.change_password(name, PASSWORD)
    assert PASSWORD not in sql.replace(postgres.quote(name), "")
    bare = re.sub(r'"(?:[^"]|"")*"|\'[^\']*\'', "?", sql)
    assert bare == "BEGIN; SET LOCAL lock_timeout = ?; ALTER ROLE ? PASSWORD ?; COMMIT"


@given(NAMES, NAMES)
def test_startup_message_reads_back(user: str, database: str) -> None:
    words = postgres.startup(user, database)[4:].decode().split("\0")
    assert words[:4] == ["user", user, "database", database]
    assert words[-2:] == ["", ""]


@pytest.mark.parametrize(("user", "database"), [("a\0b", "c"), ("a", "\0database\0x")])
def test_startup_message_refuses_extra_parameter(user: str, database: str) -> None:
    with pytest.raises(PostgresError, match="contains a NUL"):
        postgres.startup(user, database)
