"""The proxy that shortens the schemas of a running provider."""

from __future__ import annotations

import json
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from finbase.terraform.schema_proxy import keep_types, mentioned_types, shortened

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, WINDOW_UPDATE = 0, 1, 3, 8
REQUEST = bytes(5)
WINDOW = 65_535
Frame = tuple[int, int, int, bytes]


def varint(number: int) -> bytes:
    if number < 0x80:
        return bytes([number])
    return bytes([number & 0x7F | 0x80]) + varint(number >> 7)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def entry(number: int, name: bytes, content: bytes = b"schema") -> bytes:
    return field(number, field(1, name) + field(2, content))


def test_keep_types_removes_other_types_alone() -> None:
    provider, function = field(1, b"\x0aaws_vpc"), entry(7, b"arn_parse")
    vpc, region = entry(2, b"aws_vpc", b"x" * 300), entry(3, b"aws_region")
    number = varint(9 << 3) + varint(5000)
    other = entry(2, b"aws_vpcs") + entry(8, b"aws_secret", b"y" * 99_999)
    message = provider + vpc + other + number + region + function
    assert keep_types(message, {b"aws_vpc", b"aws_region"}) == (
        provider + vpc + number + region + function
    )


@pytest.mark.parametrize("message", [b"\x0d1234", b"\x80", b"\x0a"])
def test_keep_types_refuses_an_unknown_form(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"wire type 5|ends within a number"):
        keep_types(message, ())


def test_mentioned_types_finds_words_of_any_syntax() -> None:
    texts = [b'{"resource": {"aws_vpc": {}}}', b"my_aws_no.x ephemeral.aws_a2_b[0]"]
    assert mentioned_types(iter(texts)) == {b"aws_vpc", b"aws_a2_b"}


class End:
    """One end of a connection that speaks HTTP/2 frames."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        self._connection, self._stream = connection, connection.makefile("rb")

    def read(self) -> Frame:
        header = self._stream.read(9)
        assert len(header) == 9, "the other end closed the connection"
        kind, flags, number = struct.unpack(">BBI", header[3:])
        return kind, flags, number, self._stream.read(int.from_bytes(header[:3]))

    def read_preface(self) -> None:
        assert self._stream.read(len(PREFACE)) == PREFACE

    def send(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        self._connection.sendall(
            len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, number) + payload
        )

    def send_preface(self) -> None:
        self._connection.sendall(PREFACE)

    def close(self) -> None:
        self._stream.close()
        self._connection.close()


class Provider:
    """Answers each request with ``schemas``, and notes the frames that arrive."""

    def __init__(self, address: str, schemas: bytes) -> None:
        self._frames: list[Frame] = []
        self._followers: list[threading.Thread] = []
        self._answer = b"\0" + len(schemas).to_bytes(4) + schemas
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def frames(self) -> list[Frame]:
        """All frames of the connections, which have ended."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for follower in self._followers:
            follower.join(20)
        return self._frames

    def _serve(self) -> None:
        with self._listener, suppress(OSError):
            while True:
                end = End(self._listener.accept()[0])
                end.read_preface()
                follower = threading.Thread(target=self._follow, args=[end], daemon=True)
                self._followers.append(follower)
                follower.start()

    def _follow(self, end: End) -> None:
        with suppress(AssertionError, OSError):
            self._answer_all(end)
        end.close()

    def _answer_all(self, end: End) -> None:
        while True:
            kind, flags, number, payload = end.read()
            self._frames.append((kind, flags, number, payload))
            if kind == RESET:  # As the real provider does if its handler runs first.
                end.send(HEADERS, 5, number, b"cancelled")
            if kind == DATA:
                end.send(HEADERS, 4, number, b"provider's headers")
                for at in range(0, len(self._answer), 10_000):
                    end.send(DATA, 0, number, self._answer[at : at + 10_000])
                end.send(HEADERS, 5, number, b"provider's trailers")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="f-") as name:
        yield Path(name)


