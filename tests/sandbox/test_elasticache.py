"""The local ElastiCache has serverless caches, which moto has not.

"API" is the API Reference of Amazon ElastiCache, at the operation or data type that is named;
"observed" is what users of AWS report, and no page of it tells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

LIMITS = {
    "DataStorage": {"Maximum": 1, "Unit": "GB"},
    "ECPUPerSecond": {"Maximum": 1000},
}


@pytest.fixture
def elasticache(client: Callable[..., Any]) -> Any:
    return client("elasticache")


def test_create_then_describe(
    client: Callable[..., Any], elasticache: Any, name: str, vpc: str, subnets: list[str]
) -> None:
    """API, ServerlessCache. Observed, in the source of Terraform's provider: the status is in lower
    case, unlike there. The ports of the endpoints are those that AWS's own tutorial opens for
    such a cache."""
    group = client("ec2").create_security_group(GroupName=name, Description="-", VpcId=vpc)
    given = {
        "ServerlessCacheName": name,
        "Description": "Sessions",
        "Engine": "valkey",
        "MajorEngineVersion": "8",
        "CacheUsageLimits": LIMITS,
        "KmsKeyId": client("kms").create_key()["KeyMetadata"]["Arn"],
        "SecurityGroupIds": [group["GroupId"]],
        "SubnetIds": subnets,
        "SnapshotRetentionLimit": 7,
        "DailySnapshotTime": "03:00",
    }
    made = elasticache.create_serverless_cache(**given, Tags=[{"Key": "a", "Value": "b"}])
    (read,) = elasticache.describe_serverless_caches(ServerlessCacheName=name)["ServerlessCaches"]
    assert read == made["ServerlessCache"]
    assert given.items() <= read.items()
    assert read["Status"] == "available"
    assert read["FullEngineVersion"].startswith("8.")
    assert read["ARN"] == f"arn:aws:elasticache:eu-west-1:777788889999:serverlesscache:{name}"
    assert read["Endpoint"]["Port"] == 6379
    assert read["ReaderEndpoint"] == read["Endpoint"] | {"Port": 6380}
    assert ".serverless.euw1.cache.amazonaws.com" in read["Endpoint"]["Address"]
    tags = elasticache.list_tags_for_resource(ResourceName=read["ARN"])["TagList"]
    assert tags == [{"Key": "a", "Value": "b"}]


def test_modify_keeps_other_settings(elasticache: Any, name: str) -> None:
    """API, ModifyServerlessCache: what is not given is "not removed/modified". That this holds for
    each of the two limits as well is inferred. API, CreateServerlessCache, Description: "if no
    description is provided then an empty string will be returned"."""
    elasticache.create_user_group(UserGroupId="people", Engine="valkey")
    made = elasticache.create_serverless_cache(
        ServerlessCacheName=name, Engine="valkey", CacheUsageLimits=LIMITS, UserGroupId="people"
    )["ServerlessCache"]
    assert made["Description"] == ""
    limit = {"ECPUPerSecond": {"Maximum": 2000}}
    elasticache.modify_serverless_cache(ServerlessCacheName=name, CacheUsageLimits=limit)
    elasticache.modify_serverless_cache(ServerlessCacheName=name, RemoveUserGroup=True)
    (read,) = elasticache.describe_serverless_caches(ServerlessCacheName=name)["ServerlessCaches"]
    assert read["CacheUsageLimits"] == LIMITS | limit
    assert "UserGroupId" not in read
    assert read["Engine"] == "valkey"


def test_create_duplicate_and_delete(elasticache: Any, name: str) -> None:
    """API, CreateServerlessCache, errors: ServerlessCacheAlreadyExistsFault, which is a 400. API,
    DescribeServerlessCaches, errors: ServerlessCacheNotFoundFault, a 404."""
    errors = elasticache.exceptions
    elasticache.create_serverless_cache(ServerlessCacheName=name, Engine="valkey")
    with pytest.raises(errors.ServerlessCacheAlreadyExistsFault):
        elasticache.create_serverless_cache(ServerlessCacheName=name, Engine="valkey")
    deleted = elasticache.delete_serverless_cache(ServerlessCacheName=name)
    assert deleted["ServerlessCache"]["Status"] == "deleting"
    with pytest.raises(errors.ServerlessCacheNotFoundFault) as caught:
        elasticache.describe_serverless_caches(ServerlessCacheName=name)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.parametrize("count", [1, 4])
