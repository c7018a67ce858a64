"""A server that says what a test wants it to say, with TLS, on a thread of its own."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import socket
import ssl
import struct
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import scram
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = Callable[["Peer"], object]

_ITERATIONS = 4096
_VALID = datetime.datetime(2000, 1, 1), datetime.datetime(2099, 1, 1)


@dataclass(frozen=True)
class Pki:
    """A root, a certificate of it for ``localhost``, and a root that has nothing to do with it.

    Beside the roots lie ``server.pem`` and ``elsewhere.pem``, with keys: the latter has the
    name of another host.
    """

    root: Path
    other_root: Path
    server: ssl.SSLContext


def make_pki(folder: Path) -> Pki:
    def certificate(
        name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
    ) -> bytes:
        is_root = name == issuer
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_VALID[0])
            .not_valid_after(_VALID[1])
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        )
        if not is_root:
            names = x509.SubjectAlternativeName([x509.DNSName(name)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root, other, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    (folder / "root.pem").write_bytes(certificate("root", root, "root", root))
    (folder / "other.pem").write_bytes(certificate("root", other, "root", other))
    key = leaf.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for name, host in (("server.pem", "localhost"), ("elsewhere.pem", "elsewhere.example")):
        (folder / name).write_bytes(certificate(host, leaf, "root", root) + key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    return Pki(folder / "root.pem", folder / "other.pem", server)


class Peer:
    """The server's end of a connection; ``heard`` is all that came in, decrypted."""

    def __init__(self, connection: socket.socket, pki: Pki) -> None:
        self.socket = connection
        self.heard = b""
        self._pki = pki

    def exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the client has hung up")
            data += part
        self.heard += data
        return data

    def message(self) -> tuple[bytes, bytes]:
        kind = self.exactly(1)
        return kind, self.exactly(int.from_bytes(self.exactly(4), "big") - 4)

    def send(self, kind: bytes, body: bytes = b"") -> None:
        self.socket.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def authentication(self, method: int, data: bytes = b"") -> None:
        self.send(b"R", struct.pack("!I", method) + data)

    def error(self, sqlstate: str, message: str = "") -> None:
        fields = ("SFATAL", f"C{sqlstate}", f"M{message}")
        self.send(b"E", b"".join(field.encode() + b"\0" for field in fields) + b"\0")

    # The stages of a login, each after the one before it --------------------------------------

    def asked_for_tls(self) -> None:
        assert self.exactly(8) == struct.pack("!II", 8, 80877103)

    def accepted_tls(self) -> None:
        self.asked_for_tls()
        self.socket.sendall(b"S")

    def tls(self) -> None:
        self.accepted_tls()
        self.socket = self._pki.server.wrap_socket(self.socket, server_side=True)

    def startup(self) -> dict[str, str]:
        self.tls()
        body = self.exactly(int.from_bytes(self.exactly(4), "big") - 4)
        assert body[:4] == struct.pack("!I", 3 << 16)
        words = body[4:].decode().split("\0")
        assert words[-2:] == ["", ""]
        return dict(zip(words[:-2:2], words[1:-2:2], strict=True))

    def offer(self, *mechanisms: str) -> None:
        self.startup()
        self.authentication(10, b"".join(m.encode() + b"\0" for m in mechanisms) + b"\0")

    def challenge(self, iterations: int = _ITERATIONS) -> tuple[bytes, bytes]:
        """Send the challenge; returns the client's first message, bare, and the challenge."""
        self.offer("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")
        kind, body = self.message()
        mechanism, rest = body.split(b"\0", 1)
        assert (kind, mechanism) == (b"p", b"SCRAM-SHA-256")
        bare = rest[4:].removeprefix(b"n,,")
        nonce = bare.rpartition(b"r=")[2] + b"server"
        challenge = b"r=%b,s=%b,i=%d" % (nonce, b64encode(b"salt of a server"), iterations)
        self.authentication(11, challenge)
        return bare, challenge

    def signature(self, password: str) -> bytes:
        """Check the proof and return the signature, from the verifier as a server would."""
        bare, challenge = self.challenge()
        keys = scram.verifier(password, b"salt of a server").split("$")[2].split(":")
        stored_key, server_key = map(b64decode, keys)
        unproven, proof = self.message()[1].rsplit(b",p=", 1)
        transcript = b",".join((bare, challenge, unproven))
        mask = hmac.digest(stored_key, transcript, "sha256")
        key = bytes(a ^ b for a, b in zip(b64decode(proof), mask, strict=True))
        if hashlib.sha256(key).digest() != stored_key:
            self.error("28P01", "password authentication failed")
            raise ConnectionError("refused")
        return b"v=" + b64encode(hmac.digest(server_key, transcript, "sha256"))

    def logged_in(self, password: str) -> None:
        self.authentication(12, self.signature(password))
        self.authentication(0)
        self.send(b"S", b"server_version\x0015\0")
        self.send(b"N", b"SNOTICE\0C00000\0\0")
        self.send(b"K", bytes(8))
        self.send(b"Z", b"I")


@contextmanager
def serving(pki: Pki, script: Script) -> Iterator[int]:
    """Play ``script`` to the first client; yields the port. A failed assertion in it is raised."""
    failures: list[BaseException] = []

    def serve() -> None:
        connection, _ = listener.accept()
        peer = Peer(connection, pki)
        try:
            connection.settimeout(20)
            script(peer)
        except TimeoutError as error:
            failures.append(error)
        except OSError:
            pass  # the client has hung up, which is what most of the tests want it to do
        except BaseException as error:
            failures.append(error)
        finally:
            peer.socket.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(20)
    assert not thread.is_alive()
    if failures:
        raise failures[0]
