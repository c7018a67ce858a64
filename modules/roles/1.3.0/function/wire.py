"""Messages of the PostgreSQL protocol over TLS: always encrypted, verified and bounded.

Everything that the server can make us do has a limit: the size of a message, the number of
messages on a connection, and one deadline for all of it. What the server says in its errors
is not kept, for it may quote a statement: an error carries the SQLSTATE, the log has the rest.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MAX_MESSAGE = 64 * 1024  # bytes; a login and an ALTER ROLE need a few hundred
MAX_MESSAGES = 500  # on one connection; a login takes about 20
CONNECT_TIMEOUT = 5.0  # seconds

_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_SQLSTATE = re.compile(rb"C([0-9A-Z]{5})")


class PostgresError(Exception):
    """The server cannot be reached, trusted or understood."""


class ServerError(PostgresError):
    """The server answered with an error; ``sqlstate`` is its five-character code."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"the server answered SQLSTATE {sqlstate}; its log has the reason")
        self.sqlstate = sqlstate


class Channel:
    """One TLS connection to ``host``, whose certificate a root in ``cafile`` must vouch for.

    ``deadline`` is a value of ``time.monotonic()`` that ends all sending and receiving. Only
    the name look-up is not under it: the resolver has its own limits. Every failure is a
    ``PostgresError``.
    """

    def __init__(self, host: str, port: int, *, cafile: Path, deadline: float) -> None:
        self._deadline = deadline
        self._messages = 0
        with _translated("cannot connect"):
            self._socket = socket.create_connection(
                (host, port), timeout=min(CONNECT_TIMEOUT, self._remaining())
            )
        try:
            self._secure(host, cafile)
        except BaseException:
            self.close()
            raise

    def _secure(self, host: str, cafile: Path) -> None:
        """Turn the plain connection into a verified TLS connection, or raise."""
        # This protocol constant stands for CERT_REQUIRED and check_hostname, on every Python
        # alike, and no root is trusted but those of the file.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with _translated("cannot read the CA roots"):
            context.load_verify_locations(cafile=cafile)
        self._send(_SSL_REQUEST)
        if self._receive(1) != b"S":
            raise PostgresError("the server does not offer TLS")
        with _translated("cannot secure the connection"):
            self._socket.settimeout(self._remaining())
            self._socket = context.wrap_socket(self._socket, server_hostname=host)

    def send(self, kind: bytes, body: bytes) -> None:
        """Send one message; the startup message is the one without a ``kind``."""
        self._send(kind + struct.pack("!I", len(body) + 4) + body)

    def receive(self) -> tuple[bytes, bytes]:
        """Return kind and body of the next answer; ``ServerError`` if that is an error."""
        while True:
            self._messages += 1
            if self._messages > MAX_MESSAGES:
                raise PostgresError("the server sends too many messages")
            kind, size = struct.unpack("!cI", self._receive(5))
            if not 4 <= size <= MAX_MESSAGE:
                raise PostgresError("the server sends a message of an unacceptable size")
            body = self._receive(size - 4)
            if kind == b"E":
                raise ServerError(sqlstate(body))
            if kind not in (b"N", b"S", b"A"):  # notice, parameter, notification: at any time
                return kind, body

    def close(self) -> None:
        """Close the socket; never raises."""
        with suppress(OSError):
            self._socket.close()

    def _send(self, data: bytes) -> None:
        with _translated("cannot send"):
            self._socket.settimeout(self._remaining())
            self._socket.sendall(data)

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            with _translated("cannot receive"):
                self._socket.settimeout(self._remaining())
                part = self._socket.recv(size - len(data))
            if not part:
                raise PostgresError("the server closed the connection in mid-message")
            data += part
        return data

    def _remaining(self) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        return remaining


def sqlstate(error: bytes) -> str:
    """Return the SQLSTATE in the body of an ErrorResponse, ``unknown`` if it has none."""
    for field in error.split(b"\0"):
        if match := _SQLSTATE.fullmatch(field):
            return match[1].decode()
    return "unknown"


@contextmanager
def _translated(failure: str) -> Iterator[None]:
    """Raise what sockets and TLS raise as ``PostgresError``."""
    try:
        yield
    except TimeoutError:
        raise PostgresError(f"{failure}: no answer from the server in time") from None
    except (OSError, ValueError) as error:  # ValueError: a host that cannot be a host name
        raise PostgresError(f"{failure}: {error}") from error
