"""Set the database up as declared, or say what it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import narrowing
import wishes
from declaration import Declaration, Role
from session import Session, SetupError, literal
from wishes import Part, Server, Wish


def look(session: Session) -> Server:
    """Ask the server who it is."""
    ((version, database, master),) = session.rows(
        "SELECT current_setting('server_version_num'), current_database(), current_user"
    )
    return Server(int(version or 0), database or "", master or "")


def apply(session: Session, declared: Declaration, server: Server) -> list[str]:
    """Make the declaration true, a transaction for each part; returns what has changed."""
    _refuse(foreign(session, declared))
    return _make(
        session, chain(wishes.parts(declared, server), narrowing.parts(session, declared, server))
    )


def provide(session: Session, declared: Declaration, role: Role) -> list[str]:
    """Create a role that is missing, or those of its logins that are; returns what has changed."""
    server, needed = look(session), declared.part(role)
    _refuse(foreign(session, needed))
    names = (role.name, *role.logins)
    lacking = [
        name
        for name, there in zip(
            names, session.answers([f"{wishes.oid(n)} IS NOT NULL" for n in names]), strict=True
        )
        if not there
    ]
    if role.name in lacking:
        return apply(session, needed, server)
    return _make(
        session,
        [
            Part(f"create the login {login}", tuple(wishes.of_login(role, login, server)))
            for login in lacking
        ],
    )


def _refuse(strangers: Sequence[str]) -> None:
    if strangers:
        raise SetupError(f"nothing was changed: {'; '.join(strangers)}")


def _make(session: Session, parts: Iterable[Part]) -> list[str]:
    changed: list[str] = []
    for part in parts:
        with session.transaction(part.what):
            for wish in _open(session, part.wishes):
                if session.answers([wish.holds]) == [True]:
                    continue  # by an earlier wish
                session.rows(wish.sql)
                # What is not done and yet no error, such as a grant on an object of a role that
                # the master user is no member of, still does not hold: that is drift.
                if session.answers([wish.holds]) == [True]:
                    changed.append(f"{wish.done} {wish.what}")
    return changed


def missing(session: Session, declared: Declaration, server: Server) -> list[str]:
    """Return what the declaration has and the database has not; changes nothing."""
    wanted = [wish for part in wishes.parts(declared, server) for wish in part.wishes]
    return [f"not {wish.done}: {wish.what}" for wish in _open(session, wanted)]


def _open(session: Session, wanted: Sequence[Wish]) -> list[Wish]:
    held = session.answers([wish.holds for wish in wanted])
    return [wish for wish, holds in zip(wanted, held, strict=True) if not holds]


def foreign(session: Session, declared: Declaration) -> list[str]:
    """Return the declared names that roles have which the set-up has not made."""
    names = ", ".join(map(literal, ("", *declared.names)))
    found = session.rows(
        f"SELECT rolname FROM pg_roles WHERE rolname IN ({names}) AND NOT starts_with("
        f"coalesce(shobj_description(oid, 'pg_authid'), ''), {literal(wishes.MARK)}) ORDER BY 1"
    )
    return [
        f"the role {name} exists and was not made by this function: declare another name, or hand "
        f"it over with COMMENT ON ROLE {name} IS '{wishes.MARK}handed over'"
        for (name,) in found
    ]
