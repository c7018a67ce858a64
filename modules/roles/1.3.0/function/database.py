"""Set the database up as declared, or say what it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain

import narrowing
import wishes
from declaration import Declaration, Role
from session import Session, SetupError, literal, quote
from wishes import Part, Server, Wish

Relogin = Callable[[], AbstractContextManager[Session]]
"""Logs the master user in once more, with its password."""


def look(session: Session) -> Server:
    """Ask the server who it is."""
    ((version, database, master),) = session.rows(
        "SELECT current_setting('server_version_num'), current_database(), current_user"
    )
    return Server(int(version or 0), database or "", master or "")


def apply(session: Session, declared: Declaration, server: Server, relogin: Relogin) -> list[str]:
    """Make the declaration true, a transaction for each part; returns what has changed."""
    _refuse(foreign(session, declared))
    wanted = chain(wishes.parts(declared, server), narrowing.parts(session, declared, server))
    return _make(session, wanted, server, relogin)


def provide(session: Session, declared: Declaration, role: Role, relogin: Relogin) -> list[str]:
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
        return apply(session, needed, server, relogin)
    wanted = [
        Part(f"create the login {login}", tuple(wishes.of_login(role, login, server)))
        for login in lacking
    ]
    return _make(session, wanted, server, relogin)


def _refuse(strangers: Sequence[str]) -> None:
    if strangers:
        raise SetupError(f"nothing was changed: {'; '.join(strangers)}")


def _make(session: Session, parts: Iterable[Part], server: Server, relogin: Relogin) -> list[str]:
    changed: list[str] = []
    for part in parts:
        done = session.insist(part.what, partial(_make_part, session, part, server))
        changed += [f"{wish.done} {wish.what}" for wish in done]
        for login in filter(None, (wish.iam for wish in done)):
            _keep_master(session, login, relogin)
    return changed


def _make_part(session: Session, part: Part, server: Server) -> list[Wish]:
    done: list[Wish] = []
    for wish in _open(session, part.wishes):
        if session.answers([wish.holds]) == [True]:
            continue  # by an earlier wish
        session.rows(wish.sql)
        # What is not done and yet no error, such as a grant on an object of a role that the master
        # user is no member of, still does not hold: that is drift.
        if session.answers([wish.holds]) == [True]:
            done.append(wish)
    ends = session.rows(wishes.master_of_iam(server)) if any(wish.iam for wish in done) else []
    if ends:
        raise SetupError(
            f"cannot {part.what}: with that, the master user would be a member of {wishes.IAM}, "
            "and RDS would accept no password of it any more. Nothing of this was done; run "
            f"{'; '.join(line or '' for (line,) in ends)}, and apply again"
        )
    return done


def _keep_master(session: Session, login: str, relogin: Relogin) -> None:
    """Take ``rds_iam`` from a login again if the master user cannot log in from now on.

    What RDS makes of memberships is RDS's own. This session is still open, and the last one.
    """
    try:
        with relogin() as other:
            other.rows("SELECT 1")
    except Exception as error:
        revoke = f"REVOKE {wishes.IAM} FROM {quote(login)}"
        session.insist(f"take {wishes.IAM} from {login} again", partial(session.rows, revoke))
        raise SetupError(
            f"the master user could not log in after {login} had become a member of {wishes.IAM}: "
            f"{error}. That was taken back, so {login} cannot log in. Set iam_login of its role to "
            "false, or see the page on the logins of roles"
        ) from None


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
