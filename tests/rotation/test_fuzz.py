"""Whatever a server says, the client ends: with a login that it was proved, or with its own error.

The server here is a genuine one whose messages are changed on the way: dropped, doubled, replaced,
bent, cut, repeated without end, in pieces of any size. There is no thread and no real time in it.
"""

from __future__ import annotations

import hmac
import itertools
import os
import struct
import tracemalloc
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace

import pytest
import scram
import wire
from hypothesis import example, given, seed, settings
from hypothesis import strategies as st
from postgres import Connection, PostgresError

PASSWORD = "OpenSesame40"
SALT = b"salt of a server"
SECONDS = 55.0
MOST = wire.MAX_MESSAGES * (wire.MAX_MESSAGE + 1)  # bytes that a server can have us read
SEED = int(os.environ.get("SOAK_SEED", "20261125"))

Edit = Callable[[bytes], Iterator[bytes]]


def framed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


# The changes: each takes a message and says what comes in its place ---------------------------


def kept(message: bytes) -> Iterator[bytes]:
    yield message


def dropped(_: bytes) -> Iterator[bytes]:
    yield b""


def doubled(message: bytes) -> Iterator[bytes]:
    yield message + message


def repeated(message: bytes) -> Iterator[bytes]:
    return itertools.repeat(message)


def flooded(kind: bytes, size: int) -> Edit:
    return lambda _: itertools.repeat(framed(kind, bytes(size)))


def preceded(by: bytes) -> Edit:
    return lambda message: iter([by + message])


def replaced(by: bytes) -> Edit:
    return lambda _: iter([by])


def bent(place: int, mask: int) -> Edit:
    def edit(message: bytes) -> Iterator[bytes]:
        at = place % len(message)
        yield message[:at] + bytes([message[at] ^ mask]) + message[at + 1 :]

    return edit


def resized(size: int) -> Edit:
    return lambda message: iter([message[:1] + struct.pack("!I", size) + message[5:]])


class HungUpError(Exception):
    """The server ends the connection here."""


def cut(place: int) -> Edit:
    def edit(message: bytes) -> Iterator[bytes]:
        yield message[: place % len(message)]
        raise HungUpError

    return edit


KINDS = st.sampled_from([bytes([kind]) for kind in b"RENSAKZTDCGW\0p"])
MESSAGES = st.builds(framed, KINDS, st.binary(max_size=60)) | st.binary(max_size=20)
EDITS = (
    st.sampled_from([kept, dropped, doubled, repeated])
    | st.builds(flooded, KINDS, st.sampled_from([0, 4, 1000]))
    | st.builds(preceded, MESSAGES)
    | st.builds(replaced, MESSAGES)
    | st.builds(bent, st.integers(0, 200), st.integers(1, 255))
    | st.builds(resized, st.integers(0, 300) | st.integers(0, 2**32 - 1))
    | st.builds(cut, st.integers(0, 200))
)
# The server's messages are ten; nine in ten stay as they are.
PLANS = st.dictionaries(st.integers(0, 9), EDITS, max_size=3)


# The server ----------------------------------------------------------------------------------


@cache
def keys() -> tuple[bytes, bytes]:
    stored, server = scram.verifier(PASSWORD, SALT).split("$")[2].split(":")
    return b64decode(stored), b64decode(server)


@dataclass
class Server:
    """The socket of a connection to it. Its time passes with every call.

    ``said`` has the genuine messages, whatever has become of them on the way.
    """

    plan: dict[int, Edit]
    piece: int = 65536
    now: float = 0.0
    read: int = 0
    heard: bytes = b""
    said: list[bytes] = field(default_factory=list)
    _first: bytes = b""
    _challenge: bytes = b""
    _outgoing: list[Iterator[bytes]] = field(default_factory=list)
    _ready: bytes = b""
    _over: bool = False

    def settimeout(self, seconds: float) -> None:
        assert 0 < seconds <= SECONDS

    def close(self) -> None:
        self._over = True

    def sendall(self, data: bytes) -> None:
        self.now += 0.001
        self.heard += data
        for message in self._answer(data):
            self._outgoing.append(self.plan.get(len(self.said), kept)(message))
            self.said.append(message)

    def recv(self, size: int) -> bytes:
        assert 0 < size <= wire.MAX_MESSAGE
        self.now += 0.001
        while not self._ready and self._outgoing and not self._over:
            try:
                self._ready = next(self._outgoing[0])
            except StopIteration:
                del self._outgoing[0]
            except HungUpError:
                self._over = True
        if not self._ready:
            if self._over:
                return b""
            self.now += SECONDS  # both wait for the other
            raise TimeoutError
        size = min(size, self.piece)
        part, self._ready = self._ready[:size], self._ready[size:]
        self.read += len(part)
        return part

    def _answer(self, data: bytes) -> Iterator[bytes]:
        if data[4:8] == struct.pack("!I", 3 << 16):
            yield framed(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
        elif b"\0" in data[5:] and data[:1] == b"p" and not self._first:
            self._first = data.partition(b"n,,")[2]
            nonce = self._first.partition(b"r=")[2] + b"more"
            self._challenge = b"r=%b,s=%b,i=4096" % (nonce, b64encode(SALT))
            yield framed(b"R", struct.pack("!I", 11) + self._challenge)
        elif data[:1] == b"p":
            unproven = data[5:].rpartition(b",p=")[0]
            transcript = b",".join((self._first, self._challenge, unproven))
            signature = b64encode(hmac.digest(keys()[1], transcript, "sha256"))
            yield framed(b"R", struct.pack("!I", 12) + b"v=" + signature)
            yield framed(b"R", struct.pack("!I", 0))
            yield framed(b"S", b"server_version\x0015\0")
            yield framed(b"K", bytes(8))
            yield framed(b"Z", b"I")
        elif data[:1] == b"Q":
            yield framed(b"N", b"SNOTICE\0C00000\0\0")
            yield framed(b"C", b"SELECT 1\0")
            yield framed(b"Z", b"I")


def converse(server: Server, monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, bytes]]:
    """Log in and run a statement; returns the messages that have let the client in."""
    taken: list[tuple[bytes, bytes]] = []

    class Channel(wire.Channel):
        def __init__(self) -> None:
            self._socket = server  # type: ignore[assignment]
            self._deadline, self._messages = SECONDS, 0

        def receive(self) -> tuple[bytes, bytes]:
            message = super().receive()
            if message[0] in b"RZ":
                taken.append(message)
            return message

    monkeypatch.setattr(wire, "time", SimpleNamespace(monotonic=lambda: server.now))
    connection = object.__new__(Connection)
    connection._channel = Channel()
    connection._log_in("user", "database", PASSWORD)
    connection.execute("SELECT 1")
    return taken


