"""Summarise a plan of an applied stack by module, with what a reviewer must not miss.

That is the data and evidence that would be lost, every change of access (permissions, keys,
policies, security groups, routes), every provisioner, each change of the connection that the
secret does not receive, and each major version, source of a replica or setting of a cache that
would be refused.
Unlike ``effects``, which compares two plans of an empty state, this reads one plan that Terraform
made from a state, so the result is exact.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from finbase.aws.review import controls_access, shortened
from finbase.errors import FinbaseError
from finbase.plan.effects import Argument, differences
from finbase.plan.model import Action, Change, ResourceChange, blocks, loses, managed
from finbase.system.printable import printable

ACTIONS: Mapping[tuple[str, ...], Action] = {
    ("create",): "add",
    ("update",): "change",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("delete",): "destroy",
    ("forget",): "forget",
}


# A key between quotes can contain spaces. A quote without a partner goes to the end of the text.
_ADDRESS = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*(?:"|\Z))+')
_PUBLIC = "terraform_data.connection"
_PRIMARY = "aws_db_instance.primary"
_VERSION = "aws_secretsmanager_secret_version.connection"
_CACHE = frozenset(
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
class Step:
    """The change of one resource.

    ``arguments`` are the top-level arguments that change, or those that force a replacement.
    ``loses`` says which data or evidence would be lost, or is empty. ``access`` holds the values
    that change if the resource decides who can reach or read what; it is None for other resources.
    ``imported`` is the id of a resource on the account that the state takes over.
    """

    address: str
    module: str
    action: Action
    arguments: tuple[str, ...] = ()
    moved_from: str = ""
    loses: str = ""
    access: tuple[Argument, ...] | None = None
    imported: str = ""


@dataclass(frozen=True)
class Stale:
    """A secret that keeps its values, though the plan changes what clients must read there."""

    address: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Upgrade:
    """An instance that would get another major version, which its configuration forbids."""

    address: str
    before: str
    after: str


@dataclass(frozen=True)
class Settings:
    """A cache with several settings to change, of which AWS changes one in a request."""

    address: str
    settings: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """All steps of a plan, in its order, and the addresses of resources with provisioners."""

    steps: tuple[Step, ...]
    provisioners: tuple[str, ...] = ()
    stale: tuple[Stale, ...] = ()
    upgrades: tuple[Upgrade, ...] = ()
    lost_resets: tuple[str, ...] = ()
    moved_replicas: tuple[str, ...] = ()
    cache_settings: tuple[Settings, ...] = ()

    @property
    def sets_password(self) -> bool:
        """Whether the plan sets a new password on a database that exists."""
        return any(
            step.address.endswith(_PRIMARY) and "password_wo_version" in step.arguments
            for step in self.steps
        )

    @property
    def refused(self) -> bool:
        """Whether a part of the plan would fail, or would not do what its author expects."""
        refused = (self.upgrades, self.lost_resets, self.moved_replicas, self.cache_settings)
        return any((self.provisioners, self.stale, *refused))

    @property
    def losses(self) -> tuple[Step, ...]:
        """The steps that lose something."""
        return tuple(step for step in self.steps if step.loses)

    def unaccepted(self, accepted: Collection[str]) -> tuple[Step, ...]:
        """Return the steps that lose something and are not among the accepted addresses."""
        return tuple(step for step in self.losses if step.address not in accepted)

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules with changes, in the order of the plan."""
        return tuple(dict.fromkeys(step.module for step in self.steps))

    def count(self, action: Action, module: str | None = None) -> int:
        """Return the number of steps with an action, in one module or in all."""
        return sum(s.action == action and module in (None, s.module) for s in self.steps)


def addresses(text: str) -> tuple[str, ...]:
    """Return the addresses of resources in a text, which spaces separate.

    >>> addresses('module.a.b["x y"]  module.a.c')
    ('module.a.b["x y"]', 'module.a.c')
    """
    return tuple(_ADDRESS.findall(text))


def summarise(plan: Mapping[str, Any]) -> Summary:
    """Return the summary of a plan as ``terraform show -json`` prints it.

    Raises ``FinbaseError`` if the plan has an action that a reviewer would not see.
    """
    steps = []
    for resource in managed(plan):
        change = resource["change"]
        action = ACTIONS.get(tuple(change["actions"]))
        if action is None and not {*change["actions"]} <= {"no-op", "read"}:
            what = f"finbase does not know what Terraform does to {printable(resource['address'])}"
            raise FinbaseError(what, f"its actions are {printable(str(change['actions']))}")
        moved_from = resource.get("previous_address", "")
        imported = _imported(change)
        if action is None and (moved_from or imported):
            action = "import" if imported else "move"
        if action is None:
            continue
        steps.append(
            Step(
                resource["address"],
                resource.get("module_address", ""),
                action,
                tuple(_arguments(change)),
                moved_from,
                _loses(resource, action),
                _access(resource, action),
                imported,
            )
        )
    return Summary(
        tuple(steps),
        tuple(_provisioners(plan)),
        tuple(_stale(plan)),
        tuple(_upgrades(plan)),
        tuple(_lost_resets(plan)),
        tuple(_moved_replicas(plan)),
        tuple(_cache_settings(plan)),
    )


def _imported(change: Change) -> str:
    importing = change.get("importing")
    if importing is None:
        return ""
    return str(importing.get("id") or importing.get("identity") or "(known after apply)")


