"""Windows and storage of the primary and its replicas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from generator.model import Environment, Instance, ModuleUse
from generator.rules.rule import Finding, Rule, rule
from generator.rules.windows import DAY, LEAST, Window, daily, overlap, weekly

__all__ = ["RULES"]

_STRIPED: Final = 400
"""The size in GiB from which RDS for PostgreSQL spreads a gp3 volume over four."""
_IOPS: Final = (12_000, 64_000)
_THROUGHPUT: Final = (500, 4_000)

_GUIDE: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
_BACKUP: Final = f"{_GUIDE}USER_WorkingWithAutomatedBackups.html"
_MAINTENANCE: Final = f"{_GUIDE}USER_UpgradeDBInstance.Maintenance.html"
_STORAGE: Final = f"{_GUIDE}CHAP_Storage.html"


@rule(
    "FB221",
    "the backup window is no window",
    why="RDS refuses a window of less than 30 minutes at apply; a plan accepts it.",
    source=_BACKUP,
)
def backup_window(environment: Environment) -> Iterator[Finding]:
    """A backup window is a daily one, of 30 minutes or more."""
    for use, instance in environment.instances("database"):
        if text := _text(use, instance, "backup_window"):
            example = "write HH:MM-HH:MM in UTC, such as 03:00-04:00"
            if what := _fault(text, daily(text)):
                yield Finding(use.where(instance, "backup_window"), what, example)


@rule(
    "FB222",
    "a maintenance window is no window",
    why="RDS refuses a window of less than 30 minutes, or of a day and more, at apply; a plan "
    "accepts both.",
    source=_MAINTENANCE,
)
def maintenance_window(environment: Environment) -> Iterator[Finding]:
    """A maintenance window is a weekly one, of 30 minutes or more and less than a day."""
    for module in ("database", "replica"):
        for use, instance in environment.instances(module):
            if text := _text(use, instance, "maintenance_window"):
                example = "write ddd:HH:MM-ddd:HH:MM in UTC, such as mon:04:00-mon:05:00"
                if what := _fault(text, weekly(text)):
                    yield Finding(use.where(instance, "maintenance_window"), what, example)


@rule(
    "FB223",
    "backup and maintenance overlap",
    why="RDS refuses the instance at apply; a plan accepts it.",
    source=_BACKUP,
)
def windows_apart(environment: Environment) -> Iterator[Finding]:
    """The backup never runs within the maintenance window."""
    for use, instance in environment.instances("database"):
        backup = _text(use, instance, "backup_window")
        maintenance = _text(use, instance, "maintenance_window")
        one, other = _sound(daily(backup)), _sound(weekly(maintenance))
        if one and other and overlap(one, other):
            given = [n for n in ("backup_window", "maintenance_window") if n in instance.inputs]
            where = use.where(instance, *(given[-1:] or ["maintenance_window"]))
            what = f"maintenance in {maintenance} overlaps the backup in {backup} of every day"
            yield Finding(where, what, "move one of the two windows")


@rule(
    "FB224",
    "a replica is maintained together with its primary",
    why="Both could be down at once, so that no read is answered at all.",
    source=_MAINTENANCE,
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
    "FB225",
    "IOPS or throughput for a small volume",
    why="A gp3 volume of less than 400 GiB always has 3000 IOPS and 125 MiB/s; RDS refuses "
    "anything else at apply, a plan accepts it.",
    source=_STORAGE,
)
def small_volume(environment: Environment) -> Iterator[Finding]:
    """Volumes of less than 400 GiB have neither IOPS nor throughput of their own."""
    for use, instance, size in _volumes(environment):
        for name in ("iops", "storage_throughput") if size < _STRIPED else ():
            if _number(use, instance, name):
                what = f"`{name}` needs a volume of at least {_STRIPED} GiB, not {size} GiB"
                hint = f"take it out, or raise allocated_storage to {_STRIPED}"
                yield Finding(use.where(instance, name), what, hint)


@rule(
    "FB226",
    "IOPS or throughput out of range",
    why="A gp3 volume of 400 GiB and more has 12000 to 64000 IOPS and 500 to 4000 MiB/s, and "
    "at most 1 MiB/s for every 4 IOPS; RDS refuses anything else at apply, a plan accepts it.",
    source=_STORAGE,
)
def large_volume(environment: Environment) -> Iterator[Finding]:
    """Volumes of 400 GiB and more keep to the limits of four gp3 volumes."""
    for use, instance, size in _volumes(environment):
        if size < _STRIPED:
            continue
        iops = _number(use, instance, "iops")
        throughput = _number(use, instance, "storage_throughput")
        fine = True
        for name, value, (least, most) in (
            ("iops", iops, _IOPS),
            ("storage_throughput", throughput, _THROUGHPUT),
        ):
            if value and not least <= value <= most:
                fine = False
                what = f"`{name}` must be from {least} to {most}, not {value}"
                yield Finding(use.where(instance, name), what)
        has = iops or _IOPS[0]
        if fine and throughput and 4 * throughput > has:
            what = f"{throughput} MiB/s needs {4 * throughput} IOPS; the volume has {has}"
            hint = f"raise iops to {4 * throughput}, or lower storage_throughput to {has // 4}"
            yield Finding(use.where(instance, "storage_throughput"), what, hint)


@rule(
    "FB227",
    "the volume has no room to grow",
    why="RDS refuses a maximum that is less than 10 % above the size at apply; a plan accepts it.",
    source=f"{_GUIDE}USER_PIOPS.Autoscaling.html",
)
def room_to_grow(environment: Environment) -> Iterator[Finding]:
    """The size that a volume may grow to is at least 10 % above its size."""
    for use, instance, size in _volumes(environment):
        most = _number(use, instance, "max_allocated_storage")
        least = -(-11 * size // 10)
        if most and most < least:
            what = f"`max_allocated_storage` must be at least {least} GiB, not {most}"
            hint = "leave 10 % more than allocated_storage"
            yield Finding(use.where(instance, "max_allocated_storage"), what, hint)


def _volumes(environment: Environment) -> Iterator[tuple[ModuleUse, Instance, int]]:
    """Each primary on gp3, with its size in GiB."""
    for use, instance in environment.instances("database"):
        size = _number(use, instance, "allocated_storage")
        if size and use.value(instance, "storage_type") in (None, "gp3"):
            yield use, instance, size


def _text(use: ModuleUse, instance: Instance, name: str) -> str:
    value: Any = use.value(instance, name)
    return value if isinstance(value, str) else ""


def _number(use: ModuleUse, instance: Instance, name: str) -> int | None:
    value: Any = use.value(instance, name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


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
    small_volume,
    large_volume,
    room_to_grow,
)