def test_create_checks_number_of_subnets(elasticache: Any, name: str, count: int) -> None:
    """Observed; API, ServerlessCache, SubnetIds tells what is chosen where none is given, which is
    "2 default subnets" or "3 default subnets"."""
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        elasticache.create_serverless_cache(
            ServerlessCacheName=name, Engine="valkey", SubnetIds=["subnet-1"] * count
        )


USER = {
    "Engine": "valkey",
    "AccessString": "on ~* +@all -@dangerous +info",
    "AuthenticationMode": {"Type": "iam"},
}


def test_user_group_lets_its_users_into_a_cache(
    elasticache: Any, name: str, subnets: list[str]
) -> None:
    """API, CreateUserGroup and UserGroup: a cache names the group, and the group its users."""
    elasticache.create_user(UserId=name, UserName=name, **USER)
    made = elasticache.create_user_group(
        UserGroupId=name, Engine="valkey", UserIds=[name], Tags=[{"Key": "a", "Value": "b"}]
    )
    (group,) = elasticache.describe_user_groups(UserGroupId=name)["UserGroups"]
    assert group["ARN"] == made["ARN"]
    assert (group["UserIds"], group["Status"], group["Engine"]) == ([name], "active", "valkey")
    tags = elasticache.list_tags_for_resource(ResourceName=group["ARN"])["TagList"]
    assert tags == [{"Key": "a", "Value": "b"}]
    cache = elasticache.create_serverless_cache(
        ServerlessCacheName=name, Engine="valkey", SubnetIds=subnets, UserGroupId=name
    )
    assert cache["ServerlessCache"]["UserGroupId"] == name
    with pytest.raises(ClientError, match="InvalidUserGroupState"):
        elasticache.delete_user_group(UserGroupId=name)
    elasticache.delete_serverless_cache(ServerlessCacheName=name)
    elasticache.delete_user_group(UserGroupId=name)
    with pytest.raises(ClientError, match="UserGroupNotFound"):
        elasticache.describe_user_groups(UserGroupId=name)


def test_user_group_changes_its_users(elasticache: Any, name: str) -> None:
    """API, ModifyUserGroup: users are added and removed by their ids."""
    for user in (f"{name}-a", f"{name}-b"):
        elasticache.create_user(UserId=user, UserName=user, **USER)
    elasticache.create_user_group(UserGroupId=name, Engine="valkey", UserIds=[f"{name}-a"])
    elasticache.modify_user_group(
        UserGroupId=name, UserIdsToAdd=[f"{name}-b"], UserIdsToRemove=[f"{name}-a"]
    )
    (group,) = elasticache.describe_user_groups(UserGroupId=name)["UserGroups"]
    assert group["UserIds"] == [f"{name}-b"]
    with pytest.raises(ClientError, match="UserNotFound"):
        elasticache.modify_user_group(UserGroupId=name, UserIdsToAdd=["nobody"])


def test_user_group_refuses_what_does_not_exist(
    elasticache: Any, name: str, subnets: list[str]
) -> None:
    """API, CreateUserGroup, errors: UserNotFoundFault.

    API, CreateServerlessCache, errors: UserGroupNotFoundFault.
    """
    with pytest.raises(ClientError, match="UserNotFound"):
        elasticache.create_user_group(UserGroupId=name, Engine="valkey", UserIds=["nobody"])
    with pytest.raises(ClientError, match="UserGroupNotFound"):
        elasticache.create_serverless_cache(
            ServerlessCacheName=name, Engine="valkey", SubnetIds=subnets, UserGroupId="missing"
        )
