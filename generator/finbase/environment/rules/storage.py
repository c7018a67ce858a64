"""Rules about the volume of the primary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from finbase import codes
from finbase.aws.storage import IOPS, STRIPED
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.inputs import whole_number, written
from finbase.environment.rules.rule import RDS, Finding, Findings, rule
from finbase.source.document import Where

_THROUGHPUT: Final = (500, 4_000)
_FASTEST: Final = {
    "database.allocated_storage": 400,
    "database.iops": 16000,
    "database.storage_throughput": 4000,
}

_STORAGE: Final = f"{RDS}CHAP_Storage.html"


@rule(
    "FB225",
    "IOPS or throughput on a small volume",
    "database.allocated_storage",
    "database.iops",
    "database.storage_throughput",
    why="A gp3 volume below 400 GiB always has 3000 IOPS and 125 MiB/s. RDS rejects other values "
    "at apply; a plan accepts them.",
    source=_STORAGE,
    accepted={"database.allocated_storage": 400, "database.iops": 12000},
    refused={"database.allocated_storage": 399, "database.iops": 12000},
)
def small_volume(environment: Environment) -> Findings:
    """A volume below 400 GiB must not set IOPS or throughput."""
    for use, instance, size in _volumes(environment):
        for name in ("iops", "storage_throughput") if size < STRIPED else ():
            # Also one that is out of range: a larger one would be refused, too.
            value = whole_number(use, instance, name)
            if value or _is_out_of_range(environment, use.where(instance, name)):
                message = f"`{name}` requires a volume of at least {STRIPED} GiB, not {size} GiB"
                hint = f"remove `{name}`, or raise `allocated_storage` to {STRIPED}"
                most = whole_number(use, instance, "max_allocated_storage")
                if most and most < (least := _least_maximum(STRIPED)):
                    hint += f" and `max_allocated_storage` to {least}"
                yield Finding(use.where(instance, name), message, hint)


@rule(
    "FB226",
    "IOPS or throughput out of range",
    "database.iops",
    "database.storage_throughput",
    why="A gp3 volume of 400 GiB or more supports 12000 to 64000 IOPS and 500 to 4000 MiB/s, and "
    "at most 1 MiB/s for every 4 IOPS. RDS rejects other values at apply; a plan accepts them.",
    source=_STORAGE,
    accepted=_FASTEST,
    refused={**_FASTEST, "database.iops": 15999},
)
def large_volume(environment: Environment) -> Findings:
    """IOPS and throughput of a volume of 400 GiB or more must be within the limits of gp3."""
    for use, instance, size in _volumes(environment):
        if size < STRIPED:
            continue
        iops = whole_number(use, instance, "iops")
        throughput = whole_number(use, instance, "storage_throughput")
        if iops is None and _is_out_of_range(environment, use.where(instance, "iops")):
            continue  # It is reported, and the volume does not have the default.
        wrong = False
        for name, value, (least, most) in (
            ("iops", iops, IOPS),
            ("storage_throughput", throughput, _THROUGHPUT),
        ):
            if value and not least <= value <= most:
                wrong = True
                message = f"`{name}` must be from {least} to {most}, not {value}"
                nearest = f"{least} or more" if value < least else f"{most} or less"
                yield Finding(use.where(instance, name), message, f"write {nearest}")
        has = iops or IOPS[0]
        if not wrong and throughput and 4 * throughput > has:
            message = f"{throughput} MiB/s require {4 * throughput} IOPS, but the volume has {has}"
            hint = f"raise `iops` to {4 * throughput}, or lower `storage_throughput` to {has // 4}"
            yield Finding(use.where(instance, "storage_throughput"), message, hint)


@rule(
    "FB227",
    "no room for the volume to grow",
    "database.allocated_storage",
    "database.max_allocated_storage",
    why="RDS rejects a maximum less than 10 % above the initial size at apply; a plan accepts it.",
    source=f"{RDS}USER_PIOPS.Autoscaling.html",
    accepted={"database.allocated_storage": 101, "database.max_allocated_storage": 112},
    refused={"database.allocated_storage": 101, "database.max_allocated_storage": 111},
)
def room_to_grow(environment: Environment) -> Findings:
    """`max_allocated_storage` must be at least 10 % above `allocated_storage`."""
    for use, instance, size in _volumes(environment):
        most = whole_number(use, instance, "max_allocated_storage")
        least = _least_maximum(size)
        if most and most < least:
            message = f"`max_allocated_storage` must be at least {least} GiB, not {most} GiB"
            hint = f"write {least} or more: 10 % above `allocated_storage`"
            yield Finding(use.where(instance, "max_allocated_storage"), message, hint)


def _least_maximum(size: int) -> int:
    """Return the least `max_allocated_storage` for a size in GiB."""
    return -(-11 * size // 10)


def _volumes(environment: Environment) -> Iterator[tuple[ModuleUse, Instance, int]]:
    """Yield each primary on a gp3 volume, with the size in GiB."""
    for use, instance in environment.instances("database"):
        size = whole_number(use, instance, "allocated_storage")
        if size and use.value(instance, "storage_type") in (None, "gp3"):
            yield use, instance, size


def _is_out_of_range(environment: Environment, where: Where) -> bool:
    """Return whether the file has a number there, if the environment has none."""
    return type(written(environment, where)) is int


INSTEAD: Final[Mapping[str, str]] = {"FB225": codes.RANGE}
"""By the code of a rule, the code of the error that it replaces at the same value."""
