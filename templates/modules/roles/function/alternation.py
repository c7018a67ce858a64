"""The rotation of a role's secret: two logins take turns.

A rotation gives a new password to the login that the current version does not name. So whoever
still holds the password of that version, from a cache, keeps working until the next rotation.

The four steps are those of Secrets Manager, and each can be repeated at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

import database
import postgres
import rotation
import secret
from credentials import Credentials, SecretError
from declaration import Declaration, Role
from rotation import RotationError
from session import Session
from store import CURRENT, PENDING, PREVIOUS, Store

MasterLogin = Callable[[Credentials], AbstractContextManager[Session]]


@dataclass(frozen=True)
class Master:
    """The master user: its secret, and how to log in with it."""

    store: Store
    login: MasterLogin

    def target(self) -> tuple[str, int, str]:
        """Return host, port and name of the database."""
        return self.store.current().target[:3]

    def session(self) -> AbstractContextManager[Session]:
        """Log in, also while the master's own rotation is between two of its steps."""
        target = self.store.current().target
        for credentials in self._known():
            if credentials.target != target:
                continue  # of another database: whoever wrote it shall not lead us there
            try:
                return self.login(credentials)
            except postgres.LoginError:
                continue
        raise RotationError(
            "the master user accepts the password of no version of the connection secret: "
            "reset it as the page on an emergency reset says"
        )

    def _known(self) -> Iterator[Credentials]:
        """Yield each version twice: a rotation may have moved the labels while we tried."""
        tried: set[str] = set()
        for label in (CURRENT, PENDING, PREVIOUS) * 2:
            text = self.store._read(VersionStage=label)
            if text is None or text in tried:
                continue
            tried.add(text)
            with suppress(SecretError):
                yield Credentials.parse(text, label)


@dataclass(frozen=True)
class Turn:
    """What a step needs: the role, its secret, the declaration around it, and the master user."""

    role: Role
    store: Store
    declared: Declaration
    master: Master
    login: rotation.Login


def create_secret(turn: Turn) -> str:
    """Write the new version: the other login, with a new password."""
    current = turn.store.current()
    if turn.store._read(VersionId=turn.store._token, VersionStage=PENDING) is not None:
        _pending(turn)
        return "the new version was there"
    fields = {
        **current.fields,
        **secret.connection(turn.master.target()),
        "username": other(turn.role, current.username),
        "password": rotation.new_password(),
    }
    turn.store.put_pending(Credentials.parse(json.dumps(fields), "new"))
    return "new version written"


def set_secret(turn: Turn) -> str:
    """Give the other login the new password, and this one that of the current version again.

    So a password that somebody has given the role by hand ends with the next rotation. A role or
    login that does not exist is created. What else was changed by hand stays: it may be what
    contains an incident.
    """
    pending = _pending(turn)
    with turn.master.session() as session:
        session.open(turn.declared.names)
        changed = database.provide(session, turn.declared, turn.role, turn.master.session)
        for credentials in (turn.store.current(), pending):
            changed += secret.set_password(session, credentials)
        return "; ".join(["password changed", *changed, *session.ended])


def test_secret(turn: Turn) -> str:
    """Log in with the new password.

    Secrets Manager also runs this step alone, without a new version, to test a rotation that is
    being set up. What is tested then is what a rotation needs: that the master user can log in.
    """
    if turn.store.pending() is None:
        with turn.master.session() as session:
            session.rows("SELECT 1")
        return "login of the master user tested"
    pending = _pending(turn)
    try:
        with turn.login(pending) as connection:
            connection.execute("SELECT 1")
    except postgres.PostgresError as error:
        with turn.master.session() as session:
            why = secret.obstacle(session, pending.username)
        if why:
            raise RotationError(f"{pending.username} {why}") from None
        if secret.code(error) != secret.TOO_MANY:
            raise
        raise RotationError(
            f"{pending.username} has too many connections for another login: some are from before "
            "the last rotation. Let the application renew its connections, or raise the "
            "connection_limit of the role"
        ) from None
    return "login tested"


def finish_secret(turn: Turn) -> str:
    """Make the new version the current one."""
    _pending(turn)
    return rotation.finish_secret(turn.store, turn.login)


STEPS: Mapping[str, Callable[[Turn], str]] = {
    "createSecret": create_secret,
    "setSecret": set_secret,
    "testSecret": test_secret,
    "finishSecret": finish_secret,
}


def other(role: Role, username: str) -> str:
    """Return the login whose turn it is after ``username``."""
    first, second = role.logins
    if username not in role.logins:
        raise RotationError(
            f"the current version of the secret names neither {first} nor {second}: correct its "
            "username, and rotate again"
        )
    return second if username == first else first


def _pending(turn: Turn) -> Credentials:
    """Return the new version, which must be of the role's other login and the present database.

    One that is not, such as that of a rotation before the database moved, is given up: nobody can
    write it anew, and every further attempt would meet it again.
    """
    try:
        pending = turn.store.pending()
        if pending is None:
            raise RotationError("the new version of the secret is empty: createSecret has not run")
        if pending.target[:3] != turn.master.target():
            wrong = "the new version is of another host, port or database"
        elif pending.username != other(turn.role, turn.store.current().username):
            wrong = "the new version is not of the role's other login"
        else:
            return pending
    except SecretError as error:
        wrong = str(error)
    secret.give_up(turn.store, turn.store._token)
    raise RotationError(f"{wrong}: it was given up, so rotate again")
