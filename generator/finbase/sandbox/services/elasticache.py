"""Add ElastiCache Serverless and user groups, which moto does not support.

A cache has no server behind it.

Docstrings name the operation or data type in the API Reference of Amazon ElastiCache that
describes the behaviour.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.elasticache import models
from moto.elasticache.exceptions import ElastiCacheException, InvalidParameterValueException
from moto.elasticache.responses import ElastiCacheResponse

from finbase.sandbox.services.backends import replace_backend

_FULL_VERSIONS = {"7": "7.2", "8": "8.1"}
_MODIFIABLE = """
    description cache_usage_limits user_group_id security_group_ids snapshot_retention_limit
    daily_snapshot_time engine major_engine_version
""".split()
_ARNS = (
    r"^arn:aws[^:]*:elasticache:.*:[0-9]*:"
    r"(cluster|snapshot|subnetgroup|replicationgroup|user|usergroup|serverlesscache):.*$"
)


def install() -> None:
    """Replace moto's backend and add the operations; call this before the first request."""
    replace_backend(models.elasticache_backends, Backend)
    for resource in ("serverless_cache", "user_group"):
        for operation in ("create_{}", "describe_{}s", "modify_{}", "delete_{}"):
            name = operation.format(resource)
            setattr(ElastiCacheResponse, name, _answer(name))


def _answer(operation: str) -> Callable[[ElastiCacheResponse], ActionResult]:
    def answer(self: ElastiCacheResponse) -> ActionResult:
        return ActionResult(getattr(self.elasticache_backend, operation)(self))

    return answer


@dataclass(frozen=True)
class ServerlessCache:
    """ServerlessCache, the data type: the request's values and those that AWS adds."""

    serverless_cache_name: str
    engine: str
    arn: str
    address: str
    major_engine_version: str
    description: str = ""
    cache_usage_limits: dict[str, Any] | None = None
    kms_key_id: str | None = None
    security_group_ids: list[str] = field(default_factory=list)
    subnet_ids: list[str] = field(default_factory=list)
    user_group_id: str | None = None
    snapshot_retention_limit: int = 0
    daily_snapshot_time: str | None = None
    status: str = "available"
    create_time: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def full_engine_version(self) -> str:
        """FullEngineVersion: the running version, with its minor number."""
        return _FULL_VERSIONS.get(self.major_engine_version, self.major_engine_version)

    @property
    def endpoint(self) -> dict[str, Any]:
        """Endpoint: port 6379, for reads and writes."""
        return {"Address": self.address, "Port": 6379}

    @property
    def reader_endpoint(self) -> dict[str, Any] | None:
        """ReaderEndpoint: the same host at port 6380; None for Memcached."""
        return None if self.engine == "memcached" else {"Address": self.address, "Port": 6380}


@dataclass(frozen=True)
class UserGroup:
    """UserGroup, the data type."""

    user_group_id: str
    engine: str
    arn: str
    user_ids: list[str]
    status: str = "active"
    minimum_engine_version: str = "7.2"


