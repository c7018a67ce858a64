"""What the resources of a stack are named in AWS, where two of one kind cannot share a name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any, Final, NamedTuple

from finbase.environment.model import Environment
from finbase.source.document import Where

NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "instance": {"database": "{name}", "replica": "{replica}"},
    "subnet group": {"database": "{name}"},
    "parameter group": {"database": "{name}-postgres{engine}"},
    "event subscription": {"monitoring": "{name}-instances {name}-parameter-groups"},
    "security group": {
        "network": "{name}-endpoints",
        "cache": "{name}-cache",
        "database": "{name}-database",
        "secret": "{name}-rotation",
        "access": "{name}-application {name}-client-{client}",
        "roles": "{name}-roles",
    },
    "role of IAM": {
        "network": "{name}-flow-logs",
        "database": "{name}-database-monitoring",
        "secret": "{name}-rotation",
        "roles": "{name}-roles",
    },
    "policy of IAM": {"secret": "{name}-rotation", "roles": "{name}-roles"},
    "function": {"secret": "{name}-rotation", "roles": "{name}-roles"},
    "secret": {
        "database": "{name}/database/initial-",
        "secret": "{name}/database/connection",
        "roles": "{name}/roles/{role}",
    },
    "log group": {
        "network": "/aws/vpc/{name}/flow-logs",
        "database": "/aws/rds/instance/{name}/{log}",
        "replica": "/aws/rds/instance/{replica}/{log}",
        "secret": "/aws/lambda/{name}-rotation",
        "roles": "/aws/lambda/{name}-roles",
    },
    "topic": {"monitoring": "{name}-notifications"},
    "rule of EventBridge": {
        "monitoring": "{name}-key-deletion {name}-failed-rotation",
        "roles": "{name}-connection-read {name}-roles-check",
    },
    "dashboard": {"monitoring": "{name}"},
    "alarm": {
        "monitoring": "{instance}-cpu {instance}-connections {instance}-memory {instance}-storage "
        "{instance}-read-latency {instance}-write-latency {instance}-disk-queue {instance}-swap "
        "{instance}-load {instance}-cpu-credits {instance}-ebs-io-balance "
        "{instance}-ebs-byte-balance {name}-oldest-replication-slot-lag "
        "{name}-transaction-logs-disk-usage {name}-transaction-ids {replica}-replica-lag "
        "{instance}-failed-logins {name}-deadlocks {name}-cache-throttled {name}-cache-data "
        "{name}-cache-work {name}-rotation-errors {name}-rotation-throttles "
        "{name}-nat-ports-{zone}",
        "roles": "{name}-roles-errors {name}-roles-throttles {name}-rotation-overdue-{role} "
        "{name}-database-drift",
    },
    "alias of a key": {
        "kms": "alias/{name}-database alias/{name}-secrets alias/{name}-cache alias/{name}-logs "
        "alias/{name}-notifications"
    },
    "cache": {"cache": "{name}"},
    "user of the cache": {"cache": "{name}"},
    "user group of the cache": {"cache": "{name}"},
}
"""The names of the resources of each module, by the kinds of which AWS requires different ones.