def attempt(plan: dict[int, Edit], piece: int) -> str:
    """Converse with such a server, and check all that must be true of the outcome."""
    server = Server(plan, piece)
    with pytest.MonkeyPatch.context() as monkeypatch:
        try:
            taken = converse(server, monkeypatch)
        except (PostgresError, scram.ScramError) as error:
            outcome, told = "refused", str(error)
        else:
            outcome, told = "logged in", ""
            # The challenge and the signature are the genuine server's, byte for byte, and what
            # comes after its proof is a bare OK.
            proved = [body for kind, body in taken if kind == b"R"]
            genuine = [message[5:] for message in server.said if message[:1] == b"R"]
            assert proved[1:3] == genuine[1:3]
            assert proved[3:] == [bytes(4)]
            assert [body for kind, body in taken if kind == b"Z"] == [b"I", b"I"]
    assert PASSWORD not in told
    assert server.read <= MOST
    assert server.now <= SECONDS * 2
    assert PASSWORD.encode() not in server.heard
    return outcome


@given(PLANS, st.integers(1, 400))
@settings(max_examples=500)
def test_login_with_changed_messages(plan: dict[int, Edit], piece: int) -> None:
    attempt(plan, piece)


@pytest.mark.soak
def test_login_with_many_changed_messages(
    record_property: Callable[[str, object], None],
) -> None:
    outcomes: Counter[str] = Counter()

    @seed(SEED)
    @given(PLANS, st.integers(1, 400))
    @settings(max_examples=20_000, derandomize=False, database=None)
    def run(plan: dict[int, Edit], piece: int) -> None:
        outcomes[attempt(plan, piece)] += 1

    run()
    assert min(outcomes["refused"], outcomes["logged in"]) > 1000
    for outcome, count in sorted(outcomes.items()):
        record_property("seen", f"{count} {outcome}")


@pytest.mark.parametrize("piece", [1, 7, 65536])
def test_login_with_messages_in_pieces(piece: int) -> None:
    assert attempt({}, piece) == "logged in"


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("edit", [dropped, doubled, repeated, bent(6, 1), bent(8, 128), cut(7)])
def test_login_requires_unchanged_proof(number: int, edit: Edit) -> None:
    assert attempt({number: edit}, 65536) == "refused"


@pytest.mark.parametrize("number", range(10))
def test_login_ignores_notices(number: int) -> None:
    notice = framed(b"N", b"SNOTICE\0\0") + framed(b"S", b"a\0b\0") + framed(b"A", bytes(8))
    assert attempt({number: preceded(notice)}, 65536) == "logged in"


# Bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [b"N", b"S", b"A", b"D", b"T"])
@pytest.mark.parametrize("number", [0, 5, 9])
def test_login_limits_memory_and_time(kind: bytes, number: int) -> None:
    keys()
    tracemalloc.start()
    try:
        assert attempt({number: flooded(kind, wire.MAX_MESSAGE - 4)}, 65536) == "refused"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A few messages' worth, among them the server's own, of the 32 MB that it may send.
    assert peak < 10 * wire.MAX_MESSAGE


def test_login_trickle_ends_at_deadline() -> None:
    """A byte for every read: neither the size nor the number of messages stops this one."""
    server = Server({0: flooded(b"N", wire.MAX_MESSAGE - 4)}, piece=1)
    with pytest.MonkeyPatch.context() as monkeypatch:  # noqa: SIM117
        with pytest.raises(PostgresError, match="no answer from the server in time"):
            converse(server, monkeypatch)
    assert server.now < SECONDS + 1
    assert server.read < 100_000


@given(st.binary(max_size=80) | st.from_regex(rb"r=[!-~]{0,30},s=[A-Za-z0-9+/=]{0,30},i=\d{0,12}"))
def test_any_challenge(challenge: bytes) -> None:
    exchange = scram.Exchange(PASSWORD, nonce="abc")
    with pytest.raises(scram.ScramError):
        exchange.final(challenge.replace(b"r=abc", b"r=ab"))


@given(st.binary(max_size=60))
@example(b"v=")
def test_any_outcome(outcome: bytes) -> None:
    exchange = scram.Exchange(PASSWORD, nonce="abc")
    with pytest.raises(scram.ScramError):
        exchange.verify(outcome)  # before anything was proved
    exchange._server_signature = bytes(32)
    if outcome != b"v=" + b64encode(bytes(32)):
        with pytest.raises(scram.ScramError):
            exchange.verify(outcome)