class Backend(models.ElastiCacheBackend):
    """The operations on serverless caches and user groups; each returns its answer."""

    __module__ = models.__name__  # moto finds the URLs of a service by its backend's module

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.arn_regex = re.compile(_ARNS)
        self.serverless_caches: dict[str, ServerlessCache] = {}
        self.user_groups: dict[str, UserGroup] = {}

    def create_serverless_cache(self, request: ElastiCacheResponse) -> dict[str, ServerlessCache]:
        """CreateServerlessCache: require a unique name, and two or three subnets."""
        name = request._get_param("ServerlessCacheName").lower()
        settings = _settings(request, (*_MODIFIABLE, "kms_key_id", "subnet_ids"))
        if name in self.serverless_caches:
            raise ElastiCacheException(
                "ServerlessCacheAlreadyExistsFault", f"ServerlessCache {name} already exists."
            )
        if not re.fullmatch(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{0,38}[A-Za-z0-9]|[A-Za-z]", name):
            raise InvalidParameterValueException(f"{name!r} is not a valid serverless cache name.")
        if not 2 <= len(settings.get("subnet_ids") or ["", ""]) <= 3:
            raise InvalidParameterValueException("A serverless cache takes two or three subnets.")
        self._groups(settings.get("user_group_id"))
        version = "8" if settings["engine"] == "valkey" else "7"
        suffix = hashlib.sha256(f"{self.account_id}{name}".encode()).hexdigest()[:6]
        cache = ServerlessCache(
            serverless_cache_name=name,
            arn=self._arn("serverlesscache", name),
            address=f"{name}-{suffix}.serverless.{_short_region(self.region_name)}"
            ".cache.amazonaws.com",
            **{"major_engine_version": version} | settings,
        )
        self.serverless_caches[name] = cache
        self.tagging_service.tag_resource(cache.arn, request._get_param("Tags", []))
        return {"ServerlessCache": cache}

    def describe_serverless_caches(
        self, request: ElastiCacheResponse
    ) -> dict[str, list[ServerlessCache]]:
        """DescribeServerlessCaches: return all caches, or the one with that name."""
        name = request._get_param("ServerlessCacheName")
        caches = [self._cache(request)] if name else list(self.serverless_caches.values())
        return {"ServerlessCaches": caches}

    def modify_serverless_cache(self, request: ElastiCacheResponse) -> dict[str, ServerlessCache]:
        """ModifyServerlessCache: change these settings; usage limits are merged."""
        cache, settings = self._cache(request), _settings(request, _MODIFIABLE)
        if limits := settings.get("cache_usage_limits"):
            settings["cache_usage_limits"] = (cache.cache_usage_limits or {}) | limits
        self._groups(settings.get("user_group_id"))
        if request._get_bool_param("RemoveUserGroup", False):
            settings["user_group_id"] = None
        changed = replace(cache, **settings)
        self.serverless_caches[cache.serverless_cache_name] = changed
        return {"ServerlessCache": changed}

    def delete_serverless_cache(self, request: ElastiCacheResponse) -> dict[str, ServerlessCache]:
        """DeleteServerlessCache: report ``deleting``, and remove the cache at once."""
        cache = self._cache(request)
        del self.serverless_caches[cache.serverless_cache_name]
        self.tagging_service.delete_all_tags_for_resource(cache.arn)
        return {"ServerlessCache": replace(cache, status="deleting")}

    def create_user_group(self, request: ElastiCacheResponse) -> UserGroup:
        """CreateUserGroup: require a unique name and existing users."""
        name = request._get_param("UserGroupId").lower()
        users = request._get_param("UserIds", [])
        if name in self.user_groups:
            raise ElastiCacheException(
                "UserGroupAlreadyExists", f"User group {name} already exists."
            )
        for user in users:
            self.describe_users(user)
        arn = self._arn("usergroup", name)
        group = UserGroup(name, request._get_param("Engine"), arn, users)
        self.user_groups[name] = group
        self.tagging_service.tag_resource(arn, request._get_param("Tags", []))
        return group

    def describe_user_groups(self, request: ElastiCacheResponse) -> dict[str, list[UserGroup]]:
        """DescribeUserGroups: return all groups, or the one with that name."""
        return {"UserGroups": self._groups(request._get_param("UserGroupId"))}

    def modify_user_group(self, request: ElastiCacheResponse) -> UserGroup:
        """ModifyUserGroup: add and remove users; require that those that are added exist."""
        group = self._groups(request._get_param("UserGroupId"))[0]
        add, remove = (request._get_param(f"UserIdsTo{verb}", []) for verb in ("Add", "Remove"))
        for user in add:
            self.describe_users(user)
        users = [user for user in (*group.user_ids, *add) if user not in remove]
        changed = self.user_groups[group.user_group_id] = replace(group, user_ids=users)
        return changed

    def delete_user_group(self, request: ElastiCacheResponse) -> UserGroup:
        """DeleteUserGroup: refuse a group that a cache uses; remove any other at once."""
        group = self._groups(request._get_param("UserGroupId"))[0]
        name = group.user_group_id
        if any(cache.user_group_id == name for cache in self.serverless_caches.values()):
            raise ElastiCacheException("InvalidUserGroupState", f"User group {name} is in use.")
        del self.user_groups[name]
        self.tagging_service.delete_all_tags_for_resource(group.arn)
        return replace(group, status="deleting")

    def _arn(self, kind: str, name: str) -> str:
        start = f"arn:{self.partition}:elasticache:{self.region_name}:{self.account_id}"
        return f"{start}:{kind}:{name}"

    def _cache(self, request: ElastiCacheResponse) -> ServerlessCache:
        """Return the cache that a request names; raises if there is none."""
        name = request._get_param("ServerlessCacheName")
        if name not in self.serverless_caches:
            raise ElastiCacheException(
                "ServerlessCacheNotFoundFault", f"ServerlessCache {name} not found."
            )
        return self.serverless_caches[name]

    def _groups(self, name: str | None) -> list[UserGroup]:
        """Return all user groups, or the one with that name; raises if there is none."""
        if name and name not in self.user_groups:
            raise ElastiCacheException("UserGroupNotFound", f"User group {name} not found.")
        return [self.user_groups[name]] if name else list(self.user_groups.values())


def _short_region(region: str) -> str:
    """Shorten a region as ElastiCache does in host names.

    >>> _short_region("eu-west-1"), _short_region("ap-southeast-2"), _short_region("us-gov-west-1")
    ('euw1', 'apse2', 'usgovw1')
    """
    area, direction, number = region.rsplit("-", 2)
    compass = re.findall("north|south|east|west|central", direction)
    return area.replace("-", "") + "".join(word[0] for word in compass) + number


def _settings(request: ElastiCacheResponse, names: Iterable[str]) -> dict[str, Any]:
    """Return the parameters of a request that are set, by the names of their attributes."""
    values = {
        name: request._get_param("".join(word.capitalize() for word in name.split("_")))
        for name in names
    }
    return {name: value for name, value in values.items() if value is not None}
