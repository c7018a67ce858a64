"""Rules about backup and maintenance windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from finbase.aws.windows import DAY, LEAST, Window, business, daily, overlap, weekly
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.inputs import first_set, text_of, values
from finbase.environment.rules.rule import RDS, Finding, Findings, rule

_BACKUP: Final = f"{RDS}USER_WorkingWithAutomatedBackups.html"
_MAINTENANCE: Final = f"{RDS}USER_UpgradeDBInstance.Maintenance.html"
_MAINTAINED: Final = ("database.maintenance_window", "replica.maintenance_window")
_AT_THREE: Final = {"database.backup_window": "03:00-04:00"}
_DAILY: Final = "write HH:MM-HH:MM in UTC, at least 30 minutes, such as 03:00-04:00"
_WEEKLY: Final = (
    "write ddd:HH:MM-ddd:HH:MM in UTC, at least 30 minutes, such as mon:04:00-mon:05:00"
)


@rule(
    "FB221",
    "invalid backup window",
    "database.backup_window",
    why="RDS rejects a window shorter than 30 minutes at apply; a plan accepts it.",
    source=_BACKUP,
    accepted={"database.backup_window": "03:00-03:30"},
    refused={"database.backup_window": "03:00-03:29"},
)
def backup_window(environment: Environment) -> Findings:
    """A backup window must be a daily window of at least 30 minutes."""
    for where, text in values(environment, str, "database.backup_window"):
        if text and (problem := _problem(text, daily(text))):
            yield Finding(where, problem, _DAILY)


@rule(
    "FB222",
    "invalid maintenance window",
    *_MAINTAINED,
    why="RDS rejects a window shorter than 30 minutes, or of a day or more, at apply; a plan "
    "accepts both.",
    source=_MAINTENANCE,
    accepted={"database.maintenance_window": "sun:00:00-sun:00:30"},
    refused={"database.maintenance_window": "sun:00:00-sun:00:29"},
)
def maintenance_window(environment: Environment) -> Findings:
    """A maintenance window must be a weekly window of at least 30 minutes and less than a day."""
    for where, text in values(environment, str, *_MAINTAINED):
        if text and (problem := _problem(text, weekly(text))):
            yield Finding(where, problem, _WEEKLY)


@rule(
    "FB223",
    "backup and maintenance windows overlap",
    "database.backup_window",
    "database.maintenance_window",
    why="RDS rejects such an instance at apply; a plan accepts it.",
    source=_BACKUP,
    accepted={**_AT_THREE, "database.maintenance_window": "mon:04:00-mon:05:00"},
    refused={**_AT_THREE, "database.maintenance_window": "mon:03:59-mon:05:00"},
)
def windows_apart(environment: Environment) -> Findings:
    """The backup window must not overlap the maintenance window."""
    for use, instance in environment.instances("database"):
        backup = text_of(use, instance, "backup_window")
        maintenance = text_of(use, instance, "maintenance_window")
        backed_up, maintained = _valid(daily(backup)), _valid(weekly(maintenance))
        if backed_up and maintained and overlap(backed_up, maintained):
            # A window that the file does not set has no line of its own to point at.
            where = first_set(use, instance, "maintenance_window", "backup_window")
            message = f"maintenance window {maintenance} overlaps the daily backup window {backup}"
            hint = "move one of them; one window may start when the other ends"
            yield Finding(where, message, hint)


@rule(
    "FB224",
    "replica and primary have maintenance at the same time",
    *_MAINTAINED,
    why="Both could be down at the same time, and no instance would answer reads.",
    source=_MAINTENANCE,
    accepted={"replica.instances.reporting.maintenance_window": "mon:05:00-mon:06:00"},
    refused={"replica.instances.reporting.maintenance_window": "mon:04:59-mon:05:59"},
)
def replica_apart(environment: Environment) -> Findings:
    """The maintenance window of a replica must not overlap that of its primary."""
    for database, primary in _replicated(environment):
        primary_text = text_of(database, primary, "maintenance_window")
        primary_window = _valid(weekly(primary_text))
        for where, text in values(environment, str, "replica.maintenance_window"):
            window = _valid(weekly(text))
            if primary_window and window and overlap(primary_window, window):
                message = f"maintenance window {text} overlaps {primary_text}, that of the primary"
                yield Finding(where, message, "move it to another time or another day")


@rule(
    "FB232",
    "replica has maintenance during the backup",
    "database.backup_window",
    "replica.maintenance_window",
    why="A replica has the backup window of its primary. RDS rejects the maintenance window after "
    "it has created the replica, which Terraform then replaces; a plan accepts it.",
    source=_BACKUP,
    accepted={"replica.instances.reporting.maintenance_window": "tue:04:00-tue:05:00"},
    refused={"replica.instances.reporting.maintenance_window": "tue:03:59-tue:05:00"},
)
def replica_and_backup(environment: Environment) -> Findings:
    """The maintenance window of a replica must not overlap the backup window of its primary."""
    for database, primary in _replicated(environment):
        backup = text_of(database, primary, "backup_window")
        backed_up = _valid(daily(backup))
        for use, instance in environment.instances("replica"):
            maintenance = text_of(use, instance, "maintenance_window")
            window = _valid(weekly(maintenance))
            if backed_up and window and overlap(backed_up, window):
                # Point at a window that the file sets: the replica's, or else the primary's.
                if "maintenance_window" in instance.inputs or "backup_window" not in primary.inputs:
                    where = use.where(instance, "maintenance_window")
                else:
                    where = database.where(primary, "backup_window")
                message = (
                    f"maintenance window {maintenance} of the replica `{instance.key}` overlaps "
                    f"{backup}, the daily backup window of its primary"
                )
                yield Finding(where, message, "move one of them; both are in UTC")


@rule(
    "FB229",
    "window during business hours",
    "database.backup_window",
    *_MAINTAINED,
    "cache.daily_snapshot_time",
    why="A backup slows down an instance without a standby, maintenance can restart an instance, "
    "and a snapshot uses the cache's capacity. `finbase check` fails F04c or F07b for such an "
    "environment.",
    source=_MAINTENANCE,
    accepted={"database.maintenance_window": "wed:05:00-wed:06:00"},
    refused={"database.maintenance_window": "wed:05:01-wed:06:01"},
    yaml_only="the modules do not contain the business hours of regions",
)
def outside_business_hours(environment: Environment) -> Findings:
    """Windows and snapshots must be outside the region's business hours, Monday to Friday."""
    hours = environment.catalogue.business_hours(environment.region)
    busy = business(hours) if hours else ()
    for name, read in _WINDOWS.items():
        for where, text in values(environment, str, name):
            window = _valid(read(text))
            if window and any(overlap(window, span) for span in busy):
                in_file = where in environment.document.positions
                origin = "" if in_file else f"the default `{where[-1]}` "
                message = (
                    f"{origin}{text} overlaps the business hours of {environment.region} "
                    f"({hours} UTC, Monday to Friday)"
                )
                hint = f"{'move' if in_file else 'set'} `{where[-1]}` to a time outside these hours"
                yield Finding(where, message, hint)


