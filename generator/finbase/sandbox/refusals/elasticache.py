"""Rules about serverless caches and their users."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from moto.elasticache.models import elasticache_backends

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
    valkey = request.params.get("Engine") == "valkey"
    if not valkey or version is None or version in request.catalogue.versions("valkey"):
        return None
    return f"Cannot find version {version} for valkey"


def _changed_limits(request: Request) -> list[str]:
    """Return the limits of usage that the request sets to another value."""
    backend = request.of(elasticache_backends)
    cache = backend.serverless_caches.get(request.params["ServerlessCacheName"])
    now: Mapping[str, Any] = (cache.cache_usage_limits if cache else None) or {}
    new: Mapping[str, Any] = request.params.get("CacheUsageLimits") or {}
    return [name for name, limit in new.items() if limit != now.get(name)]
