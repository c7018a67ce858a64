"""The role whose password is rotated, without a server: it keeps a verifier, as PostgreSQL does."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager

import scram
from credentials import Credentials
from postgres import LoginError, PostgresError

from tests.rotation.fake_aws import Fuse

_CHANGE = re.compile(
    r"BEGIN; SET LOCAL lock_timeout = '5s'; "
    r"ALTER ROLE \"((?:[^\"]|\"\")+)\" PASSWORD '([A-Za-z0-9+/=$:-]+)'; COMMIT"
)


class FakeDatabase:
    """Accepts one role. ``logins`` has the SQLSTATE of every attempt, ``statements`` all SQL."""

    def __init__(self, credentials: Credentials, fuse: Fuse) -> None:
        self.target = credentials.target
        self.verifier = scram.verifier(credentials.password)
        self.fuse = fuse
        self.logins: list[str] = []
        self.statements: list[str] = []
        self.refusal = "28P01"
        self.trouble: PostgresError | None = None
        self.statement_trouble: PostgresError | None = None

    def set_password(self, password: str) -> None:
        self.verifier = scram.verifier(password)

    def accepts(self, password: str) -> bool:
        """Check the password as a server does that has only the verifier."""
        mechanism, parameters, keys = self.verifier.split("$")
        iterations, salt = parameters.split(":")
        assert mechanism == "SCRAM-SHA-256"
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b64decode(salt), int(iterations))
        server_key = hashlib.new("sha256")  # HMAC by hand: not the code that is under test
        server_key.update(bytes(b ^ 0x36 for b in salted.ljust(64, b"\0")) + b"Server Key")
        outer = bytes(b ^ 0x5C for b in salted.ljust(64, b"\0"))
        digest = hashlib.sha256(outer + server_key.digest()).digest()
        return keys.split(":")[1] == b64encode(digest).decode()

    @contextmanager
    def login(self, credentials: Credentials) -> Iterator[FakeDatabase]:
        self.fuse.point()
        assert credentials.target == self.target, "logged in elsewhere"
        if self.trouble is not None:
            self.logins.append("trouble")
            raise self.trouble
        if not self.accepts(credentials.password):
            self.logins.append(self.refusal)
            raise LoginError(self.refusal)
        self.logins.append("00000")
        self.fuse.point()
        yield self

    def execute(self, sql: str) -> None:
        self.fuse.point()
        self.statements.append(sql)
        if self.statement_trouble is not None:
            raise self.statement_trouble
        if sql != "SELECT 1":
            match = _CHANGE.fullmatch(sql)
            assert match is not None, sql
            assert match[1].replace('""', '"') == self.target[3]
            self.verifier = match[2]
        self.fuse.point()
