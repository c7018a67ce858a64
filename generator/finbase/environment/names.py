"""What the resources of a stack are named in AWS, where two of one kind cannot share a name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
    fields = _fields(environment, key)
    # Also what a project's own modules name.
    yield from (Named("name", value.text, owner, where) for value in fields["name"])
    for kind, modules in NAMES.items():
        for module, patterns in modules.items():
            use = environment.module(module)
            # Replicas have keys of their own.
            if use is None or not (module == "replica" or key in (i.key for i in use.instances)):
                continue
            for pattern in patterns.split():
                used = _FIELD.findall(pattern)
                for values in product(*(fields[field] for field in used)):
                    name = pattern.format(**{f: v.text for f, v in zip(used, values, strict=True)})
                    own = next((v for v in values if v.owner), _Value("", owner, where))
                    yield Named(kind, name, own.owner, own.where)


def _fields(environment: Environment, key: str) -> dict[str, list[_Value]]:
    """Return what the fields of the patterns stand for, for one database."""
    name = f"{environment.stack_name}-{key}" if key else environment.stack_name
    replicas = [
        _Value(f"{name}-{instance.key}", f"the replica `{instance.key}`", use.where(instance))
        for use, instance in environment.instances("replica")
        if not key
    ]
    network = environment.in_place("network")
    zones: Any = network and network.instances and network.value(network.instances[0], "zones")
    engines = [
        str(use.value(instance, "engine_version")).partition(".")[0]
        for use, instance in environment.instances("database")
        if instance.key == key
    ]
    return {
        "name": [_Value(name)],
        "replica": replicas,
        "instance": [_Value(name), *replicas],
        "engine": [*map(_Value, engines)],
        "client": _items(environment, "access", "client", key),
        "role": _items(environment, "roles", "role", key),
        "zone": [*map(_Value, _mapping(zones))],
        "log": [*map(_Value, _LOGS)],
    }


def _items(environment: Environment, module: str, what: str, key: str) -> list[_Value]:
    """Return the clients or roles that have resources of their own, for one database."""
    name = f"{what}s"
    return [
        _Value(item, f"the {what} `{item}`", use.where(instance, name, item))
        for use, instance in environment.instances(module)
        if instance.key == key
        for item, value in _mapping(use.value(instance, name)).items()
        # A client with a group or a range has no group of its own.
        if not any(_mapping(value).get(field) for field in ("security_group_id", "cidr"))
    ]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
