"""Whether the secret of a role opens the database, and what an apply does if it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

import postgres
import rotation
import scram
from credentials import Credentials, SecretError
from declaration import Role
from session import Session, literal, quote
from store import CURRENT, PENDING, Store

Target = tuple[str, int, str]
TOO_MANY, _WRONG_PASSWORD = "53300", "28P01"

# Settings that every login may give itself, and that can refuse or end its next session.
_ENDING = (
    *("local_preload_libraries", "session_preload_libraries", "exit_on_error"),
    *("statement_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout"),
    *("transaction_timeout", "tcp_user_timeout", "tcp_keepalives_idle"),
    *("tcp_keepalives_interval", "tcp_keepalives_count"),
)


def fault(session: Session, role: Role, store: Store, target: Target, login: rotation.Login) -> str:
    """Return what is wrong with the secret of a role; empty if it logs in."""
    try:
        current = store.current()
    except SecretError as error:
        return f"the secret of {role.name} cannot be used: {error}"
    if current.username not in role.logins:
        return (
            f"the secret of {role.name} names neither {' nor '.join(role.logins)}: correct its "
            "username"
        )
    if current.target[:3] != target:
        return f"the secret of {role.name} names another host, port or database: apply again"
    try:
        _try(current, login)
    except postgres.PostgresError as error:
        # Its application uses all its connections, so it does log in.
        if code(error) == TOO_MANY:
            return ""
        why = obstacle(session, current.username)
        if not why and not code(error):
            raise
        if not why:
            why = f"is refused with SQLSTATE {code(error)}; the log of the database has the reason"
            if code(error) == _WRONG_PASSWORD:
                why = "has another password; apply or rotate sets it"
        return f"the login of the secret of {role.name} is refused: {current.username} {why}"
    return ""


def code(error: postgres.PostgresError) -> str:
    """Return the SQLSTATE of an error; empty if it is not the server's."""
    return error.sqlstate if isinstance(error, postgres.ServerError) else ""


def mend(
    session: Session, role: Role, store: Store, target: Target, login: rotation.Login
) -> list[str]:
    """Make the secret of a role work; returns what was changed.

    It keeps its user and its password: the database gets the password of the secret, so that who
    has read the secret before can log in, too.
    """
    if first_version(session, role, store, target):
        return [f"set the first password of {role.logins[0]}"]
    changed = give_up_elsewhere(role, store, target)
    try:
        current = store.current()
    except SecretError:
        return changed
    if current.username not in role.logins:
        return changed
    if current.target[:3] != target:
        fields = {**current.fields, **connection(target)}
        _write(store, fields)
        current = Credentials.parse(json.dumps(fields), "new")
        changed.append(f"set host, port and database of the secret of {role.name}")
    try:
        _try(current, login)
    except postgres.PostgresError as error:
        if _stopped(session, current.username):
            pass  # It may contain an incident.
        elif isinstance(error, postgres.LoginError):
            changed += set_password(session, current)
            changed.append(f"set the password of {current.username} to that of its secret")
        else:
            changed += session.insist(
                f"reset settings of {current.username}", partial(_reset, session, current.username)
            )
    return changed


def first_version(session: Session, role: Role, store: Store, target: Target) -> bool:
    """Give a role's secret its first version, and return whether it had none.

    The password is set in the database first: if this ends in between, the next run draws another.
    """
    if store._read(VersionStage=CURRENT) is not None:
        return False
    login, password = role.logins[0], rotation.new_password()
    fields = {"engine": "postgres", **connection(target), "username": login, "password": password}
    set_password(session, Credentials.parse(json.dumps(fields), "first"))
    _write(store, fields)
    return True


def obstacle(session: Session, login: str) -> str:
    """Return what keeps a login out beside its password, and what ends that; empty if nothing."""
    if why := _stopped(session, login):
        return why
    if resets := _resets(session, login):
        return (
            "has settings of its own that can refuse or end a session; apply or rotate runs "
            f"{'; '.join(resets)}"
        )
    return ""


