"""SCRAM-SHA-256 (RFC 5802, RFC 7677): a login, and the verifier that PostgreSQL stores.

No SASLprep: a password is printable ASCII, which SASLprep leaves as it is. No channel binding:
the TLS connection below is verified, and the standard library cannot compute the binding.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode

MECHANISM = "SCRAM-SHA-256"

# PostgreSQL's own default. More would slow every login of the application and protect nothing:
# iterations make up for guessable passwords, and ours have 238 random bits.
ITERATIONS = 4096

# A login computes as many rounds as the server asks for; a hostile one must not keep us busy.
MAX_ITERATIONS = 1_000_000

_CHALLENGE = re.compile(r"r=([!-+\--~]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]{0,9})")


class ScramError(Exception):
    """The server breaks the protocol, or does not prove that it knows the password."""


class Exchange:
    """The client's side of one login: call ``first``, ``final`` and ``verify`` in this order."""

    def __init__(self, password: str, user: str = "", nonce: str | None = None) -> None:
        # PostgreSQL takes the user from the startup message and wants the name empty here.
        self._password = _ascii(password)
        self._nonce = nonce or secrets.token_urlsafe(24)
        self._first = f"n={user},r={self._nonce}"
        self._server_signature = b""

    def first(self) -> bytes:
        """Return the client's opening."""
        return f"n,,{self._first}".encode()

    def final(self, challenge: bytes) -> bytes:
        """Return the proof for the server's challenge; ``ScramError`` if that is unacceptable."""
        nonce, salt, iterations = _parse(challenge, self._nonce)
        client_key, stored_key, server_key = _keys(self._password, salt, iterations)
        unproven = f"c=biws,r={nonce}"
        transcript = b",".join((self._first.encode(), challenge, unproven.encode()))
        signature = _hmac(stored_key, transcript)
        proof = bytes(key ^ mask for key, mask in zip(client_key, signature, strict=True))
        self._server_signature = _hmac(server_key, transcript)
        return f"{unproven},p={_text(proof)}".encode()

    def verify(self, outcome: bytes) -> None:
        """Return only if the server has proved that it knows the password's verifier."""
        expected = f"v={_text(self._server_signature)}".encode()
        if not self._server_signature or not hmac.compare_digest(outcome, expected):
            raise ScramError("the server did not prove that it knows the password")


def verifier(password: str, salt: bytes | None = None) -> str:
    """Return what ``ALTER ROLE … PASSWORD`` takes in place of the password, which stays here."""
    salt = salt or secrets.token_bytes(16)
    _, stored_key, server_key = _keys(_ascii(password), salt, ITERATIONS)
    return f"{MECHANISM}${ITERATIONS}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def _parse(challenge: bytes, client_nonce: str) -> tuple[str, bytes, int]:
    """Nonce, salt and iterations; extensions (``m=`` and unknown ones) are refused."""
    match = _CHALLENGE.fullmatch(challenge.decode("ascii", errors="replace"))
    if match is None:
        raise ScramError("the server's challenge is not SCRAM-SHA-256")
    nonce, salt, iterations = match[1], match[2], int(match[3])
    if not nonce.startswith(client_nonce) or nonce == client_nonce:
        raise ScramError("the server's nonce does not continue ours")
    if not ITERATIONS <= iterations <= MAX_ITERATIONS:
        raise ScramError(f"the server asks for {iterations} iterations, which is out of bounds")
    try:
        return nonce, b64decode(salt, validate=True), iterations
    except ValueError:
        raise ScramError("the server's salt is not base64") from None


def _keys(password: bytes, salt: bytes, iterations: int) -> tuple[bytes, bytes, bytes]:
    """ClientKey, StoredKey and ServerKey of RFC 5802."""
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
    client_key = _hmac(salted, b"Client Key")
    return client_key, hashlib.sha256(client_key).digest(), _hmac(salted, b"Server Key")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _ascii(password: str) -> bytes:
    if not (password and password.isascii() and password.isprintable()):
        raise ScramError("the password is empty or not printable ASCII")
    return password.encode()
