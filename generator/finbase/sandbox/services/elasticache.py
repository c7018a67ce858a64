"""Add ElastiCache Serverless and user groups, which moto does not support.

A cache has no server behind it.

Docstrings name the operation or data type in the API Reference of Amazon ElastiCache that
describes the behaviour.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

from moto.core.responses import ActionResult
from moto.elasticache import models
from moto.elasticache.exceptions import ElastiCacheException, InvalidParameterValueException
from moto.elasticache.responses import ElastiCacheResponse

from finbase.sandbox.services.backends import replace_backend

_FULL_VERSIONS = {"7": "7.2", "8": "8.1"}
_MODIFIABLE = (
    "description",
    "cache_usage_limits",
    "user_group_id",
    "security_group_ids",
    "snapshot_retention_limit",
    "daily_snapshot_time",
    "engine",
    "major_engine_version",
)
_ARNS = (
    r"^arn:aws[^:]*:elasticache:.*:[0-9]*:"
    r"(cluster|snapshot|subnetgroup|replicationgroup|user|usergroup|serverlesscache):.*$"
)


class ServerlessCacheNotFoundFault(ElastiCacheException):
    """There is no cache of this name."""

    code = "ServerlessCacheNotFoundFault"

    def __init__(self, name: str) -> None:
        super().__init__(f"ServerlessCache {name} not found.")


class ServerlessCacheAlreadyExistsFault(ElastiCacheException):
    """There is a cache of this name."""

    code = "ServerlessCacheAlreadyExistsFault"

    def __init__(self, name: str) -> None:
        super().__init__(f"ServerlessCache {name} already exists.")


class UserGroupNotFoundFault(ElastiCacheException):
    """UserGroupNotFound: the account has no such user group."""

    code = "UserGroupNotFound"

    def __init__(self, name: str) -> None:
        super().__init__(f"User group {name} not found.")


class UserGroupAlreadyExistsFault(ElastiCacheException):
    """UserGroupAlreadyExists: another user group has the name."""

    code = "UserGroupAlreadyExists"

    def __init__(self, name: str) -> None:
        super().__init__(f"User group {name} already exists.")


class InvalidUserGroupStateFault(ElastiCacheException):
    """InvalidUserGroupState: a cache uses the user group."""

    code = "InvalidUserGroupState"

    def __init__(self, name: str) -> None:
        super().__init__(f"User group {name} is in use.")


def install() -> None:
    """Replace moto's backend and add the operations; call this before the first request."""
    replace_backend(models.elasticache_backends, Backend)
    for operation in (_create, _describe, _modify, _delete):
        name = f"{operation.__name__[1:]}_serverless_cache"
        setattr(ElastiCacheResponse, name + "s" * (operation is _describe), operation)
    for operation in (_create_group, _describe_groups, _modify_group, _delete_group):
        setattr(
            ElastiCacheResponse, operation.__name__[1:].replace("_group", "_user_group"), operation
        )


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
    """The operations on serverless caches and user groups."""

    __module__ = models.__name__  # moto finds the URLs of a service by its backend's module

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.arn_regex = re.compile(_ARNS)
        self.serverless_caches: dict[str, ServerlessCache] = {}
        self.user_groups: dict[str, UserGroup] = {}

    def create_serverless_cache(
        self, name: str, tags: list[dict[str, str]], settings: dict[str, Any]
    ) -> ServerlessCache:
        """CreateServerlessCache: require a unique name, and two or three subnets."""
        if name in self.serverless_caches:
            raise ServerlessCacheAlreadyExistsFault(name)
        if not re.fullmatch(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{0,38}[A-Za-z0-9]|[A-Za-z]", name):
            raise InvalidParameterValueException(f"{name!r} is not a valid serverless cache name.")
        if not 2 <= len(settings.get("subnet_ids") or ["", ""]) <= 3:
            raise InvalidParameterValueException("A serverless cache takes two or three subnets.")
        if group := settings.get("user_group_id"):
            self.describe_user_groups(group)
        engine = settings["engine"]
        suffix = hashlib.sha256(f"{self.account_id}{name}".encode()).hexdigest()[:6]
        cache = ServerlessCache(
            serverless_cache_name=name,
            arn=f"arn:{self.partition}:elasticache:{self.region_name}:{self.account_id}"
            f":serverlesscache:{name}",
            address=f"{name}-{suffix}.serverless.{_short_region(self.region_name)}"
            ".cache.amazonaws.com",
            **{"major_engine_version": "8" if engine == "valkey" else "7"} | settings,
        )
        self.serverless_caches[name] = cache
        self.tagging_service.tag_resource(cache.arn, tags)
        return cache

    def describe_serverless_caches(self, name: str | None) -> list[ServerlessCache]:
        """DescribeServerlessCaches: return all caches, or the one with that name."""
        return [self._cache(name)] if name else list(self.serverless_caches.values())

    def modify_serverless_cache(
        self, name: str, remove_user_group: bool, settings: dict[str, Any]
    ) -> ServerlessCache:
        """ModifyServerlessCache: change these settings; usage limits are merged."""
        cache = self._cache(name)
        if settings.get("cache_usage_limits"):
            limits = (cache.cache_usage_limits or {}) | settings["cache_usage_limits"]
            settings = settings | {"cache_usage_limits": limits}
        if group := settings.get("user_group_id"):
            self.describe_user_groups(group)
        if remove_user_group:
            settings = settings | {"user_group_id": None}
        changed = self.serverless_caches[name] = replace(cache, **settings)
        return changed

    def delete_serverless_cache(self, name: str) -> ServerlessCache:
        """DeleteServerlessCache: report ``deleting``, and remove the cache at once."""
        cache = self._cache(name)
        del self.serverless_caches[name]
        self.tagging_service.delete_all_tags_for_resource(cache.arn)
        return replace(cache, status="deleting")

    def create_user_group(
        self, name: str, engine: str, users: list[str], tags: list[dict[str, str]]
    ) -> UserGroup:
        """CreateUserGroup: require a unique name and existing users."""
        if name in self.user_groups:
            raise UserGroupAlreadyExistsFault(name)
        for user in users:
            self.describe_users(user)
        arn = f"arn:{self.partition}:elasticache:{self.region_name}:{self.account_id}"
        group = UserGroup(name, engine, f"{arn}:usergroup:{name}", users)
        self.user_groups[name] = group
        self.tagging_service.tag_resource(group.arn, tags)
        return group

    def describe_user_groups(self, name: str | None) -> list[UserGroup]:
        """DescribeUserGroups: return all groups, or the one with that name."""
        if name and name not in self.user_groups:
            raise UserGroupNotFoundFault(name)
        return [self.user_groups[name]] if name else list(self.user_groups.values())

    def modify_user_group(self, name: str, add: list[str], remove: list[str]) -> UserGroup:
        """ModifyUserGroup: add and remove users."""
        group = self.describe_user_groups(name)[0]
        users = [user for user in (*group.user_ids, *add) if user not in remove]
        changed = self.user_groups[name] = replace(group, user_ids=users)
        return changed

    def delete_user_group(self, name: str) -> UserGroup:
        """DeleteUserGroup: refuse a group that a cache uses; remove any other at once."""
        group = self.describe_user_groups(name)[0]
        if any(cache.user_group_id == name for cache in self.serverless_caches.values()):
            raise InvalidUserGroupStateFault(name)
        del self.user_groups[name]
        self.tagging_service.delete_all_tags_for_resource(group.arn)
        return replace(group, status="deleting")

    def _cache(self, name: str) -> ServerlessCache:
        if name not in self.serverless_caches:
            raise ServerlessCacheNotFoundFault(name)
        return self.serverless_caches[name]


def _short_region(region: str) -> str:
    """Shorten a region as ElastiCache does in host names.

    >>> _short_region("eu-west-1"), _short_region("ap-southeast-2"), _short_region("us-gov-west-1")
    ('euw1', 'apse2', 'usgovw1')
    """
    area, direction, number = region.rsplit("-", 2)
    compass = re.findall("north|south|east|west|central", direction)
    return area.replace("-", "") + "".join(word[0] for word in compass) + number


def _backend(response: ElastiCacheResponse) -> Backend:
    return cast(Backend, response.elasticache_backend)


def _parameters(response: ElastiCacheResponse, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: response._get_param(_pascal(name)) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _create(self: ElastiCacheResponse) -> ActionResult:
    cache = _backend(self).create_serverless_cache(
        self._get_param("ServerlessCacheName").lower(),
        self._get_param("Tags", []),
        _parameters(self, (*_MODIFIABLE, "kms_key_id", "subnet_ids")),
    )
    return ActionResult({"ServerlessCache": cache})


def _describe(self: ElastiCacheResponse) -> ActionResult:
    name = self._get_param("ServerlessCacheName")
    return ActionResult({"ServerlessCaches": _backend(self).describe_serverless_caches(name)})


def _modify(self: ElastiCacheResponse) -> ActionResult:
    cache = _backend(self).modify_serverless_cache(
        self._get_param("ServerlessCacheName"),
        bool(self._get_bool_param("RemoveUserGroup", False)),
        _parameters(self, _MODIFIABLE),
    )
    return ActionResult({"ServerlessCache": cache})


def _delete(self: ElastiCacheResponse) -> ActionResult:
    name = self._get_param("ServerlessCacheName")
    return ActionResult({"ServerlessCache": _backend(self).delete_serverless_cache(name)})


def _create_group(self: ElastiCacheResponse) -> ActionResult:
    group = _backend(self).create_user_group(
        self._get_param("UserGroupId").lower(),
        self._get_param("Engine"),
        self._get_param("UserIds", []),
        self._get_param("Tags", []),
    )
    return ActionResult(group)


def _describe_groups(self: ElastiCacheResponse) -> ActionResult:
    name = self._get_param("UserGroupId")
    return ActionResult({"UserGroups": _backend(self).describe_user_groups(name)})


def _modify_group(self: ElastiCacheResponse) -> ActionResult:
    group = _backend(self).modify_user_group(
        self._get_param("UserGroupId"),
        self._get_param("UserIdsToAdd", []),
        self._get_param("UserIdsToRemove", []),
    )
    return ActionResult(group)


def _delete_group(self: ElastiCacheResponse) -> ActionResult:
    return ActionResult(_backend(self).delete_user_group(self._get_param("UserGroupId")))