def _replicated(environment: Environment) -> Iterator[tuple[ModuleUse, Instance]]:
    """Yield the first database: replicas are its own."""
    for use, instance in environment.instances("database"):
        if not use.is_further(instance):
            yield use, instance


def _snapshot(text: str) -> Window | None:
    """Return the hour from a cache's snapshot time on, as ``features/`` reads it."""
    start = daily(f"{text}-00:00")
    return Window(start.start, 60, DAY) if start else None


_WINDOWS: Final[Mapping[str, Callable[[str], Window | None]]] = {
    "database.backup_window": daily,
    **dict.fromkeys(_MAINTAINED, weekly),
    "cache.daily_snapshot_time": _snapshot,
}
"""The inputs that are windows, and the functions that read them."""


def _problem(text: str, window: Window | None) -> str | None:
    """Return what is wrong with a window, or None if it is valid.

    >>> _problem("03:00-03:29", daily("03:00-03:29"))
    '03:00-03:29 is 29 minutes long; RDS requires at least 30 minutes'
    """
    if window is None:
        return f"{text} is not a valid window"
    if window.length < LEAST:
        return f"{text} is {window.length} minutes long; RDS requires at least {LEAST} minutes"
    if window.length >= DAY:
        return f"{text} is a day or longer; RDS requires less"
    return None


def _valid(window: Window | None) -> Window | None:
    """Return the window, or None if another rule already reports it."""
    return window if window and LEAST <= window.length < DAY else None
