"""What RDS refuses in a change of an environment's file, compared with an earlier version of it."""

from __future__ import annotations

from collections.abc import Iterator

from finbase import codes
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.rule import whole_number
from finbase.environment.rules.storage import IOPS, STRIPED
from finbase.errors import Diagnostic

_NAMES = ("environment", "project", "region", "account_id")


def refused(before: Environment, after: Environment) -> tuple[Diagnostic, ...]:
    """Return the changes that RDS refuses to make to the existing database.

    Another name, region or account is another stack: its database is created.
    """
    if any(before.document.value[name] != after.document.value[name] for name in _NAMES):
        return ()
    return tuple(_refused(before, after))


def _refused(before: Environment, after: Environment) -> Iterator[Diagnostic]:
    earlier = {instance.key: (use, instance) for use, instance in before.instances("database")}
    for use, instance in after.instances("database"):
        if instance.key in earlier:
            old = earlier[instance.key]
            yield from _smaller_storage(after, old, (use, instance))
            yield from _striped_storage(after, old, (use, instance))
            yield from _other_version(after, old, (use, instance))


def _smaller_storage(
    environment: Environment, old: tuple[ModuleUse, Instance], new: tuple[ModuleUse, Instance]
) -> Iterator[Diagnostic]:
    name = "allocated_storage"
    sizes = whole_number(*old, name), whole_number(*new, name)
    if sizes[0] is not None and sizes[1] is not None and sizes[1] < sizes[0]:
        yield environment.document.problem(
            new[0].where(new[1], name),
            codes.SMALLER_STORAGE,
            f"RDS cannot shrink the storage from {sizes[0]} to {sizes[1]} GiB",
            f"write {sizes[0]}; for a smaller database, create another one and copy the data",
        )


def _striped_storage(
    environment: Environment, old: tuple[ModuleUse, Instance], new: tuple[ModuleUse, Instance]
) -> Iterator[Diagnostic]:
    use, instance = new
    name = "allocated_storage"
    sizes = whole_number(*old, name), whole_number(*new, name)
    if sizes[0] is None or sizes[1] is None or not sizes[0] < STRIPED <= sizes[1]:
        return
    where, guide = use.where(instance, name), "docs/how-to/grow-the-storage.md"
    if not use.value(instance, "iops"):
        yield environment.document.problem(
            where,
            codes.NO_IOPS,
            f"the growth from {sizes[0]} to {sizes[1]} GiB fails: the provider sends the IOPS "
            "of the smaller volume",
            f"set `iops: {IOPS[0]}` or more in the same change: {guide}",
        )
    replicas = [] if use.is_further(instance) else [*environment.instances("replica")]
    if replicas:
        names = ", ".join(f"`{replica.key}`" for _, replica in replicas)
        yield environment.document.problem(
            where,
            codes.REPLICAS_STAY_SMALL,
            f"the primary grows to {sizes[1]} GiB, but not its replicas ({names}): RDS refuses "
            "them the IOPS of the primary",
            f"remove the replicas, grow the primary, then add them again: {guide}",
        )


def _other_version(
    environment: Environment, old: tuple[ModuleUse, Instance], new: tuple[ModuleUse, Instance]
) -> Iterator[Diagnostic]:
    use, instance = new
    versions = [str(u.value(i, "engine_version") or "") for u, i in (old, new)]
    previous = str(use.value(instance, "previous_engine_version") or "")
    allowed = use.value(instance, "allow_major_version_upgrade") is True
    if not all(map(str.isdecimal, versions)) or versions[0] == versions[1]:
        return
    now, wanted = versions
    if int(wanted) < int(now):
        message = f"RDS cannot change PostgreSQL {now} to the older version {wanted}"
        hint = f"write {now}, or restore a snapshot that was made before the upgrade"
    elif not allowed or previous != now:
        message = f"RDS refuses the upgrade from PostgreSQL {now} to {wanted}"
        hint = (
            f'set `previous_engine_version: "{now}"` and `allow_major_version_upgrade: true` in '
            "the same change, apply, wait until every instance is upgraded, then remove both and "
            "apply again: docs/how-to/upgrade-postgresql.md"
        )
    else:
        return
    yield environment.document.problem(
        use.where(instance, "engine_version"), codes.OTHER_VERSION, message, hint
    )
