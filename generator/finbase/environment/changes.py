"""What a change of an environment's file cannot do, compared with an earlier version of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from finbase import codes
from finbase.aws.storage import IOPS, STRIPED
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.inputs import text_of, whole_number
from finbase.errors import Diagnostic
from finbase.source.document import Where
from finbase.source.scalars import listed

_SIZE: Final = "allocated_storage"
_GROWS: Final = ("2.1.0", "3.2.0")
"""The first releases of replica and database whose replicas grow with the primary."""
_NAMES = ("environment", "project", "region", "account_id")


def refused(before: Environment, after: Environment) -> tuple[Diagnostic, ...]:
    """Return the changes that AWS refuses to make to the existing database and cache.

    And those after which the connection secret would not fit the database.

    Another name, region or account is another stack: its database and its cache are created.
    """
    if any(before.document.value[name] != after.document.value[name] for name in _NAMES):
        return ()
    return tuple(after.document.problem(*refusal) for refusal in _refused(before, after))


def grows(replicas: ModuleUse) -> bool:
    """Return whether a release of the replicas grows them with their primary."""
    return any(wire.name == _SIZE for wire in replicas.contract.wiring)


_Pair: TypeAlias = tuple[ModuleUse, Instance]
_Refusals: TypeAlias = Iterator[tuple[Where, str, str, str]]
"""The place, the code, the message and the hint of each refused change."""


def _refused(before: Environment, after: Environment) -> _Refusals:
    earlier = {instance.key: (use, instance) for use, instance in before.instances("database")}
    for use, instance in after.instances("database"):
        if old := earlier.get(instance.key):
            sizes = whole_number(*old, _SIZE), whole_number(use, instance, _SIZE)
            if sizes[0] is not None and sizes[1] is not None:
                yield from _storage(before, after, use, instance, sizes[0], sizes[1])
            yield from _other_version(old, (use, instance))
            yield from _no_reset(old, (use, instance))
    for old_cache, new_cache in zip(
        before.instances("cache"), after.instances("cache"), strict=False
    ):
        yield from _several_settings(old_cache, new_cache)


def _storage(
    before: Environment,
    after: Environment,
    use: ModuleUse,
    instance: Instance,
    old: int,
    new: int,
) -> _Refusals:
    """Yield what RDS refuses in a change of the storage, in GiB."""
    where, guide = use.where(instance, _SIZE), "docs/how-to/grow-the-storage.md"
    if new < old:
        message = f"RDS cannot shrink the storage from {old} to {new} GiB"
        hint = f"write {old}; for a smaller database, create another one and copy the data"
        yield where, codes.SMALLER_STORAGE, message, hint
    if not old < STRIPED <= new:
        return
    if not use.value(instance, "iops"):
        message = (
            f"the growth from {old} to {new} GiB fails: the provider sends the IOPS of the "
            "smaller volume"
        )
        hint = f"set `iops: {IOPS[0]}` or more in the same change: {guide}"
        yield where, codes.NO_IOPS, message, hint
    if use.is_further(instance):
        return
    there = {replica.key for _, replica in before.instances("replica")}
    replicas = [*after.instances("replica")]
    stay = [replica.key for of, replica in replicas if not grows(of)]
    added = [replica.key for _, replica in replicas if replica.key not in there | {*stay}]
    for names, message, hint in (
        (
            stay,
            f"the primary grows to {new} GiB, but not its replicas",
            f"pin replica {_GROWS[0]} and database {_GROWS[1]} or later, which grow them, too",
        ),
        (
            added,
            f"the primary grows to {new} GiB, and these replicas are new",
            "add them when the primary has its new size",
        ),
    ):
        if names:
            message += f" ({listed(f'`{name}`' for name in names)})"
            message += ": RDS refuses them the IOPS of the primary"
            yield where, codes.REPLICAS_STAY_SMALL, message, f"{hint}: {guide}"


def _several_settings(old: _Pair, new: _Pair) -> _Refusals:
    use, instance = new
    changed = [
        each.name
        for each in use.contract.inputs
        if old[0].declares(each.name)
        and old[0].value(old[1], each.name) != use.value(instance, each.name)
    ]
    if len(changed) > 1:
        message = (
            f"the change sets {listed(f'`{name}`' for name in changed)}: ElastiCache refuses more "
            "than one setting of a cache at once"
        )
        guide = "docs/how-to/change-the-cache.md"
        hint = f"change `{changed[0]}`, apply, then change the next: {guide}"
        yield use.where(instance, changed[0]), codes.SEVERAL_SETTINGS, message, hint


def _other_version(old: _Pair, new: _Pair) -> _Refusals:
    use, instance = new
    now, wanted = (text_of(*pair, "engine_version") for pair in (old, new))
    previous = text_of(use, instance, "previous_engine_version")
    allowed = use.value(instance, "allow_major_version_upgrade") is True
    if not (now.isdecimal() and wanted.isdecimal()) or now == wanted:
        return
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
    yield use.where(instance, "engine_version"), codes.OTHER_VERSION, message, hint


def _no_reset(old: _Pair, new: _Pair) -> _Refusals:
    """Yield a restore or another connection without a new password for the connection secret."""
    use, instance = new
    was, generation = (whole_number(*pair, "password_generation") for pair in (old, new))
    changed = [
        name
        for name in ("restore_from", "port", "username", "database_name")
        if old[0].value(old[1], name) != (value := use.value(instance, name)) and value
    ]
    if not changed or generation is None or generation != was:
        return
    names = listed(f"`{name}`" for name in changed)
    message = f"the change of {names} requires a password reset, or clients are locked out"
    guide = "docs/how-to/reset-the-password.md"
    hint = f"set `password_generation: {generation + 1}` in the same change: {guide}"
    yield use.where(instance, changed[0]), codes.NO_RESET, message, hint
