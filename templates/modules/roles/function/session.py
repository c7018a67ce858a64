"""A session of the master user: it returns rows, and every statement is bounded in time.

Statements are texts of the simple protocol, so whatever goes into one is quoted here: names by
``quote``, values by ``literal``.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import postgres
import wire
from postgres import quote

__all__ = ["Session", "SetupError", "literal", "quote"]

Row = tuple[str | None, ...]
T = TypeVar("T")

STATEMENT_SECONDS, LOCK_SECONDS, QUEUE_SECONDS = 20, 2, 30

# What is tried again, and how often: a lock is not free, a deadlock, and what another session has
# changed in the meantime ("tuple concurrently updated").
ATTEMPTS, _IN_THE_WAY = 5, ("55P03", "40P01", "XX000")

# "fbroles" in ASCII: any number will do that nobody else locks.
_LOCK = int.from_bytes(b"fbroles", "big")
_HOLDS_LOCK = (
    f"locktype = 'advisory' AND classid = {_LOCK >> 32} AND objid = {_LOCK & 0xFFFFFFFF} "
    "AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = "
    "current_database())"
)
# What a transaction holds that has changed a role, such as its own password.
_CHANGES_ROLES = (
    "locktype = 'relation' AND database = 0 AND mode = 'RowExclusiveLock' AND relation IN "
    "('pg_authid'::regclass, 'pg_auth_members'::regclass, 'pg_db_role_setting'::regclass)"
)

# With pg_temp last and without public, no object that another role has made is ever called.
_OPENING = f"""
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET client_min_messages = error;
SET default_transaction_read_only = off;
SET search_path = pg_catalog, pg_temp;
SET application_name = 'roles';
SET statement_timeout = '{STATEMENT_SECONDS}s';
SET lock_timeout = '{LOCK_SECONDS}s';
SET idle_in_transaction_session_timeout = '{STATEMENT_SECONDS}s';
SET idle_session_timeout = '{QUEUE_SECONDS}s'
"""

_COUNT, _LENGTH = struct.Struct("!H"), struct.Struct("!i")


class SetupError(Exception):
    """The database cannot be set up; the text says what failed, and never quotes a statement."""


class Session(postgres.Connection):
    """A logged-in connection that also returns rows; not to be used again after an error."""

    ended: tuple[str, ...] = ()
    """Sessions that were in the way and had to end, a sentence for each, once."""
    _names: tuple[str, ...] = ()

    def __enter__(self) -> Session:
        return self

    def open(self, names: Sequence[str]) -> Session:
        """Set the limits of the session, and wait until no other run holds the lock.

        Anybody may take that lock, and every role may change its own password in a transaction
        that never ends. Sessions of others that hold the lock are ended, and those of the roles
        ``names`` that are changing a role.
        """
        self._names = tuple(names)
        self.rows(_OPENING)
        end = time.monotonic() + QUEUE_SECONDS
        with told("wait for another run of this function"):
            while self.value(f"SELECT pg_try_advisory_lock({_LOCK})") != "t":
                if time.monotonic() > end:
                    raise SetupError(
                        "another run of this function, or another session of the master user, "
                        f"has held its lock for {QUEUE_SECONDS} seconds; it is tried again"
                    )
                self._end("held the lock of this function", _HOLDS_LOCK)
                time.sleep(0.2)
        with told("end what changes a role in an open transaction"):
            self._end_changes()
        return self

    def _end_changes(self) -> None:
        listed = ", ".join(map(literal, ("", *self._names)))
        self._end("was changing a role", f"{_CHANGES_ROLES} AND usename IN ({listed})")

    def _end(self, what: str, where: str) -> None:
        rows = self.rows(
            "SELECT DISTINCT usename, pid, pg_terminate_backend(pid) FROM pg_locks "
            "JOIN pg_stat_activity USING (pid) JOIN pg_roles ON rolname = usename "
            f"WHERE {where} AND usename <> CURRENT_USER AND NOT rolsuper"
        )
        said = (f"ended a session of {row[0]}, which {what}" for row in rows)
        self.ended = tuple(dict.fromkeys((*self.ended, *said)))

    def rows(self, sql: str) -> list[Row]:
        """Run the statements in ``sql``, and return all rows as texts.

        The number of rows and their size are limited as messages are; ``PostgresError`` beyond.
        """
        # The limit of messages is that of one text of statements here, not of the connection.
        self._channel._messages = 0
        self._channel.send(b"Q", sql.encode() + b"\0" if "\0" not in sql else _nul())
        found: list[Row] = []
        while True:
            kind, body = self._channel.receive()
            if kind == b"Z":
                return found
            if kind == b"D":
                found.append(_row(body))
            elif kind not in b"TCI":
                raise wire.PostgresError("the server sends a message that does not belong here")

    def value(self, sql: str) -> str | None:
        """Return the only value that ``sql`` selects."""
        rows = self.rows(sql)
        if len(rows) != 1 or len(rows[0]) != 1:
            raise wire.PostgresError("the server answers with another number of values")
        return rows[0][0]

    def answers(self, questions: Sequence[str]) -> list[bool]:
        """Return whether each of these conditions holds; unknown counts as no."""
        held: list[bool] = []
        for start in range(0, len(questions), 20):
            asked = questions[start : start + 20]
            rows = self.rows("SELECT " + ",".join(f"({question})" for question in asked))
            if len(rows) != 1 or len(rows[0]) != len(asked):
                raise wire.PostgresError("the server answers with another number of values")
            held += [value == "t" for value in rows[0]]
        return held

    def insist(self, what: str, run: Callable[[], T]) -> T:
        """Return what ``run`` does in a transaction, which is tried again if a lock is not free.

        Before the next attempt, sessions that change a role are ended again: a role can open one
        after the other.
        """
        with told(what):
            for attempt in range(ATTEMPTS):
                try:
                    self.rows("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
                    found = run()
                    self.rows("COMMIT")
                    return found
                except wire.ServerError as error:
                    if error.sqlstate not in _IN_THE_WAY or attempt == ATTEMPTS - 1:
                        raise
                while self._channel.receive()[0] != b"Z":
                    pass
                self.rows("ROLLBACK")
                self._end_changes()
        raise AssertionError

    @contextmanager
    def transaction(self, what: str, mode: str = "READ WRITE") -> Iterator[None]:
        """Run the block in a transaction; an error in it becomes one that says ``what`` failed.

        After an error the connection is closed by its ``with`` block, which rolls back.
        """
        with told(what):
            self.rows(f"BEGIN ISOLATION LEVEL READ COMMITTED {mode}")
            yield
            self.rows("COMMIT")


@contextmanager
def told(what: str) -> Iterator[None]:
    """Say what could not be done when the server refuses it."""
    try:
        yield
    except wire.ServerError as error:
        hint = _HINTS.get(error.sqlstate, "the log of the database has the reason")
        raise SetupError(f"cannot {what}: SQLSTATE {error.sqlstate}; {hint}") from None


_HINTS = {
    "42501": "the master user lacks a privilege for it, for example because it has not made the "
    "role or object itself",
    "55P03": "somebody else holds a lock for too long, as an open transaction does that has "
    "changed the same role or object; it is tried again",
    "57014": "it took too long; it is tried again",
    "55000": "an extension may need its library in shared_preload_libraries, and a restart of the "
    "instance since then",
    "0A000": "the version of PostgreSQL does not offer it",
    "58P01": "the version of PostgreSQL does not offer it",
}


def literal(value: str) -> str:
    r"""Return ``value`` as a quoted SQL literal.

    >>> print(literal("it's"), literal("a\\b"))
    'it''s' E'a\\b'
    """
    quoted = "'" + value.replace("'", "''").replace("\\", "\\\\") + "'"
    return f"E{quoted}" if "\\" in value else quoted


def _row(body: bytes) -> Row:
    """Read a DataRow, whose lengths must fit the message."""
    values: list[str | None] = []
    try:
        (count,), place = _COUNT.unpack_from(body), _COUNT.size
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(body, place)
            place += _LENGTH.size
            if length < -1 or place + max(length, 0) > len(body):
                raise ValueError
            values.append(None if length < 0 else body[place : place + length].decode())
            place += max(length, 0)
    except (struct.error, ValueError):
        raise wire.PostgresError("the server sends a row that cannot be read") from None
    if place != len(body):
        raise wire.PostgresError("the server sends a row that cannot be read")
    return tuple(values)


def _nul() -> bytes:
    raise wire.PostgresError("a statement contains a NUL")
