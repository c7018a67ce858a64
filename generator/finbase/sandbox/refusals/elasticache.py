"""Rules about serverless caches and their users."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from moto.elasticache.models import elasticache_backends

from finbase.sandbox.refusals import kms
from finbase.sandbox.refusals.rule import COMBINATION, VALUE, Request, rule

_LIMITS = {"DataStorage": (1, 5_000), "ECPUPerSecond": (1_000, 15_000_000)}
_ENGINE = frozenset({"Engine", "MajorEngineVersion"})
_GROUP = frozenset({"RemoveUserGroup", "UserGroupId"})


@rule(
    "elasticache ModifyServerlessCache",
    COMBINATION,
    "hashicorp/terraform-provider-aws/issues/44746",
)
def no_change(request: Request) -> str | None:
    """A request changes something."""
    fields = {name for name, value in request.params.items() if value not in (None, {})}
    return None if fields - {"ServerlessCacheName"} else "No modifications were requested"


@rule(
    "elasticache ModifyServerlessCache",
    COMBINATION,
    "hashicorp/terraform-provider-aws/issues/35897",
)
def several_changes(request: Request) -> str | None:
    """One request changes one setting, and one of the two limits of usage."""
    fields = {name for name, value in request.params.items() if value is not None}
    fields -= {"ServerlessCacheName"}
    # An upgrade to another engine names its version too; a group is either set or removed.
    groups = [fields & _ENGINE, fields & _GROUP]
    count = len(fields - _ENGINE - _GROUP) + sum(1 for group in groups if group)
    if count > 1 or len(_changed_limits(request)) > 1:
        return "Serverless Cache modifications only support modifying one field per request."
    return None


@rule(
    "elasticache CreateServerlessCache ModifyServerlessCache",
    VALUE,
    "hashicorp/terraform-provider-aws/pull/36382",
)
def invalid_limit(request: Request) -> str | None:
    """A limit of usage is in its range, and its minimum is not above its maximum."""
    limits = request.params.get("CacheUsageLimits") or {}
    for name, (lowest, highest) in _LIMITS.items():
        limit = limits.get(name) or {}
        bounds = [limit[key] for key in ("Minimum", "Maximum") if limit.get(key) is not None]
        if any(not lowest <= bound <= highest for bound in bounds):
            return f"{name} must be between {lowest} and {highest}."
        if sorted(bounds) != bounds:
            return f"The minimum of {name} must not be greater than its maximum."
    return None


@rule(
    "elasticache CreateServerlessCache ModifyServerlessCache",
    VALUE,
    "AmazonElastiCache/latest/APIReference/API_CreateServerlessCache.html",
)
def invalid_snapshots(request: Request) -> str | None:
    """Snapshots are kept for 0 to 35 days, and are taken at a time of day."""
    days, time = (
        request.params.get(name) for name in ("SnapshotRetentionLimit", "DailySnapshotTime")
    )
    if days is not None and not 0 <= days <= 35:
        return f"Invalid snapshot retention limit: {days}. It must be between 0 and 35."
    if time and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", time):
        return f"Invalid daily snapshot time: {time}. It must have the format hh:mm (UTC)."
    return None


@rule(
    "elasticache CreateUser",
    COMBINATION,
    "terraform-aws-modules/terraform-aws-elasticache/issues/65",
)
def other_user_name(request: Request) -> str | None:
    """A user that authenticates by IAM has its id as its name."""
    kind = (request.params.get("AuthenticationMode") or {}).get("Type")
    if kind == "iam" and request.params["UserId"] != request.params["UserName"]:
        return "User Id and User name must be same for authentication type: iam"
    return None


@rule(
    "elasticache CreateServerlessCache ModifyServerlessCache",
    COMBINATION,
    "AmazonElastiCache/latest/APIReference/API_CreateServerlessCache.html",
)
def unknown_version(request: Request) -> str | None:
    """A cache of Valkey has a major version that ElastiCache offers."""
    version = request.params.get("MajorEngineVersion")
    engine = request.params.get("Engine") or getattr(_cache(request), "engine", None)
    if engine != "valkey" or version is None or version in request.catalogue.versions("valkey"):
        return None
    return f"Cannot find version {version} for valkey"


@rule(
    "elasticache ModifyServerlessCache",
    COMBINATION,
    "AmazonElastiCache/latest/dg/VersionManagement.HowTo.html",
)
def downgrade(request: Request) -> str | None:
    """A cache never gets an older version, and another engine only from Redis to Valkey."""
    cache = _cache(request)
    engine, version = (request.params.get(name) for name in ("Engine", "MajorEngineVersion"))
    if cache is None:
        return None
    if engine not in (None, cache.engine, "valkey" if cache.engine == "redis" else None):
        return f"The engine cannot be changed from {cache.engine} to {engine}"
    old = cache.major_engine_version
    if engine in (None, cache.engine) and version and _number(version) < _number(old):
        return f"Cannot change {cache.engine} from {old} to {version}"
    return None


@rule(
    "elasticache CreateServerlessCache",
    VALUE,
    "AmazonElastiCache/latest/APIReference/API_CreateServerlessCache.html",
)
def unusable_key(request: Request) -> str | None:
    """The key of a cache exists and is enabled."""
    return kms.problem(request, request.params.get("KmsKeyId"))


@rule(
    "elasticache CreateUser ModifyUser",
    VALUE,
    "AmazonElastiCache/latest/APIReference/API_CreateUser.html",
)
def three_passwords(request: Request) -> str | None:
    """A user has at most two passwords."""
    params = request.params
    mode: Mapping[str, Any] = params.get("AuthenticationMode") or {}
    count = max(len(each.get("Passwords") or ()) for each in (params, mode))
    return "A user can have up to two passwords." if count > 2 else None


@rule(
    "elasticache CreateUserGroup ModifyUserGroup",
    "DefaultUserRequired",
    "AmazonElastiCache/latest/APIReference/API_CreateUserGroup.html",
)
def missing_default(request: Request) -> str | None:
    """A group of users of Redis has one with the name default."""
    engine, names = _group_after(request)
    if engine.lower() != "redis" or names is None or "default" in names:
        return None
    return "You must add default user to a user group."


@rule(
    "elasticache CreateUserGroup ModifyUserGroup",
    "DuplicateUserName",
    "AmazonElastiCache/latest/APIReference/API_CreateUserGroup.html",
)
def same_user_name(request: Request) -> str | None:
    """The users of a group have different names."""
    _, names = _group_after(request)
    if names is None or len({*names}) == len(names):
        return None
    return "User group cannot contain users with the same user name."


@rule(
    "elasticache DeleteUser",
    "DefaultUserAssociatedToUserGroup",
    "AmazonElastiCache/latest/APIReference/API_DeleteUser.html",
)
def needed_default(request: Request) -> str | None:
    """A user with the name default stays while a group of Redis has it."""
    backend, name = request.of(elasticache_backends), request.params["UserId"]
    if getattr(backend.users.get(name), "name", None) != "default":
        return None
    for group in backend.user_groups.values():
        if group.engine.lower() == "redis" and name in group.user_ids:
            return f"The default user is assigned to the user group {group.user_group_id}."
    return None


def _group_after(request: Request) -> tuple[str, list[str] | None]:
    """Return the engine and the names of the users of a group after a request.

    The names are None if a user does not exist.
    """
    backend, params = request.of(elasticache_backends), request.params
    group = backend.user_groups.get(params["UserGroupId"])
    removed = params.get("UserIdsToRemove") or ()
    users = [*getattr(group, "user_ids", ()), *(params.get("UserIdsToAdd") or ())]
    users = params.get("UserIds") or [user for user in users if user not in removed]
    engine = str(params.get("Engine") or getattr(group, "engine", ""))
    known = [backend.users.get(user) for user in dict.fromkeys(users)]
    return engine, None if None in known else [user.name for user in known if user]


def _cache(request: Request) -> Any:
    caches = request.of(elasticache_backends).serverless_caches
    return caches.get(request.params["ServerlessCacheName"])


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


def _changed_limits(request: Request) -> list[str]:
    """Return the limits of usage that the request sets to another value."""
    cache = _cache(request)
    now: Mapping[str, Any] = (cache.cache_usage_limits if cache else None) or {}
    new: Mapping[str, Any] = request.params.get("CacheUsageLimits") or {}
    return [name for name, limit in new.items() if limit != now.get(name)]