def reattach(folder: Path) -> str:
    address = {"Network": "unix", "String": str(folder / "plugin")}
    return json.dumps({"registry/aws": {"Pid": 1, "Addr": address}})


def ask(value: str, headers: bytes = b"headers") -> tuple[bytes, list[bytes]]:
    """Ask for the schemas with a window for each read; return the message and all headers."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(json.loads(value)["registry/aws"]["Addr"]["String"])
    end = End(connection)
    end.send_preface()
    end.send(HEADERS, 4, 1, headers)
    end.send(DATA, 1, 1, REQUEST)
    message, received, accepted = b"", list[bytes](), WINDOW
    while len(received) < 2:
        kind, _, number, payload = end.read()
        assert number == 1
        if kind == HEADERS:
            received.append(payload)
            continue
        message += payload
        assert len(message) <= accepted, "more than the window"
        if len(message) == accepted:
            for stream in (1, 0):
                end.send(WINDOW_UPDATE, 0, stream, (50_000).to_bytes(4))
            accepted += 50_000
    end.close()
    return message, received


SHORT = entry(2, b"aws_vpc", b"x" * 200_000)
SCHEMAS = SHORT + entry(2, b"aws_other", b"y" * 2_000_000)


def test_proxy_shortens_the_schemas_and_keeps_the_windows(folder: Path) -> None:
    provider = Provider(str(folder / "plugin"), SCHEMAS)
    with shortened(reattach(folder), {b"aws_vpc"}, {}) as value:
        message, headers = ask(value)
    assert message == b"\0" + len(SHORT).to_bytes(4) + SHORT
    assert headers == [b"provider's headers", b"provider's trailers"]
    # The provider may send what does not reach Terraform, and nothing more on the connection.
    connection = [f[3] for f in provider.frames() if f[0] == WINDOW_UPDATE and f[2] == 0]
    assert connection == [(5 + len(SCHEMAS)).to_bytes(4)]
    assert [path.name for path in folder.iterdir()] == ["plugin"]


def test_proxy_answers_an_equal_request_itself(folder: Path) -> None:
    provider = Provider(str(folder / "plugin"), SCHEMAS)
    answers: dict[bytes, bytes] = {}
    for types in ({b"aws_vpc"}, {b"aws_vpc"}, {b"aws_other"}):
        with shortened(reattach(folder), types, answers) as value:
            message, headers = ask(value)
        assert keep_types(message[5:], types) == keep_types(SCHEMAS, types)
    assert headers[0].endswith(b"application/grpc")
    assert headers[1].endswith(b"grpc-status\x010")
    sent = [(kind, payload) for kind, _, _, payload in provider.frames() if kind != WINDOW_UPDATE]
    # A reset would let the provider answer "cancelled" before the proxy answers.
    assert sent == [(HEADERS, b"headers"), (DATA, REQUEST), *[(HEADERS, b"headers")] * 2]


def test_proxy_passes_another_request_to_the_provider(folder: Path) -> None:
    provider = Provider(str(folder / "plugin"), SCHEMAS)
    answers: dict[bytes, bytes] = {}
    for headers in (b"headers", b"others"):
        with shortened(reattach(folder), {b"aws_vpc"}, answers) as value:
            ask(value, headers)
    assert [frame[0] for frame in provider.frames()].count(DATA) == 2


def test_proxy_passes_small_answers_unchanged(folder: Path) -> None:
    small = entry(2, b"aws_other", b"y" * 30_000)
    provider = Provider(str(folder / "plugin"), small)
    answers: dict[bytes, bytes] = {}
    with shortened(reattach(folder), {b"aws_vpc"}, answers) as value:
        assert ask(value)[0] == b"\0" + len(small).to_bytes(4) + small
    assert answers == {}
    assert [frame[0] for frame in provider.frames()] == [HEADERS, DATA]


def test_proxy_closes_the_connection_without_a_provider(folder: Path) -> None:
    with (
        shortened(reattach(folder), (), {}) as value,
        pytest.raises((AssertionError, OSError), match=r"closed the connection|Broken pipe|reset"),
    ):
        ask(value)
