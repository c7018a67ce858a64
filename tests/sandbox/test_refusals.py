"""The local AWS refuses what AWS refuses; each rule meets a request of either kind.

The requests go through boto3 to a running server. boto3's own checks are off, because the server
must not rely on them.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from finbase.sandbox.refusals.table import RULES
from finbase.sandbox.server import Sandbox

MYSQL = {
    "DBInstanceIdentifier": "{new}",
    "DBInstanceClass": "db.t4g.medium",
    "Engine": "mysql",
    "MasterUsername": "owner",
    "MasterUserPassword": "long-enough",
    "AllocatedStorage": 20,
    "StorageType": "gp3",
}
LARGE = MYSQL | {"AllocatedStorage": 400}
REPLICA = {"DBInstanceIdentifier": "{new}", "SourceDBInstanceIdentifier": "{primary}"}
ALARM = {
    "AlarmName": "{new}",
    "ComparisonOperator": "LessThanThreshold",
    "EvaluationPeriods": 3,
    "MetricName": "m",
    "Namespace": "n",
    "Period": 60,
    "Statistic": "Sum",
    "Threshold": 1.0,
}
GIB = {"Maximum": 2, "Unit": "GB"}
USER = {"UserId": "{new}", "Engine": "valkey", "AccessString": "on ~* +@all"}
IAM = {"AuthenticationMode": {"Type": "iam"}}
GROUP = {"DBParameterGroupName": "{group16}"}


@dataclass(frozen=True)
class Case:
    """Settings that are added to the base of a request: refused ones, and accepted ones."""

    operation: str
    base: dict[str, Any]
    refused: dict[str, Any]
    accepted: dict[str, Any] = field(default_factory=dict)


CREATE, CHANGE = "CreateDBInstance", "ModifyDBInstance"
CASES: dict[str, Case] = {
    "rds-invalid-identifier": Case(CREATE, MYSQL, {"DBInstanceIdentifier": "two--hyphens"}),
    "rds-invalid-password": Case(CREATE, MYSQL, {"MasterUserPassword": "has/slash"}),
    "rds-reserved-user": Case(CREATE, MYSQL | {"Engine": "postgres"}, {"MasterUsername": "admin"}),
    "rds-invalid-window": Case(
        CREATE,
        MYSQL,
        {"PreferredMaintenanceWindow": "mon:23:50-tue:00:10"},
        {"PreferredMaintenanceWindow": "mon:23:50-tue:00:20"},
    ),
    # The primary's backup window is 04:00-05:00, and the replica inherits it.
    "rds-overlapping-windows": Case(
        CHANGE,
        {"DBInstanceIdentifier": "{replica}"},
        {"PreferredMaintenanceWindow": "tue:04:30-tue:05:30"},
        {"PreferredMaintenanceWindow": "tue:05:00-tue:06:00"},
    ),
    "rds-downgrade": Case(
        CHANGE,
        {"DBInstanceIdentifier": "{replica}"},
        {"EngineVersion": "17.1"},
        {"EngineVersion": "17"},
    ),
    "rds-missing-upgrade-flag": Case(
        CHANGE,
        {
            "DBInstanceIdentifier": "{replica}",
            "EngineVersion": "18",
            "DBParameterGroupName": "{group18}",
        },
        {},
        {"AllowMajorVersionUpgrade": True},
    ),
    "rds-upgrade-keeps-group": Case(
        CHANGE,
        {
            "DBInstanceIdentifier": "{replica}",
            "EngineVersion": "18",
            "AllowMajorVersionUpgrade": True,
        },
        {},
        {"DBParameterGroupName": "{group18}"},
    ),
    "rds-other-family": Case(
        CHANGE,
        {"DBInstanceIdentifier": "{replica}"},
        {"DBParameterGroupName": "{group18}"},
        {"DBParameterGroupName": "{group17}"},
    ),
    "rds-group-in-use": Case(
        "DeleteDBParameterGroup",
        {},
        {"DBParameterGroupName": "{used_group}"},
        {"DBParameterGroupName": "{group16}"},
    ),
    "rds-subnets-in-use": Case(
        "DeleteDBSubnetGroup",
        {},
        {"DBSubnetGroupName": "{used_subnets}"},
        {"DBSubnetGroupName": "{subnets}"},
    ),
    "rds-one-zone": Case(
        "CreateDBSubnetGroup",
        {"DBSubnetGroupName": "{new}", "DBSubnetGroupDescription": "d"},
        {"SubnetIds": ["{subnet_a}"]},
        {"SubnetIds": ["{subnet_a}", "{subnet_b}"]},
    ),
    "rds-static-applied-at-once": Case(
        "ModifyDBParameterGroup",
        GROUP,
        {
            "Parameters": [
                {
                    "ParameterName": "max_connections",
                    "ParameterValue": "9",
                    "ApplyMethod": "immediate",
                }
            ]
        },
        {
            "Parameters": [
                {"ParameterName": "work_mem", "ParameterValue": "9", "ApplyMethod": "immediate"}
            ]
        },
    ),
    "rds-too-many-parameters": Case(
        "ModifyDBParameterGroup",
        GROUP,
        {"Parameters": [{"ParameterName": f"p{number}"} for number in range(21)]},
        {"Parameters": [{"ParameterName": f"p{number}"} for number in range(20)]},
    ),
    "rds-invalid-size": Case(CREATE, MYSQL, {"AllocatedStorage": 19}),
    "rds-shrinking": Case(
        CHANGE,
        {"DBInstanceIdentifier": "{mysql}"},
        {"AllocatedStorage": 25},
        {"AllocatedStorage": 40},
    ),
    "rds-low-maximum": Case(
        CREATE, MYSQL, {"MaxAllocatedStorage": 21}, {"MaxAllocatedStorage": 22}
    ),
    "rds-iops-below-threshold": Case(
        CREATE,
        MYSQL | {"Iops": 12000},
        {"AllocatedStorage": 399},
        {"AllocatedStorage": 400},
    ),
    "rds-iops-out-of-range": Case(CREATE, LARGE, {"Iops": 11999}, {"Iops": 12000}),
    "rds-throughput-out-of-range": Case(
        CREATE, LARGE, {"StorageThroughput": 499}, {"StorageThroughput": 500}
    ),
    "rds-throughput-ratio": Case(
        CREATE, LARGE | {"StorageThroughput": 3001}, {"Iops": 12000}, {"Iops": 12004}
    ),
    "rds-iops-ratio": Case(
        CREATE, LARGE | {"StorageType": "io1"}, {"Iops": 20001}, {"Iops": 20000}
    ),
    "rds-size-without-iops": Case(
        CHANGE,
        {"DBInstanceIdentifier": "{large}", "AllocatedStorage": 500},
        {},
        {"Iops": 12000},
    ),
    "rds-invalid-retention": Case(
        CREATE, MYSQL, {"BackupRetentionPeriod": 36}, {"BackupRetentionPeriod": 35}
    ),
    "rds-source-without-backups": Case(
        "CreateDBInstanceReadReplica",
        REPLICA,
        {"SourceDBInstanceIdentifier": "{without_backups}"},
    ),
    "rds-invalid-insights-retention": Case(
        CREATE,
        MYSQL | {"EnablePerformanceInsights": True},
        {"PerformanceInsightsRetentionPeriod": 94},
        {"PerformanceInsightsRetentionPeriod": 93},
    ),
    "rds-invalid-interval": Case(
        CREATE,
        MYSQL | {"MonitoringRoleArn": "arn:aws:iam::777788889999:role/m"},
        {"MonitoringInterval": 45},
        {"MonitoringInterval": 60},
    ),
    "rds-unknown-log": Case(
        "CreateDBInstanceReadReplica",
        REPLICA,
        {"EnableCloudwatchLogsExports": ["slowquery"]},
        {"EnableCloudwatchLogsExports": ["postgresql", "upgrade"]},
    ),
    "rds-key-without-encryption": Case(
        CREATE, MYSQL | {"KmsKeyId": "{key}"}, {}, {"StorageEncrypted": True}
    ),
    "rds-unusable-key": Case(
        CREATE,
        MYSQL | {"StorageEncrypted": True},
        {"KmsKeyId": "{deleted_key}"},
        {"KmsKeyId": "{key}"},
    ),
    "rds-protected": Case(
        "DeleteDBInstance",
        {"SkipFinalSnapshot": True},
        {"DBInstanceIdentifier": "{protected}"},
        {"DBInstanceIdentifier": "{mysql}"},
    ),
    "rds-final-snapshot": Case(
        "DeleteDBInstance",
        {"DBInstanceIdentifier": "{mysql}", "FinalDBSnapshotIdentifier": "{new}"},
        {"SkipFinalSnapshot": True},
    ),
    "rds-snapshot-exists": Case(
        "DeleteDBInstance",
        {"DBInstanceIdentifier": "{mysql}"},
        {"FinalDBSnapshotIdentifier": "{snapshot}"},
        {"FinalDBSnapshotIdentifier": "{new}"},
    ),
    "rds-invalid-tag": Case(
        CREATE,
        MYSQL,
        {"Tags": [{"Key": "aws:owner", "Value": "x"}]},
        {"Tags": [{"Key": "owner", "Value": "Zoë @ team-1"}]},
    ),
    "lambda-unreserved-concurrency": Case(
        "PutFunctionConcurrency",
        {"FunctionName": "{function}"},
        {"ReservedConcurrentExecutions": 1},
        {"ReservedConcurrentExecutions": 0},
    ),
    "lambda-reserved-variable": Case(
        "UpdateFunctionConfiguration",
        {"FunctionName": "{function}"},
        {"Environment": {"Variables": {"AWS_REGION": "eu-west-1"}}},
        {"Environment": {"Variables": {"REGION": "eu-west-1"}}},
    ),
    "elasticache-no-change": Case(
        "ModifyServerlessCache", {"ServerlessCacheName": "{cache}"}, {}, {"Description": "d"}
    ),
    "elasticache-several-changes": Case(
        "ModifyServerlessCache",
        {"ServerlessCacheName": "{cache}"},
        {"CacheUsageLimits": {"DataStorage": GIB, "ECPUPerSecond": {"Maximum": 2000}}},
        {"CacheUsageLimits": {"DataStorage": GIB, "ECPUPerSecond": {"Maximum": 1000}}},
    ),
    "elasticache-invalid-limit": Case(
        "CreateServerlessCache",
        {"ServerlessCacheName": "{new}", "Engine": "valkey"},
        {"CacheUsageLimits": {"ECPUPerSecond": {"Maximum": 999}}},
        {"CacheUsageLimits": {"ECPUPerSecond": {"Minimum": 1000, "Maximum": 1000}}},
    ),
    "elasticache-invalid-snapshots": Case(
        "CreateServerlessCache",
        {"ServerlessCacheName": "{new}", "Engine": "valkey"},
        {"SnapshotRetentionLimit": 36},
        {"SnapshotRetentionLimit": 35, "DailySnapshotTime": "23:59"},
    ),
    "elasticache-other-user-name": Case(
        "CreateUser", USER | IAM, {"UserName": "other"}, {"UserName": "{new}"}
    ),
    "secretsmanager-name-being-deleted": Case(
        "CreateSecret", {"SecretString": "x"}, {"Name": "{deleted_secret}"}, {"Name": "{new}"}
    ),
    "secretsmanager-recovery-window": Case(
        "DeleteSecret",
        {"SecretId": "{secret}"},
        {"RecoveryWindowInDays": 6},
        {"RecoveryWindowInDays": 7},
    ),
    "secretsmanager-unusable-secret-key": Case(
        "CreateSecret",
        {"Name": "{new}", "SecretString": "x"},
        {"KmsKeyId": "{deleted_key}"},
        {"KmsKeyId": "{key}"},
    ),
    "kms-deletion-window": Case(
        "ScheduleKeyDeletion",
        {"KeyId": "{key_id}"},
        {"PendingWindowInDays": 31},
        {"PendingWindowInDays": 30},
    ),
    "kms-unusable": Case(
        "Encrypt", {"Plaintext": b"x"}, {"KeyId": "{deleted_key}"}, {"KeyId": "{key}"}
    ),
    "logs-invalid-log-retention": Case(
        "PutRetentionPolicy",
        {"logGroupName": "{log_group}"},
        {"retentionInDays": 364},
        {"retentionInDays": 365},
    ),
    "logs-unusable-log-key": Case(
        "CreateLogGroup",
        {"logGroupName": "{new}"},
        {"kmsKeyId": "{deleted_key}"},
        {"kmsKeyId": "{key}"},
    ),
    "cloudwatch-invalid-period": Case("PutMetricAlarm", ALARM, {"Period": 90}),
    "cloudwatch-invalid-datapoints": Case(
        "PutMetricAlarm", ALARM, {"DatapointsToAlarm": 4}, {"DatapointsToAlarm": 3}
    ),
    "ec2-invalid-description": Case(
        "CreateSecurityGroup",
        {"GroupName": "{new}", "VpcId": "{vpc}"},
        {"Description": "the team's"},
        {"Description": "of the team (1)"},
    ),
    "ec2-route-into-vpc": Case(
        "CreateRoute",
        {"RouteTableId": "{table}", "VpcPeeringConnectionId": "pcx-0123456789abcdef0"},
        {"DestinationCidrBlock": "10.9.0.0/24"},
        {"DestinationCidrBlock": "10.8.0.0/15"},
    ),
    "ec2-unattached-gateway": Case(
        "CreateRoute",
        {"RouteTableId": "{table}", "DestinationCidrBlock": "10.80.0.0/16"},
        {"TransitGatewayId": "tgw-0123456789abcdef9"},
        {"TransitGatewayId": "{gateway}"},
    ),
    "ec2-two-subnets-of-a-zone": Case(
        "CreateTransitGatewayVpcAttachment",
        {"TransitGatewayId": "tgw-0123456789abcdef1", "VpcId": "{vpc}"},
        {"SubnetIds": ["{subnet_a}", "{second_a}"]},
        {"SubnetIds": ["{subnet_a}", "{subnet_b}"]},
    ),
}


class Resources(dict[str, str]):
    """The names of resources; one that no request has named before is created."""

    def __init__(self, client: Callable[..., Any], **known: str) -> None:
        super().__init__(known)
        self._client = client

    def __missing__(self, name: str) -> str:
        self[name] = value = str(getattr(self, f"_{name}", self._new)())
        return value

    @staticmethod
    def _new() -> str:
        return f"t{uuid.uuid4().hex[:12]}"

    def _instance(self, **settings: Any) -> str:
        name = self._new()
        self._client("rds").create_db_instance(
            **MYSQL | {"DBInstanceIdentifier": name, "AllocatedStorage": 30} | settings
        )
        return name

    def _mysql(self) -> str:
        return self._instance()

    def _large(self) -> str:
        return self._instance(AllocatedStorage=400)

    def _without_backups(self) -> str:
        return self._instance(BackupRetentionPeriod=0)

    def _protected(self) -> str:
        return self._instance(DeletionProtection=True)

    def _replica(self) -> str:
        name = self._new()
        self._client("rds").create_db_instance_read_replica(
            DBInstanceIdentifier=name, SourceDBInstanceIdentifier=self["primary"]
        )
        return name

    def _group(self, version: int) -> str:
        name = self._new()
        self._client("rds").create_db_parameter_group(
            DBParameterGroupName=name,
            DBParameterGroupFamily=f"postgres{version}",
            Description="d",
        )
        return name

    def _group16(self) -> str:
        return self._group(16)

    def _group17(self) -> str:
        return self._group(17)

    def _group18(self) -> str:
        return self._group(18)

    def _table(self) -> str:
        made = self._client("ec2").create_route_table(VpcId=self["vpc"])
        return str(made["RouteTable"]["RouteTableId"])

    def _gateway(self) -> str:
        gateway = "tgw-0123456789abcdef0"
        self._client("ec2").create_transit_gateway_vpc_attachment(
            TransitGatewayId=gateway, VpcId=self["vpc"], SubnetIds=[self["subnet_a"]]
        )
        return gateway

    def _second_a(self) -> str:
        made = self._client("ec2").create_subnet(
            VpcId=self["vpc"], CidrBlock="10.9.0.128/26", AvailabilityZone="eu-west-1a"
        )
        return str(made["Subnet"]["SubnetId"])

    def _subnets(self) -> str:
        name = self._new()
        self._client("rds").create_db_subnet_group(
            DBSubnetGroupName=name,
            DBSubnetGroupDescription="d",
            SubnetIds=[self["subnet_a"], self["subnet_b"]],
        )
        return name

    def _used_subnets(self) -> str:
        name = self._subnets()
        self._instance(DBSubnetGroupName=name)
        return name

    def _snapshot(self) -> str:
        name = self._new()
        self._client("rds").create_db_snapshot(
            DBSnapshotIdentifier=name, DBInstanceIdentifier=self["mysql"]
        )
        return name

    def _key(self) -> str:
        return str(self._client("kms").create_key()["KeyMetadata"]["Arn"])

    def _key_id(self) -> str:
        return self._key().rpartition("/")[2]

    def _deleted_key(self) -> str:
        key = self._key()
        key_id = key.rpartition("/")[2]  # moto does not take an ARN here.
        self._client("kms").schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
        return key

    def _function(self) -> str:
        name = self._new()
        self._client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=self["role"],
            Handler="index.handler",
            Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
        )
        return name

    def _cache(self) -> str:
        name = self._new()
        self._client("elasticache").create_serverless_cache(
            ServerlessCacheName=name,
            Engine="valkey",
            CacheUsageLimits={"ECPUPerSecond": {"Maximum": 1000}},
        )
        return name

    def _secret(self) -> str:
        name = self._new()
        self._client("secretsmanager").create_secret(Name=name, SecretString="x")
        return name

    def _deleted_secret(self) -> str:
        name = self._secret()
        self._client("secretsmanager").delete_secret(SecretId=name, RecoveryWindowInDays=7)
        return name

    def _log_group(self) -> str:
        name = self._new()
        self._client("logs").create_log_group(logGroupName=name)
        return name

    def fill(self, value: Any) -> Any:
        """Replace the names in braces by those of resources."""
        match value:
            case str():
                return value.format_map(self)
            case dict():
                return {key: self.fill(item) for key, item in value.items()}
            case list():
                return [self.fill(item) for item in value]
            case _:
                return value


@pytest.fixture(scope="module")
def primary(client: Callable[..., Any]) -> dict[str, str]:
    """The name of an instance with PostgreSQL 17, and that of its parameter group."""
    name, group = f"t{uuid.uuid4().hex[:12]}", f"g{uuid.uuid4().hex[:12]}"
    client("rds").create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily="postgres17", Description="d"
    )
    client("rds").create_db_instance(
        **MYSQL
        | {
            "DBInstanceIdentifier": name,
            "Engine": "postgres",
            "EngineVersion": "17",
            "DBParameterGroupName": group,
            "BackupRetentionPeriod": 7,
            "PreferredBackupWindow": "04:00-05:00",
        }
    )
    return {"primary": name, "used_group": group}


@pytest.fixture
def resources(
    client: Callable[..., Any],
    primary: dict[str, str],
    role: str,
    vpc: str,
    subnets: list[str],
) -> Resources:
    return Resources(
        client, **primary, role=role, vpc=vpc, subnet_a=subnets[0], subnet_b=subnets[1]
    )


@pytest.fixture
def call(client: Callable[..., Any], sandbox: Sandbox) -> Callable[..., tuple[str, str]]:
    """Call an operation without checks of its parameters; return the code and text of an error."""

    def call(service: str, operation: str, params: dict[str, Any]) -> tuple[str, str]:
        if service == "cloudwatch":  # boto3 speaks another protocol than Terraform's provider.
            return query(sandbox, "monitoring", operation, params)
        method = getattr(client(service, parameter_validation=False), xform_name(operation))
        try:
            method(**params)
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["Error"]["Message"]
        return "", ""

    return call


def query(
    sandbox: Sandbox, service: str, operation: str, params: dict[str, Any]
) -> tuple[str, str]:
    """Send a request in the query protocol, and return the code and message of its error."""
    body = urllib.parse.urlencode({"Action": operation} | params).encode()
    scope = f"{sandbox.key}/20260101/eu-west-1/{service}/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    }
    request = urllib.request.Request(sandbox.url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30):
            return "", ""
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        code, message = (re.search(f"<{tag}>(.*?)</{tag}>", text) for tag in ("Code", "Message"))
        assert code, text
        assert message, text
        return code[1], message[1]


def test_cases_cover_all_rules() -> None:
    assert [*CASES] == [rule.name for rule in RULES]
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_reference_lists_rules() -> None:
    page = Path(__file__).parents[2].joinpath("docs/reference/sandbox.md").read_text()
    rows = re.findall(r"^\| `(\S+)` \| (.+) \| `([\w.]+)` \|$", page, re.MULTILINE)
    texts = [(rule.check.__doc__ or "").splitlines()[0].rstrip(".") for rule in RULES]
    expected = [(rule.name, text, rule.code) for rule, text in zip(RULES, texts, strict=True)]
    assert rows == expected
    assert f"by {len(RULES)} further rules" in page


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_refuses_and_accepts(
    call: Callable[..., tuple[str, str]], resources: Resources, rule: Any
) -> None:
    case = CASES[rule.name]
    refused = resources.fill(case.base | case.refused)
    code, message = call(rule.service, case.operation, refused)
    assert code == rule.code, message
    assert message
    # A refused request changes nothing, so the accepted one finds what the refused one found.
    accepted = resources.fill(case.base | case.accepted)
    assert call(rule.service, case.operation, accepted) == ("", "")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_has_source_and_is_reachable(rule: Any) -> None:
    assert rule.source.startswith(("https://docs.aws.amazon.com/", "https://github.com/"))
    assert CASES[rule.name].operation in rule.operations


@pytest.mark.parametrize(
    ("service", "operation", "params", "code", "text"),
    [
        ("rds", "DeleteDBInstance", {}, "MissingParameter", "parameter DBInstanceIdentifier"),
        (
            "rds",
            "CreateDBInstance",
            MYSQL | {"DatabaseInsightsMode": "full"},
            "InvalidParameterValue",
            r"enum value set: \[standard, advanced\]",
        ),
        ("ec2", "CreateSubnet", {"CidrBlock": "10.0.0.0/24"}, "MissingParameter", "vpcId"),
        (
            "ec2",
            "CreateVpc",
            {"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "shared"},
            "InvalidParameterValue",
            r"Value \(shared\) for parameter instanceTenancy is invalid",
        ),
        (
            "iam",
            "CreateRole",
            {"RoleName": "a role", "AssumeRolePolicyDocument": "{}"},
            "ValidationError",
            r"1 validation error detected: Value 'a role' at 'roleName' failed to satisfy "
            r"constraint: Member must satisfy regular expression pattern: \[\\w\+=,\.@-\]\+",
        ),
        (
            "iam",
            "CreateRole",
            {"RoleName": "r", "AssumeRolePolicyDocument": "{}", "Description": "a – b"},
            "ValidationError",
            "at 'description' failed",
        ),
        ("sns", "Subscribe", {"TopicArn": "a"}, "ValidationError", "null at 'protocol'"),
        (
            "kms",
            "EnableKeyRotation",
            {"KeyId": "k", "RotationPeriodInDays": 89},
            "ValidationException",
            "'rotationPeriodInDays' failed .* greater than or equal to 90",
        ),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": "a group"},
            "InvalidParameterException",
            "pattern",
        ),
        (
            "secretsmanager",
            "CreateSecret",
            {"Name": "x" * 513, "SecretString": "confidential" * 6000},
            "ValidationException",
            "^2 validation errors detected: .*; Value at 'secretString' .* less than or equal",
        ),
        (
            "lambda",
            "CreateFunction",
            {"FunctionName": "f", "Role": "no-arn", "Code": {}, "MemorySize": 64},
            "ValidationException",
            "^2 validation errors detected: Value 'no-arn' at 'role' .* 'memorySize' failed",
        ),
        (
            "lambda",
            "PutFunctionConcurrency",
            {"FunctionName": "f"},
            "ValidationException",
            "null at 'reservedConcurrentExecutions'",
        ),
    ],
)
def test_model_refuses(
    call: Callable[..., tuple[str, str]],
    service: str,
    operation: str,
    params: dict[str, Any],
    code: str,
    text: str,
) -> None:
    actual, message = call(service, operation, {**params})
    assert actual == code, message
    assert re.search(text, message)
    assert "confidential" not in message


def test_refuses_text_for_number(sandbox: Sandbox) -> None:
    params = {"DBInstanceIdentifier": "a", "AllocatedStorage": "many"}
    code, message = query(sandbox, "rds", "ModifyDBInstance", params)
    assert (code, "many" in message) == ("MalformedInput", True)


def test_secret_name_is_free_without_recovery(client: Callable[..., Any], name: str) -> None:
    """API of Secrets Manager, DeleteSecret: ForceDeleteWithoutRecovery ends the recovery window."""
    secrets = client("secretsmanager")
    secrets.create_secret(Name=name, SecretString="one")
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name=name, SecretString="two")


def test_upgrade_waits_for_window(client: Callable[..., Any], resources: Resources) -> None:
    """API of RDS, ModifyDBInstance, EngineVersion: "the change is applied during the next
    maintenance window unless the ApplyImmediately parameter is enabled". Until then the old
    parameter group is in use."""
    rds, name = client("rds"), resources["mysql"]
    for version in ("5.7", "8.0"):
        rds.create_db_parameter_group(
            DBParameterGroupName=f"{name}-{version[0]}",
            DBParameterGroupFamily=f"mysql{version}",
            Description="d",
        )
    old, new = f"{name}-5", f"{name}-8"
    primary, replica = f"{name}-p", f"{name}-r"
    rds.create_db_instance(
        **MYSQL
        | {"DBInstanceIdentifier": primary, "EngineVersion": "5.7", "DBParameterGroupName": old}
    )
    rds.create_db_instance_read_replica(
        DBInstanceIdentifier=replica, SourceDBInstanceIdentifier=primary
    )

    def state(identifier: str) -> tuple[str, str, dict[str, str]]:
        (read,) = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        (group,) = read["DBParameterGroups"]
        return read["EngineVersion"], group["DBParameterGroupName"], read["PendingModifiedValues"]

    rds.modify_db_instance(
        DBInstanceIdentifier=primary,
        EngineVersion="8.0",
        AllowMajorVersionUpgrade=True,
        DBParameterGroupName=new,
    )
    assert state(primary) == ("5.7", old, {"EngineVersion": "8.0"})
    with pytest.raises(ClientError, match="InvalidDBParameterGroupState"):
        rds.delete_db_parameter_group(DBParameterGroupName=old)
    rds.modify_db_instance(DBInstanceIdentifier=primary, ApplyImmediately=True)
    assert state(primary) == ("8.0", new, {})
    assert state(replica) == ("8.0", "default.mysql8.0", {})
    rds.delete_db_parameter_group(DBParameterGroupName=old)


def test_identifiers_with_other_characters(client: Callable[..., Any], name: str) -> None:
    """API of RDS, CreateDBSubnetGroup, DBSubnetGroupName: "letters, numbers, periods, underscores,
    spaces, or hyphens". An automated snapshot has the prefix ``rds:``."""
    rds = client("rds")
    rds.create_db_instance(**MYSQL | {"DBInstanceIdentifier": name, "BackupRetentionPeriod": 1})
    (snapshot,) = rds.describe_db_snapshots(DBInstanceIdentifier=name)["DBSnapshots"]
    assert snapshot["DBSnapshotIdentifier"].startswith("rds:")
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=f"{name}-b",
        DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"],
        DBParameterGroupName="default.mysql5.6",
    )


def test_subnet_group_takes_underscores(
    client: Callable[..., Any], name: str, subnets: list[str]
) -> None:
    client("rds").create_db_subnet_group(
        DBSubnetGroupName=f"{name}_1.b", DBSubnetGroupDescription="d", SubnetIds=subnets
    )
