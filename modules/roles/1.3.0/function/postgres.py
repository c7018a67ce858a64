"""A PostgreSQL client as small as a rotation needs: log in with SCRAM, run one statement.

The server is never shown a password: neither at the login, where any other method than
SCRAM-SHA-256 is refused, nor by ``change_password``, which sends the verifier.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import scram
from wire import Channel, PostgresError, ServerError

__all__ = ["Connection", "LoginError", "PostgresError", "ServerError", "change_password"]

_PROTOCOL = struct.pack("!I", 3 << 16)

_OK, _CLEARTEXT, _MD5, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 3, 5, 10, 11, 12
_REFUSED_METHODS = {_OK: "no password", _CLEARTEXT: "a cleartext password", _MD5: "MD5"}

# invalid_password and invalid_authorization_specification: another password may do.
_WRONG_CREDENTIALS = ("28P01", "28000")


class LoginError(ServerError):
    """The server is well, but does not accept this role with this password."""


class Connection:
    """A logged-in connection; use it in a ``with`` block, and not again after an error.

    Raises ``LoginError`` for wrong credentials, ``ScramError`` for a server that does not
    know the password either, and another ``PostgresError`` for everything else.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        user: str,
        database: str,
        password: str,
        cafile: Path,
        deadline: float,
    ) -> None:
        self._channel = Channel(host, port, cafile=cafile, deadline=deadline)
        try:
            self._log_in(user, database, password)
        except ServerError as error:
            self._channel.close()
            if error.sqlstate in _WRONG_CREDENTIALS:
                raise LoginError(error.sqlstate) from None
            raise
        except BaseException:
            self._channel.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(PostgresError):
            self._channel.send(b"X", b"")
        self._channel.close()

    def execute(self, sql: str) -> None:
        """Run the statements in ``sql``; rows are thrown away. ``ServerError`` if one fails."""
        self._channel.send(b"Q", _cstring(sql))
        self._until_ready(expected=b"TDCI")

    def _log_in(self, user: str, database: str, password: str) -> None:
        exchange = scram.Exchange(password)
        self._channel.send(b"", startup(user, database))
        if scram.MECHANISM.encode() not in self._authentication(_SASL).split(b"\0"):
            raise PostgresError(f"the server does not offer {scram.MECHANISM}")
        opening = exchange.first()
        self._channel.send(
            b"p", _cstring(scram.MECHANISM) + struct.pack("!I", len(opening)) + opening
        )
        self._channel.send(b"p", exchange.final(self._authentication(_SASL_CONTINUE)))
        exchange.verify(self._authentication(_SASL_FINAL))
        if self._authentication(_OK):
            raise PostgresError("the server adds data to the end of the authentication; refused")
        self._until_ready(expected=b"K")

    def _authentication(self, expected: int) -> bytes:
        """Return the data of the next message, an authentication message of the expected type."""
        kind, body = self._channel.receive()
        if kind != b"R" or len(body) < 4:
            raise PostgresError("the server sends something else than an authentication message")
        method = int.from_bytes(body[:4], "big")
        if method != expected:
            asked = _REFUSED_METHODS.get(method, f"method {method}")
            raise PostgresError(f"the server asks for {asked} where SCRAM-SHA-256 is due; refused")
        return body[4:]

    def _until_ready(self, expected: bytes) -> None:
        """Read up to ReadyForQuery, which must be outside a transaction."""
        while True:
            kind, body = self._channel.receive()
            if kind == b"Z":
                break
            if kind not in expected:
                raise PostgresError("the server sends a message that does not belong here")
        if body != b"I":
            raise PostgresError("the server has left a transaction open")


def startup(user: str, database: str) -> bytes:
    """Build the body of the startup message."""
    parameters = ("user", user, "database", database, "application_name", "secret-rotation")
    return _PROTOCOL + b"".join(map(_cstring, parameters)) + b"\0"


def change_password(role: str, password: str) -> str:
    """Build the statements that give ``role`` a new password, all or nothing.

    The role's name is quoted, and the literal is a verifier, whose alphabet has no quote.
    A lock that somebody else holds is not waited for: the rotation is tried again later.
    """
    return (
        "BEGIN; SET LOCAL lock_timeout = '5s'; "
        f"ALTER ROLE {quote(role)} PASSWORD '{scram.verifier(password)}'; "
        "COMMIT"
    )


def quote(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _cstring(text: str) -> bytes:
    if "\0" in text:
        raise PostgresError("a name or statement contains a NUL")
    return text.encode() + b"\0"
