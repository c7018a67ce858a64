"""The rotation function of the connection secret: one PostgreSQL role changes its password.

Secrets Manager calls ``handler`` for each of four steps, and calls a step again after a
failure, so each can be repeated at any time and takes up what an earlier attempt has left:

    createSecret    write the new version (AWSPENDING), unless it is there
    setSecret       give its password to the role, unless the role has it
    testSecret      log in with it
    finishSecret    label it AWSCURRENT

From setSecret to finishSecret the password that applications read is not the role's: connections
live on, and an application whose login is refused (SQLSTATE 28P01) reads the secret again.

No password, verifier or text of the secret is ever logged or part of an error.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import string
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import postgres
from credentials import Credentials
from store import Store

PASSWORD_LENGTH = 40
_ALPHABET = string.ascii_letters + string.digits  # needs no escaping in a URL, shell or file

# Seconds of the function's time that the database may not use up: an error has to be told.
_RESERVE = 5.0

_logger = logging.getLogger("rotation")
_logger.setLevel(logging.INFO)
for _name in ("boto3", "botocore", "urllib3"):  # at DEBUG they log whole requests and replies
    logging.getLogger(_name).setLevel(logging.WARNING)


class RotationError(Exception):
    """The rotation cannot go on; the text says what to do."""


class LoggedIn(Protocol):
    """What a step needs of a logged-in connection."""

    def execute(self, sql: str) -> None:
        """Run statements."""


Login = Callable[[Credentials], AbstractContextManager[LoggedIn]]


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Entry point: ``Step``, ``SecretId`` and ``ClientRequestToken`` count, the rest does not."""
    try:
        name, arn, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    except KeyError as error:
        raise RotationError(f"this is no event of a rotation: {error} is missing") from None
    if name not in STEPS:
        raise RotationError(f"{name!r} is no step of a rotation")
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _RESERVE
    login = partial(_log_in, cafile=roots(os.environ["AWS_REGION"]), deadline=deadline)
    store = Store(_client(), arn, token)
    outcome = STEPS[name](store, login) if store.due() else "the version was current"
    _logger.info(json.dumps({"step": name, "secret": arn, "outcome": outcome}))


def create_secret(store: Store, login: Login) -> str:  # noqa: ARG001
    """Write the new version: the current one with another password."""
    current = store.current()
    if store.pending():
        return "the new version was there"
    store.put_pending(current.with_password(new_password()))
    return "new version written"


def set_secret(store: Store, login: Login) -> str:
    """Give the role the new password, logged in with whichever password it has now."""
    current, pending = store.current(), _pending(store)
    if pending.target != current.target:
        # Otherwise whoever may write a version could have us log in elsewhere.
        raise RotationError("the new version is of another role, host, port or database")
    try:
        with login(pending):
            return "the role had the new password"
    except postgres.LoginError:
        pass
    for known in chain([current], store.older(current.username)):
        try:
            with login(current.with_password(known.password)) as connection:
                connection.execute(postgres.change_password(pending.username, pending.password))
                return "password changed"
        except postgres.LoginError:
            continue
    raise RotationError(
        "the role accepts the password of no version of the secret: it was changed elsewhere, "
        "or may not log in. Set the role's password to that of the current version, and rotate"
    )


def test_secret(store: Store, login: Login) -> str:
    """Log in with the new password.

    Secrets Manager also runs this step alone, to test a rotation that is being set up. Where
    that comes with an empty version, the current password tests all that there is to test;
    a rotation proper cannot get here with one, and ``finish_secret`` refuses it.
    """
    credentials = store.pending() or store.current()
    with login(credentials) as connection:
        connection.execute("SELECT 1")
    return "login tested"


def finish_secret(store: Store, login: Login) -> str:  # noqa: ARG001
    """Make the new version the current one."""
    _pending(store)
    store.promote()
    return "rotated"


STEPS: Mapping[str, Callable[[Store, Login], str]] = {
    "createSecret": create_secret,
    "setSecret": set_secret,
    "testSecret": test_secret,
    "finishSecret": finish_secret,
}


def new_password() -> str:
    """Draw a password of 40 letters and digits: 238 random bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(PASSWORD_LENGTH))


def roots(region: str) -> Path:
    """Find the file with the CA roots of the region's databases."""
    path = Path(__file__).with_name("ca") / f"{region}.pem"
    if not path.is_file():
        raise RotationError(
            f"no CA roots for the region {region!r}: add ca/{region}.pem as ca/README.md says, "
            "and release the module again"
        )
    return path


def _pending(store: Store) -> Credentials:
    pending = store.pending()
    if pending is None:
        raise RotationError("the new version of the secret is empty: createSecret has not run")
    return pending


def _log_in(credentials: Credentials, *, cafile: Path, deadline: float) -> postgres.Connection:
    return postgres.Connection(
        credentials.host,
        credentials.port,
        user=credentials.username,
        database=credentials.dbname,
        password=credentials.password,
        cafile=cafile,
        deadline=deadline,
    )


@cache
def _client() -> Any:
    """Make the client of the runtime's boto3; a missing endpoint is an error within seconds."""
    import boto3
    from botocore.config import Config

    limits = Config(
        connect_timeout=5,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    endpoint = os.environ.get("SECRETS_MANAGER_ENDPOINT") or None
    return boto3.client("secretsmanager", endpoint_url=endpoint, config=limits)
