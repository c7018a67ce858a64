"""Rules about what a new database is restored from."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from finbase.environment.model import Environment
from finbase.environment.rules.inputs import written
from finbase.environment.rules.rule import RDS, Finding, Findings, rule

_NAME: Final = "restore_from"


@rule(
    "FB234",
    "unclear restore",
    "database.restore_from",
    why="RDS restores a new instance either from a snapshot or from another instance at a point "
    "in time. It rejects anything else at apply.",
    source=f"{RDS}USER_PIT.html",
    accepted={"database.restore_from": {"instance": "ledger-old", "time": "2026-11-25T03:00:00Z"}},
    refused={"database.restore_from": {"instance": "ledger-old", "snapshot": "ledger-1"}},
)
def origin(environment: Environment) -> Findings:
    """`restore_from` must name a snapshot, or another instance and perhaps a valid time."""
    for use, instance in environment.instances("database"):
        if not isinstance(names := use.value(instance, _NAME), dict):
            continue
        where = use.where(instance, _NAME)
        # Also a name in a wrong format, which is reported as such.
        in_file = written(environment, where) or names
        snapshot, source, time = (in_file.get(n) for n in ("snapshot", "instance", "time"))
        if snapshot and source:
            message = f"`{_NAME}` names both a snapshot and an instance"
            yield Finding((*where, "snapshot"), message, "remove one of them", key=True)
        elif not snapshot and not source:
            hint = "name a `snapshot`, or an `instance` and perhaps a `time`"
            yield Finding(where, f"`{_NAME}` names neither a snapshot nor an instance", hint)
        if time and not source:
            message = "only an instance is restored to a time; a snapshot has its own"
            yield Finding((*where, "time"), message, "remove `time`", key=True)
        if source == "-".join(filter(None, (environment.stack_name, instance.key))):
            message = f"the new instance is named {source}, so it cannot be restored from it"
            hint = f"rename the old one, such as to {source}-old, and name that"
            yield Finding((*where, "instance"), message, hint)
        if isinstance(time, str) and not _is_time(time):
            message = f"{time} does not exist"
            yield Finding((*where, "time"), message, "write a time such as 2026-11-25T03:00:00Z")


def _is_time(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return False
    return True
