"""When the primary is backed up, and when it and its replicas are maintained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from finbase.aws.windows import DAY, LEAST, Window, business, daily, overlap, weekly
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.rule import Finding, Rule, rule

__all__ = ["RULES"]

_GUIDE: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
_BACKUP: Final = f"{_GUIDE}USER_WorkingWithAutomatedBackups.html"
_MAINTENANCE: Final = f"{_GUIDE}USER_UpgradeDBInstance.Maintenance.html"
_DAILY: Final = "write HH:MM-HH:MM in UTC, such as 03:00-04:00"
_WEEKLY: Final = "write ddd:HH:MM-ddd:HH:MM in UTC, such as mon:04:00-mon:05:00"


@rule(
    "FB221",
    "the backup window is no window",
    "database.backup_window",
    why="RDS refuses a window of less than 30 minutes at apply; a plan accepts it.",
    source=_BACKUP,
    accepted={"database.backup_window": "03:00-03:30"},
    refused={"database.backup_window": "03:00-03:29"},
)
def backup_window(environment: Environment) -> Iterator[Finding]:
    """A backup window is a daily one, of 30 minutes or more."""
    for use, instance in environment.instances("database"):
        if (text := _text(use, instance, "backup_window")) and (what := _fault(text, daily(text))):
            yield Finding(use.where(instance, "backup_window"), what, _DAILY)


@rule(
    "FB222",
    "a maintenance window is no window",
    "database.maintenance_window",
    "replica.maintenance_window",
    why="RDS refuses a window of less than 30 minutes, or of a day and more, at apply; a plan "
    "accepts both.",
    source=_MAINTENANCE,
    accepted={"database.maintenance_window": "sun:00:00-sun:00:30"},
    refused={"database.maintenance_window": "sun:00:00-sun:00:29"},
)
def maintenance_window(environment: Environment) -> Iterator[Finding]:
    """A maintenance window is a weekly one, of 30 minutes or more and less than a day."""
    for use, instance, name, text in _windows(environment):
        if name == "maintenance_window" and (what := _fault(text, weekly(text))):
            yield Finding(use.where(instance, name), what, _WEEKLY)


@rule(
    "FB223",
    "backup and maintenance overlap",
    "database.backup_window",
    "database.maintenance_window",
    why="RDS refuses the instance at apply; a plan accepts it.",
    source=_BACKUP,
    accepted={
        "database.backup_window": "03:00-04:00",
        "database.maintenance_window": "mon:04:00-mon:05:00",
    },
    refused={
        "database.backup_window": "03:00-04:00",
        "database.maintenance_window": "mon:03:59-mon:05:00",
    },
)
def windows_apart(environment: Environment) -> Iterator[Finding]:
    """The backup never runs within the maintenance window."""
    for use, instance in environment.instances("database"):
        backup = _text(use, instance, "backup_window")
        maintenance = _text(use, instance, "maintenance_window")
        one, other = _sound(daily(backup)), _sound(weekly(maintenance))
        if one and other and overlap(one, other):
            given = [n for n in ("backup_window", "maintenance_window") if n in instance.inputs]
            where = use.where(instance, *given[-1:])
            what = f"maintenance in {maintenance} overlaps the backup in {backup} of every day"
            yield Finding(where, what, "move one of the two windows")


@rule(
    "FB224",
    "a replica is maintained together with its primary",
    "database.maintenance_window",
    "replica.maintenance_window",
    why="Both could be down at once, so that no read is answered at all.",
    source=_MAINTENANCE,
    accepted={"replica.instances.reporting.maintenance_window": "mon:05:00-mon:06:00"},
    refused={"replica.instances.reporting.maintenance_window": "mon:04:59-mon:05:59"},
)
def replica_apart(environment: Environment) -> Iterator[Finding]:
    """No replica has its maintenance while the primary may have its own."""
    for primary, of in environment.instances("database"):
        theirs = _text(primary, of, "maintenance_window")
        one = _sound(weekly(theirs))
        for use, instance in environment.instances("replica"):
            ours = _text(use, instance, "maintenance_window")
            other = _sound(weekly(ours))
            if one and other and overlap(one, other):
                where = use.where(instance, "maintenance_window")
                what = f"maintenance in {ours} overlaps that of the primary in {theirs}"
                yield Finding(where, what, "move it to another day")


@rule(
    "FB229",
    "a window within business hours",
    "database.backup_window",
    "database.maintenance_window",
    "replica.maintenance_window",
    why="A backup slows an instance without a standby down, and maintenance may restart it: "
    "F04c of the features fails for such an environment.",
    source=_MAINTENANCE,
    accepted={"database.maintenance_window": "wed:05:00-wed:06:00"},
    refused={"database.maintenance_window": "wed:05:01-wed:06:01"},
    yaml_only="the business hours of a region are not in the modules",
)
def outside_business_hours(environment: Environment) -> Iterator[Finding]:
    """No window lies within the business hours of the region, Monday to Friday."""
    hours = environment.catalogue.business_hours(environment.region)
    busy = business(hours) if hours else ()
    for use, instance, name, text in _windows(environment):
        window = _sound(daily(text) if name == "backup_window" else weekly(text))
        if window and any(overlap(window, span) for span in busy):
            of = f"{environment.region}, {hours} UTC from Monday to Friday"
            default = "" if name in instance.inputs else "the default "
            what = f"{default}{text} lies within the business hours of {of}"
            hint = f"{'move' if not default else 'give'} `{name}` outside of them"
            yield Finding(use.where(instance, name), what, hint)


def _windows(environment: Environment) -> Iterator[tuple[ModuleUse, Instance, str, str]]:
    """Every window of every instance, with its name."""
    for module in ("database", "replica"):
        for use, instance in environment.instances(module):
            for name in ("backup_window", "maintenance_window"):
                if text := _text(use, instance, name):
                    yield use, instance, name, text


def _text(use: ModuleUse, instance: Instance, name: str) -> str:
    value: Any = use.value(instance, name)
    return value if isinstance(value, str) else ""


def _fault(text: str, window: Window | None) -> str | None:
    """What is wrong with a window by itself, if anything is."""
    if window is None:
        return f"{text} is not a window"
    if window.length < LEAST:
        return f"{text} is a window of {window.length} minutes; RDS needs at least {LEAST}"
    if window.length >= DAY:
        return f"{text} is a window of a day or more"
    return None


def _sound(window: Window | None) -> Window | None:
    """The window, unless it breaks a rule by itself and is not worth comparing."""
    return window if window and LEAST <= window.length < DAY else None


RULES: Final[tuple[Rule, ...]] = (
    backup_window,
    maintenance_window,
    windows_apart,
    replica_apart,
    outside_business_hours,
)
