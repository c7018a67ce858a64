"""Rules about the thresholds of alarms, and how many connections an instance allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf
from typing import Any, Final

from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.inputs import text_of, whole_number
from finbase.environment.rules.rule import RDS, Finding, Findings, note, rule

_GIB: Final = {"r": 8, "m": 4, "x": 16}
"""GiB of memory for each vCPU, by the first letter of a family of instance classes."""
_BURSTABLE: Final = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
"""GiB of memory of a burstable class, by its size."""
_FAMILY = re.compile(r"db\.([a-z])[0-9a-z]+")
_XLARGE = re.compile(r"(\d*)xlarge")
_GIB_PER_CONNECTION: Final = 9531392 / 2**30
_MOST_CONNECTIONS: Final = 5000
_MOST: Final = {"cpu_threshold_percent": 99, "latency_threshold_milliseconds": 1000}
_OF_CONNECTIONS: Final = ("connections_threshold", "load_threshold")
_OF_MEMORY: Final = ("freeable_memory_threshold_mib", "swap_threshold_mib")
_LEAST_FREE: Final = 64


@rule(
    "FB281",
    "alarm that never fires",
    *(f"monitoring.{name}" for name in (*_MOST, *_OF_CONNECTIONS, *_OF_MEMORY)),
    *("database.instance_class", "database.parameters", "replica.instance_class"),
    why="An alarm with a threshold that its metric never crosses, or has always crossed, does not "
    "report that the database is in trouble. F09 has the limits that need no class.",
    source=f"{RDS}rds-metrics.html",
    accepted={"monitoring.cpu_threshold_percent": 99},
    refused={"monitoring.cpu_threshold_percent": 100},
    yaml_only="the released modules accept the number",
)
def thresholds(environment: Environment) -> Findings:
    """The thresholds of alarms must be values that the metrics of each instance can cross."""
    for use, instance in environment.instances("monitoring"):
        connections, memory = _least(environment, instance.key)
        limits: list[tuple[str, int, float, str]]
        limits = [(name, 0, most, "") for name, most in _MOST.items()]
        limits += [(_OF_MEMORY[0], _LEAST_FREE, inf, "")]
        if connections:
            what = f"; the instance allows about {connections} connections"
            limits += [(name, 0, connections - 1, what) for name in _OF_CONNECTIONS]
        if memory:
            what = f"; the instance has {memory} GiB of memory"
            limits += [(name, 0, memory * 1024 - 1, what) for name in _OF_MEMORY]
        for name, least, most, what in limits:
            value = whole_number(use, instance, name)
            if value is None or least <= value <= most:
                continue
            fine = f"{least} or more" if value < least else f"{most} or less"
            message = f"`{name}: {value}` is a value that the metric does not cross{what}"
            yield Finding(use.where(instance, name), message, f"set `{name}` to {fine}")


@note(
    "FB317",
    "load alarm below the vCPUs",
    "monitoring.load_threshold",
    *("database.instance_class", "replica.instance_class"),
    why="Each vCPU can work for one session at a time. With fewer sessions than vCPUs, an instance "
    "has room, so such an alarm reports normal work, for example after a change to a larger class.",
    source=f"{RDS}USER_PerfInsights.Overview.ActiveSessions.html",
    accepted={"database.instance_class": "db.r7g.4xlarge", "monitoring.load_threshold": 16},
    refused={"database.instance_class": "db.r7g.4xlarge", "monitoring.load_threshold": 15},
)
def load_alarm(environment: Environment) -> Findings:
    """`load_threshold` should be at least the number of vCPUs of each instance."""
    for use, instance in environment.instances("monitoring"):
        classes = [text_of(*one, "instance_class") for one in _watched(environment, instance.key)]
        sizes = [(count, name) for name in classes if (count := _vcpus_of(name))]
        value = whole_number(use, instance, "load_threshold")
        if sizes and value and value < (most := max(sizes))[0]:
            message = f"`load_threshold: {value}` is below the {most[0]} vCPUs of {most[1]}"
            hint = f"set it to about {2 * most[0]}, twice the number of vCPUs"
            yield Finding(use.where(instance, "load_threshold"), message, hint)


def connections_of(use: ModuleUse, instance: Instance) -> int | None:
    """Return about how many connections RDS allows by default; None if a parameter says it."""
    memory = _memory_of(use, instance)
    if memory is None or _max_connections(use, instance) is not None:
        return None
    return _default_connections(memory)


def _max_connections(use: ModuleUse, instance: Instance) -> Any:
    """Return the parameter ``max_connections``; None if the file does not set it."""
    parameters: Any = use.value(instance, "parameters")
    return parameters.get("max_connections") if isinstance(parameters, dict) else None


def _default_connections(memory: int) -> int:
    """Return the default of ``max_connections`` for this memory in GiB."""
    return min(int(memory / _GIB_PER_CONNECTION), _MOST_CONNECTIONS)


def _memory_of(use: ModuleUse, instance: Instance) -> int | None:
    """Return the memory of an instance in GiB; None if its class is not known."""
    class_ = text_of(use, instance, "instance_class")
    family, _, size = class_.rpartition(".")
    if family.startswith("db.t"):
        return _BURSTABLE.get(size)
    match = _FAMILY.fullmatch(family)
    gib = _GIB.get(match[1], 0) if match and size.endswith("large") else 0
    return gib * (_vcpus_of(class_) or 0) or None


def _vcpus_of(class_: str) -> int | None:
    """Return the number of vCPUs of a class of instances; None if it is not known.

    >>> _vcpus_of("db.r7g.large"), _vcpus_of("db.m7g.4xlarge"), _vcpus_of("db.t4g.medium")
    (2, 16, 2)
    """
    size = class_.rpartition(".")[2]
    if size in ("micro", "small", "medium", "large"):
        return 2
    match = _XLARGE.fullmatch(size)
    return 4 * int(match[1] or 1) if match else None


def _watched(environment: Environment, key: str) -> Iterator[tuple[ModuleUse, Instance]]:
    """Yield the instances that the alarms of a database watch: it and, for the first, replicas."""
    yield from (pair for pair in environment.instances("database") if pair[1].key == key)
    yield from () if key else environment.instances("replica")


def _least(environment: Environment, key: str) -> tuple[int | None, int | None]:
    """Return the fewest connections and the least memory in GiB of the instances; None if unknown.

    Replicas have the parameters of the primary, which comes first.
    """
    watched = [*_watched(environment, key)]
    memory = [gib for one in watched if (gib := _memory_of(*one)) is not None]
    connections = [_default_connections(gib) for gib in memory]
    if watched and (most := _max_connections(*watched[0])) is not None:
        connections = [int(most)] if str(most).isdecimal() else []
    return min(connections, default=None), min(memory, default=None)
