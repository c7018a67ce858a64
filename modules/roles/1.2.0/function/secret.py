"""Whether the secret of a role opens the database, and what an apply does if it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping

import postgres
import rotation
from credentials import Credentials, SecretError
from declaration import Role
from session import Session, literal, told
from store import CURRENT, PENDING, Store

Target = tuple[str, int, str]
TOO_MANY = "53300"


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
    except postgres.ServerError as error:
        # Its application uses all its connections, so it does log in.
        if error.sqlstate == TOO_MANY:
            return ""
        why = obstacle(session, current.username)
        return (
            f"the login of the secret of {role.name} is refused: {current.username} "
            f"{why or 'has another password; apply or rotate sets it'}"
        )
    return ""


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
    except postgres.LoginError:
        if not obstacle(session, current.username):
            set_password(session, current)
            changed.append(f"set the password of {current.username} to that of its secret")
    except postgres.ServerError:
        pass  # Not for its password.
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


def set_password(session: Session, credentials: Credentials) -> None:
    """Give a login its password, of which the server sees the verifier."""
    with told(f"set the password of {credentials.username}"):
        session.rows(postgres.change_password(credentials.username, credentials.password))


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
