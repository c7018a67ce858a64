"""What goes into SQL is quoted, and what comes back is read within limits."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
import session
import wire
from hypothesis import example, given
from hypothesis import strategies as st
from session import Session, SetupError, literal, quote, told

from tests.roles.stage import Stage
from tests.rotation.real_postgres import Postgres

# Any text that PostgreSQL can hold: no NUL, no surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NASTY = ("'", "\\", "\\'", "''", "'; DROP ROLE x; --", "$$", "%", "\n", "E'", '"', "\\x27", "é☃")


def unquoted(sql: str) -> str:
    """Read a string literal as PostgreSQL's scanner does; fails if it ends early."""
    escapes = sql.startswith("E")
    rest = iter(sql.removeprefix("E"))
    assert next(rest) == "'"
    found: list[str] = []
    for character in rest:
        if character == "'":
            following = next(rest, None)
            if following is None:
                return "".join(found)
            assert following == "'", "the literal ends early"
        elif character == "\\" and escapes:
            character = next(rest)
            assert character == "\\", "an escape that was not written"
        found.append(character)
    raise AssertionError("the literal does not end")


@given(TEXT)
@example("".join(NASTY))
def test_literal_is_read_as_written(value: str) -> None:
    assert unquoted(literal(value)) == value


@given(st.lists(st.sampled_from(NASTY)).map("".join))
def test_nasty_literal_is_read_as_written(value: str) -> None:
    assert unquoted(literal(value)) == value


@given(TEXT)
def test_literal_within_a_literal(value: str) -> None:
    """As in the body of a DO block, and a format in it."""
    assert unquoted(unquoted(literal(literal(value)))) == value


@given(TEXT.filter(bool))
def test_name_is_read_as_written(name: str) -> None:
    quoted = quote(name)
    assert quoted[0] == quoted[-1] == '"'
    inner = quoted[1:-1]
    assert '"' not in inner.replace('""', "")
    assert inner.replace('""', '"') == name


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_quoting_by_postgresql(server: Postgres, conforming: str) -> None:
    """PostgreSQL itself reads them back, whatever standard_conforming_strings is."""
    for value in (*NASTY, "".join(NASTY)):
        sql = (
            f"SET standard_conforming_strings = {conforming};"
            f"SELECT encode(convert_to({literal(value)}, 'UTF8'), 'hex');"
            f"SELECT encode(convert_to(name::text, 'UTF8'), 'hex') FROM "
            f"(SELECT 1 AS {quote(value)}) x, json_object_keys(to_json(x)) name"
        )
        done = server.psql(sql)
        assert done.stdout.split() == [value.encode().hex()] * 2, done.stderr


# Rows ----------------------------------------------------------------------------------------


class Scripted:
    """A channel that answers with the messages of a test."""

    def __init__(self, *messages: tuple[bytes, bytes]) -> None:
        self.sent: list[tuple[bytes, bytes]] = []
        self._messages = 400
        self._answers = iter(messages)

    def send(self, kind: bytes, body: bytes) -> None:
        self.sent.append((kind, body))

    def receive(self) -> tuple[bytes, bytes]:
        return next(self._answers)


def answering(*messages: tuple[bytes, bytes]) -> tuple[Session, Scripted]:
    made = Session.__new__(Session)
    channel = Scripted(*messages)
    made._channel = channel  # type: ignore[assignment]
    return made, channel


def row(*values: str | None) -> tuple[bytes, bytes]:
    def each() -> Iterator[bytes]:
        for value in values:
            if value is None:
                yield struct.pack("!i", -1)
            else:
                data = value.encode()
                yield struct.pack("!i", len(data)) + data

    return b"D", struct.pack("!H", len(values)) + b"".join(each())


END = (b"Z", b"I")


@given(st.lists(st.lists(st.none() | TEXT, max_size=5), max_size=5))
def test_rows_are_read_as_sent(rows: list[list[str | None]]) -> None:
    made, channel = answering((b"T", b""), *(row(*values) for values in rows), (b"C", b""), END)
    assert made.rows("SELECT é") == [tuple(values) for values in rows]
    assert channel.sent == [(b"Q", "SELECT é\0".encode())]
    assert channel._messages == 0, "the limit is that of each text of statements"


@given(st.binary(max_size=40))
def test_any_row_is_read_or_refused(body: bytes) -> None:
    made, _ = answering((b"D", body), END)
    try:
        (values,) = made.rows("SELECT 1")
    except wire.PostgresError as error:
        assert str(error) == "the server sends a row that cannot be read"  # noqa: PT017
        return
    assert row(*values)[1] == body


@pytest.mark.parametrize("kind", [b"G", b"H", b"W", b"R", b"K", b"1", b"\0"])
def test_other_messages_are_refused(kind: bytes) -> None:
    made, _ = answering((kind, b""), END)
    with pytest.raises(wire.PostgresError, match="does not belong here"):
        made.rows("SELECT 1")


def test_nul_is_refused() -> None:
    made, channel = answering(END)
    with pytest.raises(wire.PostgresError, match="contains a NUL"):
        made.rows("SELECT '\0'")
    assert channel.sent == []


@pytest.mark.parametrize("rows", [[], [("1", "2")], [("1",), ("2",)]])
def test_value_is_the_only_one(rows: list[tuple[str, ...]]) -> None:
    made, _ = answering(*(row(*values) for values in rows), END)
    with pytest.raises(wire.PostgresError, match="another number of values"):
        made.value("SELECT 1")
    assert answering(row("x"), END)[0].value("SELECT 1") == "x"


def test_answers_are_as_many_as_questions() -> None:
    assert answering(row("t", "f", None), END)[0].answers(["a", "b", "c"]) == [True, False, False]
    for rows in ([row("t")], [row("t", "t", "t")], []):
        with pytest.raises(wire.PostgresError, match="another number of values"):
            answering(*rows, END)[0].answers(["a", "b"])
    batches = [row(*"t" * 20), END, row("f"), END]
    assert answering(*batches)[0].answers(["x"] * 21) == [True] * 20 + [False]


@pytest.mark.parametrize("sqlstate", ["42501", "XX000", "unknown"])
def test_error_says_what_failed_and_hides_what_it_came_from(sqlstate: str) -> None:
    says = f"^cannot do it: SQLSTATE {sqlstate}; "
    with pytest.raises(SetupError, match=says) as caught, told("do it"):
        raise wire.ServerError(sqlstate)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_session_is_bounded(stage: Stage, server: Postgres) -> None:
    """Every limit is in force on the server, also for statements that nobody has thought of."""
    made = Session(
        "localhost",
        server.port,
        user=stage.master,
        database="ledger",
        password="OfTheMasterUser",
        cafile=server.root_certificate,
        deadline=time.monotonic() + 60,
    )
    with made:
        made.open(())
        names = (
            *("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"),
            *("idle_session_timeout", "search_path", "standard_conforming_strings"),
        )
        found: dict[str, Any] = {name: made.value(f"SHOW {name}") for name in names}
    assert found == {
        "statement_timeout": f"{session.STATEMENT_SECONDS}s",
        "lock_timeout": f"{session.LOCK_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{session.STATEMENT_SECONDS}s",
        "idle_session_timeout": f"{session.QUEUE_SECONDS}s",
        "search_path": "pg_catalog, pg_temp",
        "standard_conforming_strings": "on",
    }
