"""The volume of the primary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.rule import Finding, Rule, rule

__all__ = ["RULES"]

_STRIPED: Final = 400
"""The size in GiB from which RDS for PostgreSQL spreads a gp3 volume over four."""
_IOPS: Final = (12_000, 64_000)
_THROUGHPUT: Final = (500, 4_000)

_GUIDE: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
_STORAGE: Final = f"{_GUIDE}CHAP_Storage.html"


@rule(
    "FB225",
    "IOPS or throughput for a small volume",
    "database.allocated_storage",
    "database.iops",
    "database.storage_throughput",
    why="A gp3 volume of less than 400 GiB always has 3000 IOPS and 125 MiB/s; RDS refuses "
    "anything else at apply, a plan accepts it.",
    source=_STORAGE,
    accepted={"database.allocated_storage": 400, "database.iops": 12000},
    refused={"database.allocated_storage": 399, "database.iops": 12000},
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
    "database.iops",
    "database.storage_throughput",
    why="A gp3 volume of 400 GiB and more has 12000 to 64000 IOPS and 500 to 4000 MiB/s, and "
    "at most 1 MiB/s for every 4 IOPS; RDS refuses anything else at apply, a plan accepts it.",
    source=_STORAGE,
    accepted={
        "database.allocated_storage": 400,
        "database.iops": 16000,
        "database.storage_throughput": 4000,
    },
    refused={
        "database.allocated_storage": 400,
        "database.iops": 15999,
        "database.storage_throughput": 4000,
    },
)
def large_volume(environment: Environment) -> Iterator[Finding]:
    """Volumes of 400 GiB and more keep to the limits of four gp3 volumes."""
    for use, instance, size in _volumes(environment):
        if size < _STRIPED:
            continue
        iops = _number(use, instance, "iops")
        throughput = _number(use, instance, "storage_throughput")
        given = (("iops", iops, _IOPS), ("storage_throughput", throughput, _THROUGHPUT))
        wrong = [
            (name, value, *of) for name, value, of in given if value and not _within(value, of)
        ]
        for name, value, least, most in wrong:
            what = f"`{name}` must be from {least} to {most}, not {value}"
            nearest = f"{least} or more" if value < least else f"{most} or less"
            yield Finding(use.where(instance, name), what, f"write {nearest}")
        has = iops or _IOPS[0]
        if not wrong and throughput and 4 * throughput > has:
            what = f"{throughput} MiB/s needs {4 * throughput} IOPS; the volume has {has}"
            hint = f"raise iops to {4 * throughput}, or lower storage_throughput to {has // 4}"
            yield Finding(use.where(instance, "storage_throughput"), what, hint)


@rule(
    "FB227",
    "the volume has no room to grow",
    "database.allocated_storage",
    "database.max_allocated_storage",
    why="RDS refuses a maximum that is less than 10 % above the size at apply; a plan accepts it.",
    source=f"{_GUIDE}USER_PIOPS.Autoscaling.html",
    accepted={"database.allocated_storage": 101, "database.max_allocated_storage": 112},
    refused={"database.allocated_storage": 101, "database.max_allocated_storage": 111},
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


def _within(value: int, of: tuple[int, int]) -> bool:
    least, most = of
    return least <= value <= most


def _number(use: ModuleUse, instance: Instance, name: str) -> int | None:
    value: Any = use.value(instance, name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


RULES: Final[tuple[Rule, ...]] = (small_volume, large_volume, room_to_grow)
