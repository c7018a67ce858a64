"""Rules about a major upgrade of PostgreSQL."""

from __future__ import annotations

from typing import Final

from finbase.environment.model import Environment
from finbase.environment.rules.inputs import text_of
from finbase.environment.rules.rule import RDS, Finding, Findings, rule

_UPGRADE: Final = {
    "database.engine_version": "18",
    "database.previous_engine_version": "17",
    "database.allow_major_version_upgrade": True,
    "database.apply_immediately": True,
}


@rule(
    "FB233",
    "incomplete major upgrade",
    "database.allow_major_version_upgrade",
    "database.apply_immediately",
    "database.previous_engine_version",
    "database.engine_version",
    why="Replicas run the old version until the primary is upgraded. RDS rejects a parameter "
    "group of another version for them, and does not delete the group that they use.",
    source=f"{RDS}USER_UpgradeDBInstance.PostgreSQL.MajorVersion.Process.html",
    accepted=_UPGRADE,
    refused={**_UPGRADE, "database.previous_engine_version": "18"},
)
def complete(environment: Environment) -> Findings:
    """A major upgrade must name an older version; only such an upgrade may start at once."""
    for use, instance in environment.instances("database"):
        allowed = use.value(instance, "allow_major_version_upgrade") is True
        before = text_of(use, instance, "previous_engine_version")
        after = text_of(use, instance, "engine_version")
        older = before.isdecimal() and after.isdecimal() and int(before) < int(after)
        if allowed and not before:
            message = f"a major upgrade to {after} must name the `previous_engine_version`"
            hint = "name the version that runs now; remove both inputs after the upgrade"
            yield Finding(use.where(instance, "allow_major_version_upgrade"), message, hint)
        if before and not older:
            message = f"`previous_engine_version` {before} is not older than {after}"
            hint = "name the version before the upgrade; outside an upgrade, remove the input"
            yield Finding(use.where(instance, "previous_engine_version"), message, hint)
        if use.value(instance, "apply_immediately") is True and not allowed:
            message = (
                "`apply_immediately` is for a major upgrade; other changes wait for the window"
            )
            hint = "remove it, or set `allow_major_version_upgrade` for an upgrade"
            yield Finding(use.where(instance, "apply_immediately"), message, hint)
