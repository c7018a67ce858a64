"""Stands between the function and PostgreSQL: reads along, or breaks off."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.rotation.fake_postgres import Pki

_TLS_PLEASE = struct.pack("!II", 8, 80877103)

Handler = Callable[[socket.socket], None]


@contextmanager
def recording(pki: Pki, port: int) -> Iterator[tuple[int, list[bytes]]]:
    """Listen as the server would; yields the port and all that is said, decrypted."""
    heard: list[bytes] = []

    def handle(client: socket.socket) -> None:
        assert client.recv(8, socket.MSG_WAITALL) == _TLS_PLEASE
        client.sendall(b"S")
        with pki.server.wrap_socket(client, server_side=True) as inner, _to_server(pki, port) as to:
            _pump(inner, to, heard.append)

    with _accepting(handle) as ours:
        yield ours, heard


@dataclass
class Cut:
    """A way to the server that ends when it has said ``after`` bytes on a connection."""

    port: int
    after: int = 1 << 30


@contextmanager
def cutting(port: int) -> Iterator[Cut]:
    """Listen, and forward to the server what it and the client say, encrypted as it is."""

    def handle(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as to:
            _pump(client, to, lambda _: None, cut.after)

    with _accepting(handle) as ours:
        cut = Cut(ours)
        yield cut


@contextmanager
def _accepting(handle: Handler) -> Iterator[int]:
    """Handle connections one after the other until the block is left."""

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # the listener is closed
            with client, suppress(OSError):
                client.settimeout(10)
                handle(client)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(20)
    assert not thread.is_alive()


@contextmanager
def _to_server(pki: Pki, port: int) -> Iterator[socket.socket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pki.root)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(_TLS_PLEASE)
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            yield secure


def _pump(
    client: socket.socket,
    server: socket.socket,
    heard: Callable[[bytes], object],
    left: int = 1 << 30,
) -> None:
    """Carry bytes both ways until one side has had enough, or ``left`` bytes have come down."""

    def upwards() -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                heard(data)
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=upwards, daemon=True)
    thread.start()
    with suppress(OSError):
        while left > 0 and (data := server.recv(min(65536, left))):
            heard(data)
            client.sendall(data)
            left -= len(data)
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
    thread.join(10)
