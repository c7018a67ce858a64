"""Find what makes a plan unfit to be applied, though Terraform and the provider accept it.

AWS would refuse it half-way, clients would lose their access, or it would leave other code running
than the configuration has. ``finbase plan`` shows all of it, and ``finbase apply`` refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from finbase.aws.storage import IOPS, STRIPED
from finbase.plan.effects import differences
from finbase.plan.model import Change, ResourceChange, blocks, managed

_PUBLIC: Final = "terraform_data.connection"
_PRIMARY: Final = "aws_db_instance.primary"
_INITIAL: Final = "aws_secretsmanager_secret_version.initial"
_VERSION: Final = "aws_secretsmanager_secret_version.connection"
_ROTATION: Final = "aws_secretsmanager_secret_rotation.connection"
FUNCTIONS: Final = (".aws_lambda_function.roles", ".aws_lambda_function.rotation")
"""The functions of the released modules. A project can upload the code of others in another way."""
_CODE: Final = ("architectures", "filename", "source_code_hash")
"""The arguments of these functions whose change uploads the code."""
_PROTECTION: Final = (
    "deletion_protection",
    "deletion_protection_enabled",
    "enable_deletion_protection",
)
_CACHE: Final = frozenset(
    {
        "daily_snapshot_time",
        "data_storage",
        "description",
        "ecpu_per_second",
        "major_engine_version",
        "security_group_ids",
        "snapshot_retention_limit",
        "user_group_id",
    }
)
"""The settings that a serverless cache changes in place, as ModifyServerlessCache has them."""


@dataclass(frozen=True)
class Refusal:
    """A resource because of which a plan must not be applied.

    ``kind`` is in capital letters. ``why`` continues the address, and ``fix`` follows a semicolon.
    """

    kind: str
    address: str
    why: str
    fix: str


def refusals(plan: Mapping[str, Any]) -> Iterator[Refusal]:
    """Yield the refusals of a plan as ``terraform show -json`` prints it, by their kind."""
    yield from _provisioners(plan)
    yield from _stale_secrets(plan)
    yield from _passwords(plan)
    for find in (_other_code, _versions, _groups, _sizes, _protected, _sources, _cache_settings):
        for resource in managed(plan):
            yield from find(resource, plan)


def _provisioners(plan: Mapping[str, Any]) -> Iterator[Refusal]:
    """Find each resource with provisioners, without the key of an instance."""
    root = plan.get("configuration", {}).get("root_module", {})
    for address, block in blocks(root):
        if block.get("provisioners"):
            why = "runs a program during the apply"
            fix = "remove it, since no plan shows what it does"
            yield Refusal("PROVISIONER", address, why, fix)


def _stale_secrets(plan: Mapping[str, Any]) -> Iterator[Refusal]:
    """Find the connection secrets whose public part changes, and whose version stays.

    The value of a version is write-only, so Terraform writes it again only if its number changes.
    """
    resources = {resource["address"]: resource for resource in managed(plan)}
    for address, public in resources.items():
        module, ends, _ = address.rpartition(_PUBLIC)
        version = resources.get(f"{module}{_VERSION}")
        if not (ends and address.endswith(_PUBLIC) and version and public["change"].get("before")):
            continue
        fields = {_field(argument.name) for argument in differences(public["change"])} - {""}
        if fields and not {"create", "update"} & {*version["change"]["actions"]}:
            names = " and ".join(f"`{field}`" for field in sorted(fields))
            why = f"keeps the old {names}, so clients and the rotation will fail"
            fix = "increase database.password_generation in the same change"
            yield Refusal("STALE SECRET", version["address"], why, fix)


def _field(name: str) -> str:
    """Return the field of the public part in the name of an argument; empty for others.

    >>> _field("input.port"), _field("output.port")
    ('port', '')
    """
    match = re.fullmatch(r"input\.(\w+)", name)
    return match[1] if match else ""


def _passwords(plan: Mapping[str, Any]) -> Iterator[Refusal]:
    """Find the connection secrets that would not have the password of their database.

    The plan must write the password to both or to neither. If AWS refuses the update of an
    instance, Terraform's state has the planned values all the same (terraform-plugin-sdk, issue
    476), so the next plan writes the new password to the secret only. An instance that is created,
    restored or imported gets the first password, while the secret has the rotated one.
    """
    resources = {resource["address"]: resource for resource in managed(plan)}
    primaries = [r for address, r in resources.items() if address.endswith(_PRIMARY)]
    for address, secret in resources.items():
        written = _writes(secret["change"], "secret_string_wo_version")
        if not address.endswith(_VERSION) or written is None:
            continue
        own = [primary for primary in primaries if _database(primary) == _database(secret)]
        others = [_writes(p["change"], "password_wo_version") for p in own or primaries]
        if written and False in others and not _is_first(secret, resources, plan):
            yield Refusal(
                "LOST RESET",
                address,
                "would get a password that the database does not have, because an earlier apply "
                "failed before it was set, or because somebody deleted the secret",
                "increase database.password_generation once more, render and plan again",
            )
        elif not written and True in others:
            yield Refusal(
                "LOCKED OUT",
                address,
                "would keep a password that the database does not have, because the plan sets the "
                "first one on the database",
                "increase database.password_generation, render and plan again: "
                "docs/how-to/reset-the-password.md",
            )


def _writes(change: Change, name: str) -> bool | None:
    """Return whether an apply writes a write-only argument with this version; None without one."""
    before, after = _values(change, name)
    return None if after is None else "create" in change["actions"] or before != after


def _is_first(
    secret: ResourceChange, resources: Mapping[str, ResourceChange], plan: Mapping[str, Any]
) -> bool:
    """Return whether an interrupted first apply has not written the secret yet.

    Then the rotation is not in the state either, and the database has the password of the initial
    secret, which stays.
    """
    module = secret["address"].removesuffix(_VERSION)
    rotation = resources.get(f"{module}{_ROTATION}")
    rotates = rotation is not None and rotation["change"].get("before") is not None
    deleted = any(
        r["address"] == secret["address"] and "delete" in r["change"]["actions"]
        for r in plan.get("resource_drift", ())
    )
    redrawn = any(
        _database(r) == _database(secret) and _writes(r["change"], "secret_string_wo_version")
        for address, r in resources.items()
        if address.endswith(_INITIAL)
    )
    numbers = _values(secret["change"], "secret_string_wo_version")
    return numbers == (None, 1) and not (rotates or deleted or redrawn)


def _database(resource: ResourceChange) -> str:
    """Return the end of a module's name, which the modules of a further database share.

    >>> _database({"module_address": "module.secret_reports"}), _database({})
    ('_reports', '')
    """
    return re.sub(r"^module\.[a-z]+", "", resource.get("module_address", ""))


def _other_code(resource: ResourceChange, _: Mapping[str, Any]) -> Iterator[Refusal]:
    """Find a function that keeps running other code than the configuration has.

    After a refused update, the state has the planned hash, which the provider never reads again
    (hashicorp/terraform-provider-aws, issue 42826). It only reads ``code_sha256``.
    """
    change = resource["change"]
    before, after = change.get("before") or {}, change.get("after") or {}
    planned, runs = before.get("source_code_hash"), before.get("code_sha256")
    stays = "create" not in change["actions"] and all(
        before.get(name) == after.get(name) for name in _CODE
    )
    if not (resource["address"].endswith(FUNCTIONS) and stays and planned and runs):
        return
    if planned != runs:
        names = [str(after.get(name)) for name in ("function_name", "filename")]
        function, archive = (re.sub(r"[^\w./-]", "?", name) for name in names)
        yield Refusal(
            "OTHER CODE",
            resource["address"],
            "runs other code than the configuration has, and the plan leaves it, because an "
            "earlier update failed, or because somebody changed the code",
            "upload the code, and plan again: `aws lambda update-function-code --function-name "
            f"{function} --zip-file fileb://{re.sub(r'^([.][.]/)+', '', archive)}`",
        )


def _versions(resource: ResourceChange, _: Mapping[str, Any]) -> Iterator[Refusal]:
    """Find an instance that would get an older version, or a major one that it does not allow."""
    if not _is_updated(resource, "aws_db_instance"):
        return
    versions = _values(resource["change"], "engine_version")
    actual, _unused = _values(resource["change"], "engine_version_actual")
    _unused, allowed = _values(resource["change"], "allow_major_version_upgrade")
    now, wanted = _numbers(actual or versions[0]), _numbers(versions[1])
    if not now or not wanted or versions[0] == versions[1]:
        return
    change = f"would change from {'.'.join(map(str, now))} to {'.'.join(map(str, wanted))}"
    if wanted < now[: len(wanted)]:
        yield Refusal(
            "DOWNGRADE",
            resource["address"],
            f"{change}, which AWS refuses",
            f'set database.engine_version to "{now[0]}", or restore a snapshot that was made '
            "before the upgrade: docs/how-to/restore-a-snapshot.md",
        )
    elif wanted[0] != now[0] and allowed is not True:
        yield Refusal(
            "MAJOR UPGRADE",
            resource["address"],
            f"{change}, which AWS refuses",
            f'set database.previous_engine_version to "{now[0]}" and '
            "database.allow_major_version_upgrade to true in the same change, apply it, wait until "
            "every instance is upgraded, then remove both and apply again: "
            "docs/how-to/upgrade-postgresql.md",
        )


def _groups(resource: ResourceChange, plan: Mapping[str, Any]) -> Iterator[Refusal]:
    """Find an instance that would get the parameter group of a version that it does not run."""
    if not _is_updated(resource, "aws_db_instance"):
        return
    change = resource["change"]
    old, new = _values(change, "parameter_group_name")
    families = {
        str(values.get("name")): _major(values.get("family"))
        for group in managed(plan)
        if group["type"] == "aws_db_parameter_group"
        and (values := group["change"].get("after") or {})
    }
    before, after = (_major(version) for version in _values(change, "engine_version"))
    actual = _major(_values(change, "engine_version_actual")[0])
    # A request that upgrades an instance also attaches the new group.
    runs = after if before != after else actual or before
    family = families.get(str(new))
    if old != new and runs and family and family != runs:
        yield Refusal(
            "PARAMETER GROUP",
            resource["address"],
            f"runs PostgreSQL {runs} and would get the parameter group of {family}, which AWS "
            "refuses",
            f'keep database.previous_engine_version at "{runs}" until every instance is upgraded: '
            "docs/how-to/upgrade-postgresql.md",
        )


def _major(version: Any) -> str:
    """Return the major version in a version or in the family of a group.

    >>> _major("17.6"), _major("postgres18"), _major(None)
    ('17', '18', '')
    """
    match = re.fullmatch(r"(?:postgres)?(\d+)(?:\.\d+)*", str(version))
    return match[1] if match else ""


def _numbers(version: Any) -> tuple[int, ...]:
    """Return the numbers of a version.

    >>> _numbers("17.6"), _numbers("17"), _numbers(None)
    ((17, 6), (17,), ())
    """
    match = re.match(r"\d{1,9}(\.\d{1,9})*", str(version))
    return tuple(map(int, match[0].split("."))) if match else ()


def _sizes(resource: ResourceChange, _: Mapping[str, Any]) -> Iterator[Refusal]:
    """Find an instance whose storage would get a size, IOPS or a maximum that RDS refuses."""
    if not _is_updated(resource, "aws_db_instance"):
        return
    change = resource["change"]
    after = change.get("after") or {}
    sizes = ("allocated_storage", "iops", "max_allocated_storage")
    (old, new), (slow, fast), (was, most) = (_whole(change, name) for name in sizes)
    if old is None or new is None:
        return
    gp3 = after.get("engine") == "postgres" and after.get("storage_type") == "gp3"
    guide = "docs/how-to/grow-the-storage.md"
    if new < old:
        why = f"would shrink from {old} to {new} GiB"
        fix = (
            f"set database.allocated_storage to {old}; for a smaller database, create another one "
            "and copy the data"
        )
    elif gp3 and old < STRIPED <= new and (fast or 0) < IOPS[0]:
        why = f"would grow from {old} to {new} GiB with the IOPS of the smaller volume"
        fix = f"set database.iops to {IOPS[0]} or more in the same change: {guide}"
    elif gp3 and new < STRIPED and fast and fast != slow:
        why = f"would get {fast} IOPS with only {new} GiB"
        fix = f"grow it to {STRIPED} GiB in the same change: {guide}"
    elif most and most != was and 10 * most < 11 * new:
        why = f"would have a maximum of {most} GiB, less than 10 % above its {new} GiB"
        fix = f"set database.max_allocated_storage to {-(-11 * new // 10)} or more"
    else:
        return
    yield Refusal("STORAGE", resource["address"], f"{why}, which AWS refuses", fix)


def _protected(resource: ResourceChange, _: Mapping[str, Any]) -> Iterator[Refusal]:
    """Find a resource that would be deleted although AWS protects it; of any type."""
    before = resource["change"].get("before") or {}
    protected = any(before.get(name) is True for name in _PROTECTION)
    if protected and "delete" in resource["change"]["actions"]:
        yield Refusal(
            "PROTECTED",
            resource["address"],
            "would be deleted although it is protected, which AWS refuses",
            "set its deletion_protection to false, apply, and then remove it: "
            "docs/how-to/create-again.md",
        )


def _sources(resource: ResourceChange, _: Mapping[str, Any]) -> Iterator[Refusal]:
    """Find a replica that would get another source; the provider refuses that in the apply.

    A replica without a source becomes an instance of its own, which is possible.
    """
    before, after = _values(resource["change"], "replicate_source_db")
    if _is_updated(resource, "aws_db_instance") and before and after and before != after:
        yield Refusal(
            "REPLICA",
            resource["address"],
            "would get another source, which the provider refuses half-way",
            "mark it for replacement with `terraform taint`, and plan again: "
            "docs/how-to/restore-a-snapshot.md",
        )


def _cache_settings(resource: ResourceChange, _: Mapping[str, Any]) -> Iterator[Refusal]:
    """Find a serverless cache of which more than one setting changes.

    The provider sends all in one request, which AWS refuses. The limits count one by one.
    """
    if not _is_updated(resource, "aws_elasticache_serverless_cache"):
        return
    changed = {_setting(argument.name) for argument in differences(resource["change"])} - {""}
    if len(changed) > 1:
        names = " and ".join(f"`{name}`" for name in sorted(changed))
        yield Refusal(
            "CACHE",
            resource["address"],
            f"would change {names} at once, which AWS refuses",
            "change one, apply, then change the next: docs/how-to/change-the-cache.md",
        )


def _setting(name: str) -> str:
    """Return the setting of a cache in the name of an argument; empty for others.

    >>> _setting("cache_usage_limits[0].data_storage[0].maximum"), _setting("security_group_ids[1]")
    ('data_storage', 'security_group_ids')
    >>> _setting("tags.Name"), _setting("engine")
    ('', 'major_engine_version')
    """
    first, *inner = re.findall(r"[a-z_]+", name) or [""]
    if first == "cache_usage_limits" and inner:
        first = inner[0]
    return first if first in _CACHE else "major_engine_version" if first == "engine" else ""


def _is_updated(resource: ResourceChange, type_: str) -> bool:
    return resource["type"] == type_ and resource["change"]["actions"] == ["update"]


def _values(change: Change, name: str) -> tuple[Any, Any]:
    before, after = change.get("before") or {}, change.get("after") or {}
    return before.get(name), after.get(name)


def _whole(change: Change, name: str) -> tuple[int | None, int | None]:
    """Return a whole number on both sides of a change; None for anything else."""
    before, after = (value if type(value) is int else None for value in _values(change, name))
    return before, after