A test compares them with the newest modules. Older ones have fewer alarms.
"""

GLOBAL: Final = ("role of IAM", "policy of IAM")
"""What has one name in all regions of an account."""
_LOGS: Final = ("postgresql", "upgrade", "iam-db-auth-error")
_FIELD: Final = re.compile(r"\{(\w+)\}")
_PATTERNS: Final = tuple(
    (kind, module, _FIELD.sub("{}", pattern), _FIELD.findall(pattern))
    for kind, modules in NAMES.items()
    for module, patterns in modules.items()
    for pattern in patterns.split()
)


class Named(NamedTuple):
    """One resource: its kind and name, what it is of, and the place of that in the file."""

    kind: str
    name: str
    owner: str
    where: Where


class _Value(NamedTuple):
    """What a field stands for; ``owner`` is empty where the resource is of the whole part."""

    text: str
    owner: str = ""
    where: Where = ()


_NAME: Final = _Value("\0")
"""Stands for the name of the stack, or of a further database. No YAML has this character."""


def resource_names(environment: Environment) -> Iterator[Named]:
    """Yield the names of all resources, those of the first database and of the stack first."""
    yield from _of_part(environment, "", "the stack", ("environment",))
    for use, instance in environment.instances("database"):
        if use.is_further(instance):
            where = use.where(instance)
            yield from _of_part(environment, instance.key, f"the database `{instance.key}`", where)


def module_names(environment: Environment) -> Iterator[Named]:
    """Yield the names of the blocks that call modules, also those of a project's own."""
    for use in environment.modules:
        for instance in use.instances:
            owner = f"`{use.name}`" + f" of `{instance.key}`" * bool(instance.key)
            yield Named("module block", use.label(instance), owner, use.where(instance))


def _of_part(environment: Environment, key: str, owner: str, where: Where) -> Iterator[Named]:
    """Yield the names of the resources of one database; its key is empty for the first one."""
    name = f"{environment.stack_name}-{key}" if key else environment.stack_name
    yield Named("name", name, owner, where)  # Also what a project's own modules name.
    # Replicas have keys of their own.
    modules = frozenset(
        use.name
        for use in environment.modules
        if use.name == "replica" or any(instance.key == key for instance in use.instances)
    )
    whole = _Value("", owner, where)
    for kind, text, value in _expanded(modules, tuple(_fields(environment, key))):
        own = value if value.owner else whole
        yield Named(kind, text.replace(_NAME.text, name), own.owner, own.where)


@lru_cache(maxsize=256)  # The environments of a project often differ in nothing but their names.
def _expanded(
    modules: frozenset[str], fields: tuple[tuple[str, tuple[_Value, ...]], ...]
) -> list[tuple[str, str, _Value]]:
    """Return the kind of each resource of some modules, its name, and what it is of."""
    of = dict(fields)
    return [
        (kind, pattern.format(*(value.text for value in values)), max(values, key=_has_owner))
        for kind, module, pattern, used in _PATTERNS
        if module in modules
        for values in product(*(of[field] for field in used))
    ]


def _has_owner(value: _Value) -> bool:
    return bool(value.owner)


def _fields(environment: Environment, key: str) -> Iterator[tuple[str, tuple[_Value, ...]]]:
    """Yield what the fields of the patterns stand for, for one database."""
    replicas = tuple(
        _Value(f"{_NAME.text}-{i.key}", f"the replica `{i.key}`", use.where(i))
        for use, i in environment.instances("replica")
        if not key
    )
    engines = (
        str(use.value(instance, "engine_version")).partition(".")[0]
        for use, instance in environment.instances("database")
        if instance.key == key
    )
    yield "name", (_NAME,)
    yield "replica", replicas
    yield "instance", (_NAME, *replicas)
    yield "engine", tuple(map(_Value, engines))
    network = environment.in_place("network")
    zones: Any = network and network.instances and network.value(network.instances[0], "zones")
    yield "client", tuple(_items(environment, "access", "client", key))
    yield "role", tuple(_items(environment, "roles", "role", key))
    yield "zone", tuple(map(_Value, _mapping(zones)))
    yield "log", tuple(map(_Value, _LOGS))


def _items(environment: Environment, module: str, what: str, key: str) -> Iterator[_Value]:
    """Yield the clients or roles that have resources of their own, for one database."""
    name = f"{what}s"
    for use, instance in environment.instances(module):
        entries = _mapping(use.value(instance, name)) if instance.key == key else {}
        for item, value in entries.items():
            # A client with a group or a range has no group of its own.
            if not any(_mapping(value).get(field) for field in ("security_group_id", "cidr")):
                yield _Value(item, f"the {what} `{item}`", use.where(instance, name, item))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
