"""The function that sets up the roles of a database, and rotates their secrets.

``handler`` takes three kinds of event:

    {"action": "apply"}     make what is declared true, and the roles' secrets work
    {"action": "check"}     change nothing; both return what differs from the declaration
    {"Step": …}             one step of the rotation of a role's secret, by Secrets Manager

What is declared comes from the function's own environment: whoever may call the function cannot
declare a role. No password, verifier or text of a secret is ever logged or part of an error.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import alternation
import database
import declaration
import drift
import rotation
import secret
from alternation import Master, Turn
from credentials import Credentials
from declaration import Declaration
from session import Session
from store import Store

# Lines of each list of an answer, and seconds in which an error has to be told.
MAX_LINES = 200
_RESERVE = 5.0

_logger = logging.getLogger("roles")
_logger.setLevel(logging.INFO)


class EventError(Exception):
    """The event is none of this function's."""


def handler(event: Mapping[str, Any], context: Any) -> dict[str, object] | None:
    """Entry point: tells the events apart; only ``action``, or a rotation's three fields, count."""
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _RESERVE
    limits: dict[str, Any] = {
        "cafile": rotation.roots(os.environ["AWS_REGION"]),
        "deadline": deadline,
    }
    declared = declaration.parse(os.environ["DECLARATION"])
    client = rotation._client()
    connection = Store(client, os.environ["CONNECTION_SECRET"], "")
    master = Master(connection, partial(_session, **limits))
    login = partial(rotation._log_in, **limits)
    if "Step" in event:
        _rotate(event, declared, master, login)
        return None
    action = event.get("action")
    if action not in ("apply", "check"):
        raise EventError('the event has neither "Step" nor the "action" apply or check')
    stores = {role.name: Store(client, role.secret_arn, "") for role in declared.roles}
    changed, differing = _run(declared, master, stores, login, applies=action == "apply")
    ages = {role.name: _days_since_rotation(client, role.secret_arn) for role in declared.roles}
    _measure(len(differing), ages)
    return {
        "changed": _bounded(changed),
        "drift": _bounded(differing),
        "rotated_days_ago": ages,
    }


def _run(
    declared: Declaration,
    master: Master,
    stores: Mapping[str, Store],
    login: rotation.Login,
    *,
    applies: bool,
) -> tuple[list[str], list[str]]:
    """Apply or only check; ``stores`` are the roles' secrets, by role.

    Returns what has changed, and what differs from the declaration now.
    """
    changed: list[str] = []
    with master.session() as session:
        session.open(declared.names)
        server, target = database.look(session), master.target()
        if applies:
            changed = database.apply(session, declared, server, master.session)
            for role in declared.roles:
                changed += secret.mend(session, role, stores[role.name], target, login)
            for line in changed:
                _logger.info(json.dumps({"changed": line}))
        with session.transaction("compare the database with the declaration", "READ ONLY"):
            differing = [
                *session.ended,
                *database.foreign(session, declared),
                *database.missing(session, declared, server),
                *drift.excess(session, declared, server),
            ]
        faults = (secret.fault(session, r, stores[r.name], target, login) for r in declared.roles)
        differing += filter(None, faults)
        for line in differing[:MAX_LINES]:
            _logger.warning(json.dumps({"drift": line}))
    return changed, differing


def _rotate(
    event: Mapping[str, Any], declared: Declaration, master: Master, login: rotation.Login
) -> None:
    try:
        name, arn, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    except KeyError as error:
        raise EventError(f"this is no event of a rotation: {error} is missing") from None
    if name not in alternation.STEPS:
        raise EventError(f"{name!r} is no step of a rotation")
    role = declared.of_secret(arn)
    store = Store(rotation._client(), arn, token)
    turn = Turn(role, store, declared, master, login)
    outcome = alternation.STEPS[name](turn) if store.due() else "the version was current"
    _logger.info(json.dumps({"step": name, "secret": arn, "outcome": outcome}))


def _session(credentials: Credentials, *, cafile: Path, deadline: float) -> Session:
    return Session(
        credentials.host,
        credentials.port,
        user=credentials.username,
        database=credentials.dbname,
        password=credentials.password,
        cafile=cafile,
        deadline=deadline,
    )


def _days_since_rotation(client: Any, arn: str) -> float:
    """Return the days since the last rotation, or since the secret was made if there was none."""
    described = client.describe_secret(SecretId=arn)
    last = described.get("LastRotatedDate") or described["CreatedDate"]
    days: float = (datetime.now(UTC) - last).total_seconds() / 86_400
    return round(days, 2)


def _measure(differing: int, ages: Mapping[str, float]) -> None:
    """Write the metrics to the log, in the format from which CloudWatch takes them."""
    namespace = os.environ["METRICS_NAMESPACE"]
    _emit(namespace, {"DatabaseDrift": float(differing)}, {})
    for role, days in ages.items():
        _emit(namespace, {"DaysSinceRotation": days}, {"Role": role})


def _emit(namespace: str, values: Mapping[str, float], dimensions: Mapping[str, str]) -> None:
    metrics = [{"Name": name, "Unit": "Count"} for name in values]
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": metrics,
    }
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    # Not through the logger, which would put other words before it.
    print(json.dumps({"_aws": metadata, **dimensions, **values}), flush=True)


def _bounded(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MAX_LINES
    return [*lines[:MAX_LINES], *([f"and {more} more"] if more > 0 else [])]
