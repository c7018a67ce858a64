"""Steps about the encryption, protection, backups and standby of stored data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from findings import Finding, check
from kinds import is_unclear, listed, of_kind, unproved
from stack_graph import UNKNOWN, Resource, Stack, shown
from stores import STRICT, data_class, keys_of

_DATABASES = ("aws_rds_cluster", "aws_docdb_cluster", "aws_neptune_cluster")
_NAMES = ("database", "secrets", "cache", "logs", "notifications", "files")


@check(
    "every store is encrypted with a key of the stack that has no other class of data",
    "store of data",
)
def encrypted(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Require the switch and a planned key; a key of two classes opens one to the other's users."""
    used: dict[str, dict[str, str]] = {}
    stores = [(r, row) for row in table for r in stack.all(row["store"]) if _applies(r)]
    for store, row in stores:
        keys = keys_of(stack, store, row["key"]) if row["key"] else ()
        if len(keys) == 1:  # The plan does not show which of several keys the store has.
            used.setdefault(keys[0].address, {})[row["class"]] = store.address
    for store, row in stores:
        switch, argument, class_ = row["switch"], row["key"], row["class"]
        if switch and (value := store.planned(switch)) not in (True, "true"):
            # AWS chooses the value of a switch that is not set, so a plan does not show it either.
            is_set = value is not UNKNOWN or stack.is_set(store, switch)
            now = f"is {shown(value)}" if is_set else "is not set"
            yield Finding(False, f"{store.address}: {switch} {now}; set it to true")
            continue
        if not argument or _inherits(stack, store, argument):
            yield Finding(True, f"{store.address}: {switch} is true, with the key of its source")
            continue
        keys = keys_of(stack, store, argument)
        if not keys:
            text = unproved(stack, store, argument, "an aws_kms_key of the stack")
            yield Finding(False, f"{store.address}: {text}")
            continue
        if len(keys) > 1:
            text = unproved(stack, store, argument, f"the key for {class_}")
            yield Finding(False, f"{store.address}: {text}")
            continue
        (key,) = keys
        others = {c: a for c, a in used[key.address].items() if c != class_}
        if key.name in _NAMES and key.name != class_:
            others.setdefault(key.name, f"the key's name {key.name}")
        text = f"{store.address}: {argument} from {key.address}"
        fix = f", which also belongs to {listed(others.values())}; use the key for {class_}"
        yield Finding(not others, text + fix if others else text)


def _applies(store: Resource) -> bool:
    """Return whether a store is judged: an instance of a cluster without its own history is not."""
    is_part = store.type == "aws_rds_cluster_instance"
    return not is_part or store.planned("performance_insights_enabled") is True


def _inherits(stack: Stack, store: Resource, argument: str) -> bool:
    """Return whether a replica takes the key of its primary, which is in this plan."""
    if store.type != "aws_db_instance" or stack.is_set(store, argument):
        return False
    return store in of_kind(stack, "replica") and bool(
        stack.some(store, "replicate_source_db", "aws_db_instance")
    )


@check("restricted and confidential databases are protected from deletion", "database")
def protected(stack: Stack) -> Iterator[Finding]:
    """Require protection on every instance; on a primary also a final snapshot and its backups."""
    class_ = data_class(stack)
    for database in _databases(stack):
        if class_ not in STRICT:
            yield Finding(True, f"{database.address}: not required for {class_} data")
            continue
        expected: dict[str, Any] = {"deletion_protection": True}
        if database not in of_kind(stack, "replica"):
            expected |= {"skip_final_snapshot": False}
            if database.type == "aws_db_instance":
                expected |= {"delete_automated_backups": False}
        for name, value in expected.items():
            yield _equals(database, name, value, class_)
        if "skip_final_snapshot" in expected:
            fine = stack.is_set(database, "final_snapshot_identifier")
            text = (
                "final_snapshot_identifier is set"
                if fine
                else "final_snapshot_identifier is not set; set it"
            )
            yield Finding(fine, f"{database.address}: {text}")


