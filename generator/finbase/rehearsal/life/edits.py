"""Edits of an environment's file: each takes the environment, and returns the file's new values."""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from finbase.aws.storage import IOPS, STRIPED
from finbase.environment.changes import grows
from finbase.environment.model import Environment
from finbase.errors import FinbaseError

Values: TypeAlias = dict[str, Any]
Change: TypeAlias = Callable[[Environment], Values]

REPLICA: Final = "life"
SNAPSHOT: Final = "before-the-restore"
RENAMED: Final = "old"
_WINDOW: Final = "sun:09:00-sun:10:00"


def unchanged(environment: Environment) -> Values:
    """Change nothing."""
    return _values(environment)


def older_version(environment: Environment) -> Values:
    """Take the major version before: at the start, or because AWS refused the next one."""
    return _set(environment, engine_version=str(_version(environment) - 1))


def larger(environment: Environment) -> Values:
    """Take the next larger class, a tenth more storage of four volumes, and another parameter.

    Storage of one volume stays one beside replicas that cannot grow with it.
    """
    storage = -(-11 * _input(environment, "allocated_storage") // 10)
    iops = _input(environment, "iops")
    if all(grows(use) for use, _ in environment.instances("replica")):
        storage, iops = max(STRIPED, storage), iops or IOPS[0]
    parameters = _input(environment, "parameters") or {}
    return _set(
        environment,
        instance_class=_larger_class(environment),
        allocated_storage=storage,
        max_allocated_storage=max(_input(environment, "max_allocated_storage"), 2 * storage),
        iops=iops,
        parameters=parameters | {"work_mem": "32768"},
    )


def another_zone(environment: Environment) -> Values:
    """Add the next zone of the region, with the first free ranges of the sizes in use."""
    values = _values(environment)
    network = values["modules"]["network"]
    zones: dict[str, dict[str, str]] = network["zones"]
    last = max(zones)
    vpc = ipaddress.IPv4Network(network["cidr"])
    taken = [ipaddress.IPv4Network(cidr) for zone in zones.values() for cidr in zone.values()]
    added = {}
    # The largest range first: small ones would leave no room for it.
    sizes = {kind: ipaddress.IPv4Network(cidr).prefixlen for kind, cidr in zones[last].items()}
    for kind in sorted(sizes, key=lambda kind: sizes[kind]):
        free = _free(vpc, taken, sizes[kind])
        taken.append(free)
        added[kind] = str(free)
    zones[f"{last[:-1]}{chr(ord(last[-1]) + 1)}"] = added
    return values


def another_replica(environment: Environment) -> Values:
    """Add a replica of the primary's class."""
    values = _values(environment)
    values["modules"]["replica"]["instances"][REPLICA] = {
        "instance_class": _input(environment, "instance_class"),
        "maintenance_window": _WINDOW,
    }
    return values


def fewer_replicas(environment: Environment) -> Values:
    """Remove that replica again."""
    values = _values(environment)
    del values["modules"]["replica"]["instances"][REPLICA]
    return values


def upgrade(environment: Environment) -> Values:
    """Upgrade to the next major version at once, as the how-to page says."""
    version = _version(environment)
    return _set(
        environment,
        engine_version=str(version + 1),
        previous_engine_version=str(version),
        allow_major_version_upgrade=True,
        apply_immediately=True,
    )


def after_the_upgrade(environment: Environment) -> Values:
    """Remove what only the upgrade needed."""
    names = ("previous_engine_version", "allow_major_version_upgrade", "apply_immediately")
    return _set(environment, **dict.fromkeys(names))


def reset(environment: Environment) -> Values:
    """Let the next apply set a new password."""
    return _set(environment, password_generation=_input(environment, "password_generation") + 1)


def reset_and_upgrade(environment: Environment) -> Values:
    """Reset the password together with a change that AWS refuses: an upgrade without its flag."""
    return _with(reset(environment), engine_version=str(_version(environment) + 1))


def restore(environment: Environment) -> Values:
    """Restore the snapshot into a new instance, and set a new password on it."""
    return _with(reset(environment), restore_from={"snapshot": SNAPSHOT})


def restore_in_time(environment: Environment) -> Values:
    """Restore the renamed instance at its latest time into a new one, with a new password."""
    source = f"{environment.stack_name}-{RENAMED}"
    return _with(reset(environment), restore_from={"instance": source})


def after_the_restore(environment: Environment) -> Values:
    """Remove what only the restore needed."""
    return _set(environment, restore_from=None)


def _values(environment: Environment) -> Values:
    return copy.deepcopy(dict(environment.document.value))


def _set(environment: Environment, **inputs: Any) -> Values:
    return _with(_values(environment), **inputs)


def _with(values: Values, **inputs: Any) -> Values:
    """Return values with other inputs of the database; None removes one."""
    section = values["modules"]["database"]
    for name, value in inputs.items():
        section.pop(name, None)
        if value is not None:
            section[name] = value
    return values


def _input(environment: Environment, name: str) -> Any:
    """Return an input of the database, or its default."""
    for use, instance in environment.instances("database"):
        return use.value(instance, name)
    raise FinbaseError(f"{environment.name} has no database", "add the module `database`")


def _version(environment: Environment) -> int:
    return int(_input(environment, "engine_version"))


def _larger_class(environment: Environment) -> str:
    now = _input(environment, "instance_class")
    family, _, size = now.rpartition(".")
    sizes = environment.catalogue.instance_classes().get(family, ())
    larger = sizes[sizes.index(size) + 1 :] if size in sizes else ()
    if not larger:
        raise FinbaseError(
            f"no class is known that is larger than {now}",
            "add one under `instance_classes` in known.yaml",
        )
    return f"{family}.{larger[0]}"


def _free(
    vpc: ipaddress.IPv4Network, taken: list[ipaddress.IPv4Network], size: int
) -> ipaddress.IPv4Network:
    candidates: Iterator[ipaddress.IPv4Network] = vpc.subnets(new_prefix=size)
    for candidate in candidates:
        if not any(candidate.overlaps(other) for other in taken):
            return candidate
    raise FinbaseError(f"{vpc} has no room for another zone", "choose a larger `network.cidr`")