def _resets(session: Session, login: str) -> list[str]:
    """Return what resets those settings of a login; its declared defaults are none of them."""
    declared = literal("{statement_timeout,idle_in_transaction_session_timeout}")
    rows = session.rows(
        "SELECT format('ALTER ROLE %I%s RESET %I', r.rolname, CASE WHEN s.setdatabase <> 0 THEN "
        "format(' IN DATABASE %I', current_database()) END, name) FROM pg_db_role_setting s "
        "JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) line, split_part(line, '=', 1) "
        f"name WHERE r.rolname = {literal(login)} AND name IN ({', '.join(map(literal, _ENDING))}) "
        "AND (s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        f"OR s.setdatabase = 0 AND name <> ALL ({declared}::text[])) ORDER BY 1"
    )
    return [line or "" for (line,) in rows]


def _reset(session: Session, login: str) -> list[str]:
    resets = _resets(session, login)
    for sql in resets:
        session.rows(sql)
    return [f"ran {sql}" for sql in resets]


def _stopped(session: Session, login: str) -> str:
    rows = session.rows(
        "SELECT NOT rolcanlogin, coalesce(rolvaliduntil <= now(), false), rolconnlimit = 0, "
        "NOT has_database_privilege(oid, current_database(), 'CONNECT') "
        f"FROM pg_roles WHERE rolname = {literal(login)}"
    )
    if not rows:
        return "does not exist; apply or rotate creates it"
    ways = (
        f"is NOLOGIN; to end that, run ALTER ROLE {login} LOGIN",
        f"has an expired password; to end that, run ALTER ROLE {login} VALID UNTIL 'infinity'",
        "has a connection limit of 0; apply sets the declared one",
        "has no CONNECT on the database; apply grants it to the group",
    )
    return next((way for way, holds in zip(ways, rows[0], strict=True) if holds == "t"), "")


def give_up(store: Store, version: str) -> None:
    """Let a new version be new no more, so that the next rotation writes another."""
    store._client.update_secret_version_stage(
        SecretId=store._arn, VersionStage=PENDING, RemoveFromVersionId=version
    )


def give_up_elsewhere(role: Role, store: Store, target: Target) -> list[str]:
    """Give up the new version that a rotation left before the database moved."""
    for version, labels in store._labels.items():
        if PENDING not in labels or CURRENT in labels:
            continue
        text = store._read(VersionId=version, VersionStage=PENDING)
        try:
            elsewhere = text is not None and Credentials.parse(text, "new").target[:3] != target
        except SecretError:
            elsewhere = True
        if elsewhere:
            give_up(store, version)
            return [f"gave up the unfinished rotation of {role.name}: it was of another database"]
    return []


def _try(credentials: Credentials, login: rotation.Login) -> None:
    with login(credentials) as connection:
        connection.execute("SELECT 1")


def set_password(session: Session, credentials: Credentials) -> list[str]:
    """Give a login its password, of which the server sees the verifier, and let it log in.

    Returns what else was changed: settings of its own that could refuse or end its sessions.
    """
    login, verifier = credentials.username, scram.verifier(credentials.password)

    def run() -> list[str]:
        session.rows(f"ALTER ROLE {quote(login)} PASSWORD '{verifier}'")
        return _reset(session, login)

    return session.insist(f"set the password of {login}", run)


def connection(target: Target) -> dict[str, object]:
    """Return the fields of a secret that say where the database is."""
    return dict(zip(("host", "port", "dbname"), target, strict=True))


def _write(store: Store, fields: Mapping[str, object]) -> None:
    """Write a version that is the current one at once."""
    failure = ""
    try:
        store._client.put_secret_value(SecretId=store._arn, SecretString=json.dumps(fields))
    except Exception as error:
        response = getattr(error, "response", {})
        failure = response.get("Error", {}).get("Code") or type(error).__name__
    # Raised out here, since the error that was caught may quote the request.
    if failure:
        raise SecretError(f"a version of the secret cannot be written: {failure}")
