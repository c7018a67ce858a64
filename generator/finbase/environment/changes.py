"""What AWS refuses in a change of an environment's file, compared with an earlier version of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from finbase import codes
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.inputs import whole_number
from finbase.environment.rules.storage import IOPS, STRIPED
from finbase.errors import Diagnostic
from finbase.source.document import Where
from finbase.source.scalars import listed

_SIZE: Final = "allocated_storage"
_GROWS: Final = ("2.1.0", "3.2.0")
"""The first releases of replica and database whose replicas grow with the primary."""
_NAMES = ("environment", "project", "region", "account_id")


def refused(before: Environment, after: Environment) -> tuple[Diagnostic, ...]:
    """Return the changes that AWS refuses to make to the existing database and cache.

    Another name, region or account is another stack: its database and its cache are created.
    """
    if any(before.document.value[name] != after.document.value[name] for name in _NAMES):
        return ()
    return tuple(_refused(before, after))


def grows(replicas: ModuleUse) -> bool:
    """Return whether a release of the replicas grows them with their primary."""
    return any(wire.name == _SIZE for wire in replicas.contract.wiring)


def _refused(before: Environment, after: Environment) -> Iterator[Diagnostic]:
    earlier = {instance.key: (use, instance) for use, instance in before.instances("database")}
    for use, instance in after.instances("database"):
        if instance.key in earlier:
            old = earlier[instance.key]
            yield from _smaller_storage(after, old, (use, instance))
            yield from _striped_storage(before, after, old, (use, instance))
            yield from _other_version(after, old, (use, instance))
    for old_cache, new_cache in zip(
        before.instances("cache"), after.instances("cache"), strict=False
    ):
        yield from _several_settings(after, old_cache, new_cache)


def _smaller_storage(
    environment: Environment, old: tuple[ModuleUse, Instance], new: tuple[ModuleUse, Instance]
) -> Iterator[Diagnostic]:
    sizes = whole_number(*old, _SIZE), whole_number(*new, _SIZE)
    if sizes[0] is not None and sizes[1] is not None and sizes[1] < sizes[0]:
        yield environment.document.problem(
            new[0].where(new[1], _SIZE),
            codes.SMALLER_STORAGE,
            f"RDS cannot shrink the storage from {sizes[0]} to {sizes[1]} GiB",
            f"write {sizes[0]}; for a smaller database, create another one and copy the data",
        )


def _striped_storage(
    before: Environment,
    after: Environment,
    old: tuple[ModuleUse, Instance],
    new: tuple[ModuleUse, Instance],
) -> Iterator[Diagnostic]:
    use, instance = new
    sizes = whole_number(*old, _SIZE), whole_number(*new, _SIZE)
    if sizes[0] is None or sizes[1] is None or not sizes[0] < STRIPED <= sizes[1]:
        return
    where, guide = use.where(instance, _SIZE), "docs/how-to/grow-the-storage.md"
    if not use.value(instance, "iops"):
        yield after.document.problem(
            where,
            codes.NO_IOPS,
            f"the growth from {sizes[0]} to {sizes[1]} GiB fails: the provider sends the IOPS "
            "of the smaller volume",
            f"set `iops: {IOPS[0]}` or more in the same change: {guide}",
        )
    if not use.is_further(instance):
        yield from _small_replicas(before, after, sizes[1], where, guide)


def _small_replicas(
    before: Environment, after: Environment, size: int, where: Where, guide: str
) -> Iterator[Diagnostic]:
    there = {replica.key for _, replica in before.instances("replica")}
    found = [*after.instances("replica")]
    stay = [replica.key for use, replica in found if not grows(use)]
    new = [replica.key for _, replica in found if replica.key not in there | {*stay}]
    for names, message, hint in (
        (
            stay,
            f"the primary grows to {size} GiB, but not its replicas",
            f"pin replica {_GROWS[0]} and database {_GROWS[1]} or later, which grow them, too",
        ),
        (
            new,
            f"the primary grows to {size} GiB, and these replicas are new",
            "add them when the primary has its new size",
        ),
    ):
        if names:
            yield after.document.problem(
                where,
                codes.REPLICAS_STAY_SMALL,
                f"{message} ({listed(f'`{name}`' for name in names)}): RDS refuses them the IOPS "
                "of the primary",
                f"{hint}: {guide}",
            )


def _several_settings(
    environment: Environment, old: tuple[ModuleUse, Instance], new: tuple[ModuleUse, Instance]
) -> Iterator[Diagnostic]:
    use, instance = new
    changed = [
        each.name
        for each in use.contract.inputs
        if each.name in {i.name for i in old[0].contract.inputs}
        and old[0].value(old[1], each.name) != use.value(instance, each.name)
    ]
    if len(changed) > 1:
        yield environment.document.problem(
            use.where(instance, changed[0]),
            codes.SEVERAL_SETTINGS,
            f"the change sets {listed(f'`{name}`' for name in changed)}: ElastiCache refuses more "
            "than one setting of a cache at once",
            f"change `{changed[0]}`, apply, then change the next: docs/how-to/change-the-cache.md",
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
