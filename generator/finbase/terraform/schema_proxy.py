"""A proxy between Terraform and a running AWS provider that shortens the provider's schema.

Each Terraform command requests the schemas of all types of the provider, and decoding them takes
most of the processor time of a small plan. The proxy passes every HTTP/2 frame on unchanged, except
for the answer with the schemas: it removes those of the types that the plan does not mention.

The provider also takes long to make that answer, and it is always the same, so the proxy keeps it
and answers the next command itself. It recognises the request by its bytes: header compression
depends only on the earlier headers of a connection, so equal headers from the start of a connection
mean an equal request. The proxy therefore decodes no headers. It does count the windows of HTTP/2
flow control, because Terraform receives less than the provider sends.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

_TYPE = re.compile(rb"\baws_[a-z0-9_]+")
_PREFACE = 24  # "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _WINDOW_UPDATE, _CONTINUATION = 0, 1, 3, 4, 8, 9
_END_STREAM, _END_HEADERS = 0x1, 0x4
_PADDED = 0x8
_INITIAL_WINDOW_SIZE = 4
_WINDOW = 65_535  # The window of a new connection and, until a setting changes it, of a stream.
_FRAME = 16_384  # Every receiver accepts frames of this size.
_LARGE = 1_000_000  # Only the schemas of all types are a longer message.
_EMPTY = bytes(5)  # The request for schemas has no fields.
# Literals without an index do not change the state of Terraform's header decompression.
_ANSWER_HEADERS = b"\x88\x0f\x10\x10application/grpc"  # :status: 200, content-type.
_ANSWER_TRAILERS = b"\x00\x0bgrpc-status\x010"


def mentioned_types(texts: Iterator[bytes]) -> frozenset[bytes]:
    """Return every word of the texts that may be a type of the AWS provider.

    >>> sorted(mentioned_types(iter([b'resource "aws_vpc" "this" {', b"data.aws_region.this"])))
    [b'aws_region', b'aws_vpc']
    """
    return frozenset(word for text in texts for word in _TYPE.findall(text))


def keep_types(message: bytes, types: Collection[bytes]) -> bytes:
    """Return a message of the provider protocol without the map entries of other AWS types.

    Raises ``ValueError`` for a field of a kind that the protocol does not use.
    """
    kept: list[bytes] = []
    position = 0
    while position < len(message):
        start = position
        tag, position = _varint(message, position)
        value, position = _varint(message, position)
        if tag & 7 == 2:  # The value is the length of the field.
            name = _key(message[position : position + min(value, 200)])
            position += value
            if name.startswith(b"aws_") and name not in types:
                continue
        elif tag & 7:
            raise ValueError(f"field {tag >> 3} has the unexpected wire type {tag & 7}")
        kept.append(message[start:position])
    return b"".join(kept)


def _key(entry: bytes) -> bytes:
    """Return the key of an entry of a map with texts as keys, or an empty text."""
    if entry[:1] != b"\n":  # Field 1, a text.
        return b""
    length, start = _varint(entry, 1)
    return entry[start : start + length]


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """Return a number of variable length, and the position behind it."""
    number = shift = 0
    while True:
        if position >= len(message):
            raise ValueError("the message ends within a number")
        byte = message[position]
        number |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return number, position


class SchemaProxy:
    """Listens at ``address`` while the block lasts, and connects each caller to ``provider``.

    Both are Unix sockets. ``types`` are the types whose schemas stay. ``answers`` keeps the
    schemas of this provider program, by the request.
    """

    def __init__(
        self, address: Path, provider: str, types: Collection[bytes], answers: dict[bytes, bytes]
    ) -> None:
        self.address = address
        self._provider, self._types, self._answers = provider, types, answers
        self._listener = socket.socket(socket.AF_UNIX)
        self._connections: list[_Connection] = []

    def __enter__(self) -> SchemaProxy:
        self._listener.bind(str(self.address))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            connection.close()
        self.address.unlink(missing_ok=True)

    def _accept(self) -> None:
        with suppress(OSError):  # The listener is closed at the end of the block.
            while True:
                terraform, _ = self._listener.accept()
                provider = socket.socket(socket.AF_UNIX)
                connection = _Connection(terraform, provider, self._types, self._answers)
                self._connections.append(connection)
                try:
                    provider.connect(self._provider)
                except OSError:
                    connection.close()  # Terraform reports it.
                    continue
                connection.start()


@contextmanager
def shortened(
    reattach: str, types: Collection[bytes], answers: dict[bytes, bytes]
) -> Iterator[str]:
    """Yield a ``TF_REATTACH_PROVIDERS`` that leads through a proxy to the same provider."""
    ((source, connection),) = json.loads(reattach).items()
    provider = connection["Addr"]["String"]
    with SchemaProxy(Path(provider).with_name("short"), provider, types, answers) as proxy:
        address = {**connection["Addr"], "String": str(proxy.address)}
        yield json.dumps({source: {**connection, "Addr": address}})


class _Connection:
    """One connection of Terraform, with a thread for each direction."""

    def __init__(
        self,
        terraform: socket.socket,
        provider: socket.socket,
        types: Collection[bytes],
        answers: dict[bytes, bytes],
    ) -> None:
        self._terraform, self._provider = terraform, provider
        self._types, self._answers = types, answers
        self._to_provider, self._to_terraform = threading.Lock(), threading.Lock()
        self._headers = b""  # All headers that Terraform has sent.
        self._changed = threading.Condition()  # Guards all that follows.
        self._closed = False
        self._initial = _WINDOW
        self._window = _WINDOW  # What Terraform accepts on the whole connection.
        self._granted: dict[int, int] = {}  # What it accepts on a stream beyond ``_initial``.
        self._reset: set[int] = set()
        self._requests: dict[int, bytes] = {}  # The bytes of each request without fields.
        # Terraform also credits the data of a shortened answer, which the provider did not send.
        self._withheld = 0

    def start(self) -> None:
        """Pass frames on, in both directions."""
        self._start(self._pass_requests)
        self._start(self._pass_answers)

    def _start(self, work: Callable[[], None]) -> None:
        def until_the_end() -> None:
            try:
                work()
            except (OSError, EOFError):  # One of the ends closed the connection.
                self.close()
            except BaseException:
                self.close()
                raise

        threading.Thread(target=until_the_end, daemon=True).start()

    def close(self) -> None:
        """Close both ends, which ends the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for end in (self._terraform, self._provider):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pass_requests(self) -> None:
        """Pass frames of Terraform on, and note how much it accepts."""
        with self._terraform.makefile("rb") as stream:
            self._send(_exactly(stream, _PREFACE))
            for kind, flags, number, payload in _frames(stream):
                if kind in (_HEADERS, _CONTINUATION):
                    self._headers += _frame(kind, flags, number, payload)
                if (kind, flags, payload) == (_DATA, _END_STREAM, _EMPTY):
                    request = self._headers + number.to_bytes(4)
                    if message := self._answers.get(request):
                        # The provider has the headers, which its decompression needs, and waits for
                        # the data until the connection ends. After a reset its handler may answer
                        # "cancelled", which Terraform would take for the answer.
                        self._start(partial(self._answer, number, message))
                        continue
                    with self._changed:
                        self._requests[number] = request
                with self._changed:
                    passed = self._note(kind, number, payload)
                    self._changed.notify_all()
                if passed is not None:
                    self._send(_frame(kind, flags, number, passed))

    def _pass_answers(self) -> None:
        """Pass frames of the provider on, and shorten the answer with the schemas."""
        collected: dict[int, bytearray] = {}
        started: set[int] = set()
        with self._provider.makefile("rb") as stream:
            for kind, flags, number, payload in _frames(stream):
                if kind == _DATA and number not in started:
                    started.add(number)
                    if size := _schemas(flags, payload):
                        collected[number] = bytearray()
                        self._credit(number, size)
                if number not in collected or kind != _DATA:
                    if kind == _DATA:
                        with self._changed:
                            self._window -= len(payload)
                    self._reply(_frame(kind, flags, number, payload))
                    continue
                message = collected[number]
                message += payload
                if len(message) == 5 + int.from_bytes(message[1:5]):
                    del collected[number]
                    schemas = bytes(message[5:])
                    self._send_schemas(number, schemas)
                    if request := self._requests.get(number):
                        self._answers[request] = schemas

    def _note(self, kind: int, number: int, payload: bytes) -> bytes | None:
        """Note what a frame of Terraform changes; return what to pass on of it, or None."""
        if kind == _SETTINGS:
            for key, value in struct.iter_unpack(">HI", payload):
                if key == _INITIAL_WINDOW_SIZE:
                    self._initial = value
        elif kind == _RESET:
            self._reset.add(number)
        elif kind == _WINDOW_UPDATE and number:
            self._granted[number] = self._granted.get(number, 0) + int.from_bytes(payload)
        elif kind == _WINDOW_UPDATE:
            size = int.from_bytes(payload)
            self._window += size
            withheld = min(size, self._withheld)
            self._withheld -= withheld
            return (size - withheld).to_bytes(4) if size > withheld else None
        return payload

    def _credit(self, number: int, size: int) -> None:
        """Let the provider send a whole message, which does not reach Terraform."""
        update = size.to_bytes(4)
        self._send(_frame(_WINDOW_UPDATE, 0, number, update) + _frame(_WINDOW_UPDATE, 0, 0, update))

    def _answer(self, number: int, schemas: bytes) -> None:
        """Answer a request for schemas instead of the provider."""
        self._reply(_frame(_HEADERS, _END_HEADERS, number, _ANSWER_HEADERS))
        self._send_schemas(number, schemas)
        self._reply(_frame(_HEADERS, _END_HEADERS | _END_STREAM, number, _ANSWER_TRAILERS))

    def _send_schemas(self, number: int, schemas: bytes) -> None:
        """Send the schemas of the mentioned types as fast as Terraform accepts data."""
        short = keep_types(schemas, self._types)
        message = struct.pack(">BI", 0, len(short)) + short
        sent = 0
        while sent < len(message):
            with self._changed:
                while True:
                    if self._closed or number in self._reset:
                        return
                    granted = self._initial + self._granted.get(number, 0) - sent
                    if (room := min(granted, self._window, _FRAME)) > 0:
                        break
                    self._changed.wait()
                part = message[sent : sent + room]
                self._window -= len(part)
                self._withheld += len(part)
            self._reply(_frame(_DATA, 0, number, part))
            sent += len(part)

    def _reply(self, data: bytes) -> None:
        with self._to_terraform:
            self._terraform.sendall(data)

    def _send(self, data: bytes) -> None:
        with self._to_provider:
            self._provider.sendall(data)


def _schemas(flags: int, payload: bytes) -> int:
    """Return the size of an answer with schemas, of which ``payload`` is the first part, or 0."""
    if flags & _PADDED or len(payload) < 5 or payload[0]:  # Padded, split or compressed.
        return 0
    size = 5 + int.from_bytes(payload[1:5])
    return size if size > _LARGE else 0


def _frames(stream: BinaryIO) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield the type, flags, stream number and payload of each HTTP/2 frame."""
    while True:
        header = _exactly(stream, 9)
        kind, flags, number = struct.unpack(">BBI", header[3:])
        yield kind, flags, number, _exactly(stream, int.from_bytes(header[:3]))


def _frame(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, number) + payload


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