def _lost_resets(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield the connection secrets that get a password which no database has.

    If AWS refuses the update of an instance, Terraform's state has the planned values all the same
    (hashicorp/terraform-plugin-sdk, issue 476). The next plan then writes the new password into
    the secret only. Terraform has removed the old version from its state before, so it often adds
    one. With generation 1, this is a first apply that was interrupted, and not a reset.
    """
    resources = list(managed(plan))
    primaries = [r for r in resources if r["address"].endswith(_PRIMARY)]
    for resource in resources:
        before, after = _values(resource["change"], "secret_string_wo_version")
        first = (before, after) == (None, 1)
        if not resource["address"].endswith(_VERSION) or after in (None, before) or first:
            continue
        own = [primary for primary in primaries if _database(primary) == _database(resource)]
        passwords = [_values(p["change"], "password_wo_version") for p in own or primaries]
        if any(old is not None and old == new for old, new in passwords):
            yield resource["address"]


def _database(resource: ResourceChange) -> str:
    """Return the end of a module's name, which the modules of a further database share.

    >>> _database({"module_address": "module.secret_reports"}), _database({})
    ('_reports', '')
    """
    return re.sub(r"^module\.[a-z]+", "", resource.get("module_address", ""))


def _moved_replicas(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield the replicas that would get another source; the provider refuses that in the apply.

    A replica without a source becomes an instance of its own, which is possible.
    """
    for address, change in _updated(plan, "aws_db_instance"):
        before, after = _values(change, "replicate_source_db")
        if before and after and before != after:
            yield address


def _cache_settings(plan: Mapping[str, Any]) -> Iterator[Settings]:
    """Yield the serverless caches of which more than one setting changes.

    The provider sends all in one request, which AWS refuses. The limits count one by one.
    """
    for address, change in _updated(plan, "aws_elasticache_serverless_cache"):
        changed = {_setting(argument.name) for argument in differences(change)} - {""}
        if len(changed) > 1:
            yield Settings(address, tuple(sorted(changed)))


def _setting(name: str) -> str:
    """Return the setting of a cache in the name of an argument; empty for others.

    >>> _setting("cache_usage_limits[0].data_storage[0].maximum"), _setting("security_group_ids[1]")
    ('data_storage', 'security_group_ids')
    >>> _setting("tags.Name"), _setting("engine")
    ('', 'major_engine_version')
    """
    first, *inner = re.findall(r"[a-z_]+", name)
    if first == "cache_usage_limits" and inner:
        first = inner[0]
    return first if first in _CACHE else "major_engine_version" if first == "engine" else ""


def _values(change: Change, name: str) -> tuple[Any, Any]:
    before, after = change.get("before") or {}, change.get("after") or {}
    return before.get(name), after.get(name)


def _upgrades(plan: Mapping[str, Any]) -> Iterator[Upgrade]:
    """Yield the instances whose major version changes without ``allow_major_version_upgrade``."""
    for address, change in _updated(plan, "aws_db_instance"):
        versions = [str(v or "").partition(".")[0] for v in _values(change, "engine_version")]
        _, allowed = _values(change, "allow_major_version_upgrade")
        if all(versions) and versions[0] != versions[1] and allowed is not True:
            yield Upgrade(address, *versions)


def _updated(plan: Mapping[str, Any], type_: str) -> Iterator[tuple[str, Change]]:
    """Yield the resources of a type that change in place."""
    for resource in managed(plan):
        if resource["type"] == type_ and resource["change"]["actions"] == ["update"]:
            yield resource["address"], resource["change"]


def _stale(plan: Mapping[str, Any]) -> Iterator[Stale]:
    """Yield the connection secrets whose public part changes, and whose version stays.

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
            yield Stale(version["address"], tuple(sorted(fields)))


def _field(name: str) -> str:
    """Return the field of the public part in the name of an argument; empty for others.

    >>> _field("input.port"), _field("output.port")
    ('port', '')
    """
    argument, _, field = name.partition(".")
    return field if argument == "input" else ""


def _access(resource: ResourceChange, action: Action) -> tuple[Argument, ...] | None:
    """Return the values that change access; a type that controls access shows all its values."""
    if controls_access(resource["type"]):
        return differences(resource["change"])
    if action not in ("change", "replace"):
        return None
    changed = differences(resource["change"])
    return tuple(a for a in changed if controls_access(a.name.partition(".")[0])) or None


def _loses(resource: ResourceChange, action: Action) -> str:
    if action in ("replace", "destroy"):
        return loses(resource)
    if action != "change":
        return ""
    change = resource["change"]
    return shortened(
        resource["type"],
        change.get("before") or {},
        change.get("after") or {},
        change.get("after_unknown") or {},
    )


def _provisioners(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield the address of each resource with provisioners, without the key of an instance."""
    root = plan.get("configuration", {}).get("root_module", {})
    return (address for address, block in blocks(root) if block.get("provisioners"))


def _arguments(change: Change) -> list[str]:
    if paths := change.get("replace_paths"):
        return sorted({str(path[0]) for path in paths if path})
    if tuple(change["actions"]) != ("update",):
        return []
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown = change.get("after_unknown") or {}
    return sorted(
        name
        for name in {*before, *after, *unknown}
        if before.get(name) != after.get(name) or unknown.get(name) is True
    )