def _equals(database: Resource, name: str, value: Any, class_: str) -> Finding:
    planned = database.planned(name)
    text = f"{database.address}: {name} = {_text(planned)}"
    fix = f"; {class_} data requires {_text(value)}"
    return Finding(planned is value, text if planned is value else text + fix)


@check(
    "a deleted secret or key can be restored as long as the class of the data requires",
    "secret or key",
)
def recoverable(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Require the window of each secret and key; an unset one is the longest, 30 days."""
    class_ = data_class(stack)
    row = next(row for row in table if row["class"] == class_)
    windows = (
        ("aws_secretsmanager_secret", "recovery_window_in_days", int(row["days of a secret"])),
        ("aws_kms_key", "deletion_window_in_days", int(row["days of a key"])),
        ("aws_kms_external_key", "deletion_window_in_days", int(row["days of a key"])),
    )
    for type_, name, least in windows:
        for resource in stack.all(type_):
            value = resource.planned(name)
            unset = value is None or (value is UNKNOWN and not stack.is_set(resource, name))
            fine = unset or (isinstance(value, int | float) and value >= least)
            text = f"{resource.address}: {name} = {30 if unset else value}"
            fix = f"; {class_} data requires {least} or more"
            yield Finding(fine, text if fine else text + fix)


@check("every database keeps its backups as long as the class of the data requires", "database")
def backups(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Require the days of the table, of replicas as well: each has its own backups."""
    class_ = data_class(stack)
    least = next(int(row["days"]) for row in table if row["class"] == class_)
    name = "backup_retention_period"
    for database in _databases(stack):
        days = database.planned(name)
        is_set = stack.is_set(database, name)
        fine = is_set and isinstance(days, int | float) and days >= least
        text = f"{database.address}: {name} = {days if is_set else 'not set'}"
        fix = f"; {class_} data requires {least} or more"
        yield Finding(fine, text if fine else text + fix)


@check("restricted and confidential databases have a standby in another zone", "database")
def standby(stack: Stack) -> Iterator[Finding]:
    """Require ``multi_az`` of a primary, and two instances of a cluster."""
    class_ = data_class(stack)
    for database in of_kind(stack, "primary"):
        if class_ in STRICT:
            yield _equals(database, "multi_az", True, class_)
        else:
            yield Finding(True, f"{database.address}: not required for {class_} data")
    for cluster in stack.all("aws_rds_cluster"):
        instances = [
            instance
            for instance in stack.all("aws_rds_cluster_instance")
            if cluster in stack.some(instance, "cluster_identifier", "aws_rds_cluster")
        ]
        multi = bool(cluster.planned("db_cluster_instance_class") not in (None, UNKNOWN, ""))
        fine = class_ not in STRICT or len(instances) > 1 or multi
        unclear = [
            instance.address
            for instance in stack.all("aws_rds_cluster_instance")
            if instance not in instances and _may_be_of(stack, instance, cluster)
        ]
        text = f"{cluster.address}: {len(instances)} instances"
        if unclear and not fine:
            text = f"{cluster.address}: this plan does not show whether {listed(unclear)} belong"
            text += f" to it; set cluster_identifier to {cluster.address}.id directly"
        yield Finding(fine, text if fine else f"{text}; {class_} data requires two or more")
    for group in stack.all("aws_elasticache_replication_group"):
        if class_ in STRICT:
            yield _equals(group, "automatic_failover_enabled", True, class_)
            yield _equals(group, "multi_az_enabled", True, class_)


def _may_be_of(stack: Stack, instance: Resource, cluster: Resource) -> bool:
    """Return whether an instance may be one of a cluster: by an unclear reference or by name."""
    argument = "cluster_identifier"
    is_same = isinstance(name := instance.planned(argument), str) and name == cluster.planned(
        argument
    )
    return is_same or is_unclear(stack, instance, argument, cluster)


def _databases(stack: Stack) -> list[Resource]:
    clusters = [cluster for type_ in _DATABASES for cluster in stack.all(type_)]
    return [*of_kind(stack, "instance"), *clusters]


def _text(value: Any) -> str:
    if value in (None, UNKNOWN):
        return "not set" if value is None else str(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
