"""The local AWS refuses what AWS refuses; each rule meets a request of either kind.

The requests go through boto3 to a running server. boto3's own checks are off, because the server
must not rely on them.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore import xform_name
from botocore.exceptions import ClientError

from finbase.sandbox.refusals.rule import Rule
from finbase.sandbox.server import Sandbox

CASES = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_bytes())
MYSQL, ENDPOINT = (CASES["bases"][name] for name in ("mysql", "endpoint"))
del CASES["bases"]
BLOCKS = count(128, 16)
"""Where each next small subnet of the VPC starts."""


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


class Resources(dict[str, str]):
    """The names of resources; one that no request has named before is created."""

    def __init__(self, client: Callable[..., Any], **known: str) -> None:
        super().__init__(known)
        self._client = client

    def __missing__(self, name: str) -> str:
        if re.fullmatch(r"x\d+", name):
            return "x" * int(name[1:])
        self[name] = value = str(getattr(self, f"_{name}", self._new)())
        return value

    @staticmethod
    def _new() -> str:
        return f"t{uuid.uuid4().hex[:12]}"

    def _instance(self, **settings: Any) -> str:
        name = self._new()
        settings = MYSQL | {"DBInstanceIdentifier": name, "AllocatedStorage": 30} | settings
        self._client("rds").create_db_instance(
            **{key: value for key, value in settings.items() if value is not None}
        )
        return name

    def _mysql(self) -> str:
        return self._instance()

    def _large(self) -> str:
        return self._instance(AllocatedStorage=400)

    def _with_backups(self) -> str:
        return self._instance(BackupRetentionPeriod=1)

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
        return self._subnet(self["vpc"], f"10.9.0.{next(BLOCKS)}/28", "eu-west-1a")

    def _other_subnet_a(self) -> str:
        return self._subnet(self["named_vpc"], "10.8.0.0/26", "eu-west-1a")

    def _other_subnet_b(self) -> str:
        return self._subnet(self["named_vpc"], "10.8.0.64/26", "eu-west-1b")

    def _subnet(self, vpc: str, block: str, zone: str) -> str:
        made = self._client("ec2").create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)
        return str(made["Subnet"]["SubnetId"])

    def _subnets(self, *subnets: str) -> str:
        name = self._new()
        self._client("rds").create_db_subnet_group(
            DBSubnetGroupName=name,
            DBSubnetGroupDescription="d",
            SubnetIds=subnets or [self["subnet_a"], self["subnet_b"]],
        )
        return name

    def _other_subnets(self) -> str:
        return self._subnets(self["other_subnet_a"], self["other_subnet_b"])

    def _used_subnets(self) -> str:
        name = self._subnets()
        self._instance(DBSubnetGroupName=name)
        return name

    def _in_subnets(self) -> str:
        return self._instance(DBSubnetGroupName=self._subnets())

    def _with_replica(self) -> str:
        name = self._instance(BackupRetentionPeriod=1, DBSubnetGroupName=self._subnets())
        self._client("rds").create_db_instance_read_replica(
            DBInstanceIdentifier=self._new(), SourceDBInstanceIdentifier=name
        )
        return name

    def _public_subnets(self) -> str:
        ec2 = self._client("ec2")
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self["named_vpc"])
        return self["other_subnets"]

    def _managed(self) -> str:
        password = {"ManageMasterUserPassword": True, "MasterUserPassword": None}
        return self._instance(BackupRetentionPeriod=1, **password)

    def _encrypted(self) -> str:
        return self._instance(BackupRetentionPeriod=1, StorageEncrypted=True)

    def _with_insights(self) -> str:
        return self._instance(
            EnablePerformanceInsights=True, PerformanceInsightsKMSKeyId=self["key"]
        )

    @staticmethod
    def _now() -> str:
        return f"{datetime.now(UTC):%FT%TZ}"

    def _snapshot(self) -> str:
        name = self._new()
        self._client("rds").create_db_snapshot(
            DBSnapshotIdentifier=name, DBInstanceIdentifier=self["mysql"]
        )
        return name

    def _key(self) -> str:
        return str(self._client("kms").create_key()["KeyMetadata"]["Arn"])

    def _topic(self) -> str:
        return str(self._client("sns").create_topic(Name=self._new())["TopicArn"])

    def _security_group(self) -> str:
        return self._group_in(self["vpc"])

    def _other_security_group(self) -> str:
        return self._group_in(self["named_vpc"])

    def _group_in(self, vpc: str) -> str:
        made = self._client("ec2").create_security_group(
            GroupName=self._new(), Description="d", VpcId=vpc
        )
        return str(made["GroupId"])

    def _named_vpc(self) -> str:
        vpc = self._client("ec2").create_vpc(CidrBlock="10.8.0.0/24")["Vpc"]["VpcId"]
        self._client("ec2").modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        return str(vpc)

    def _main_table(self) -> str:
        filters = {"vpc-id": self["vpc"], "association.main": "true"}
        found = self._client("ec2").describe_route_tables(
            Filters=[{"Name": name, "Values": [value]} for name, value in filters.items()]
        )
        return str(found["RouteTables"][0]["RouteTableId"])

    def _default_group(self) -> str:
        filters = {"vpc-id": self["vpc"], "group-name": "default"}
        found = self._client("ec2").describe_security_groups(
            Filters=[{"Name": name, "Values": [value]} for name, value in filters.items()]
        )
        return str(found["SecurityGroups"][0]["GroupId"])

    def _loose(self) -> str:
        made = self._client("ec2").create_internet_gateway()
        return str(made["InternetGateway"]["InternetGatewayId"])

    def _internet(self) -> str:
        gateway = self._loose()
        self._client("ec2").attach_internet_gateway(
            InternetGatewayId=gateway, VpcId=self["online_vpc"]
        )
        return gateway

    def _online_vpc(self) -> str:
        self["online_vpc"] = self._client("ec2").create_vpc(CidrBlock="10.7.0.0/24")["Vpc"]["VpcId"]
        self["internet"]  # Attach one.
        return self["online_vpc"]

    def _online_subnet(self) -> str:
        made = self._client("ec2").create_subnet(
            VpcId=self["online_vpc"], CidrBlock="10.7.0.0/28", AvailabilityZone="eu-west-1b"
        )
        return str(made["Subnet"]["SubnetId"])

    def _online_table(self) -> str:
        made = self._client("ec2").create_route_table(VpcId=self["online_vpc"])
        return str(made["RouteTable"]["RouteTableId"])

    def _second_table(self) -> str:
        return self._online_table()

    def _association(self) -> str:
        made = self._client("ec2").associate_route_table(
            SubnetId=self["online_subnet"], RouteTableId=self["online_table"]
        )
        return str(made["AssociationId"])

    def _routed_subnet(self) -> str:
        self["association"]  # Associate a table.
        return self["online_subnet"]

    def _endpoint_table(self) -> str:
        table = self._table()
        self._client("ec2").create_vpc_endpoint(
            VpcId=self["vpc"], ServiceName="com.amazonaws.eu-west-1.s3", RouteTableIds=[table]
        )
        return table

    def _address(self) -> str:
        return str(self._client("ec2").allocate_address(Domain="vpc")["AllocationId"])

    def _used_address(self) -> str:
        address = self._address()
        self._client("ec2").create_nat_gateway(SubnetId=self["online_subnet"], AllocationId=address)
        return address

    def _events_role(self) -> str:
        return self._monitoring_role("events")

    def _monitoring_role(self, taker: str = "monitoring.rds") -> str:
        service = {"Service": f"{taker}.amazonaws.com"}
        made = self._client("iam").create_role(
            RoleName=self._new(),
            AssumeRolePolicyDocument=policy(
                {"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}
            ),
        )
        return str(made["Role"]["Arn"])

    def _policy(self) -> str:
        made = self._client("iam").create_policy(
            PolicyName=self._new(),
            PolicyDocument=policy({"Effect": "Allow", "Action": "kms:*", "Resource": "*"}),
        )
        return str(made["Policy"]["Arn"])

    def _attached_policy(self) -> str:
        arn, role = self._policy(), self["monitoring_role"].rpartition("/")[2]
        self._client("iam").attach_role_policy(RoleName=role, PolicyArn=arn)
        return arn

    def _changed_policy(self) -> str:
        arn = self._policy()
        text = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
        self._client("iam").create_policy_version(PolicyArn=arn, PolicyDocument=text)
        return arn

    def _user_group(self, engine: str = "valkey", user: str = "user") -> str:
        name = self._new()
        self._client("elasticache").create_user_group(
            UserGroupId=name, Engine=engine, UserIds=[self[user]]
        )
        return name

    def _grouped_default(self) -> str:
        self["grouped_default"] = self._user("default")
        self._user_group("redis", "grouped_default")
        return self["grouped_default"]

    def _user(self, user_name: str = "app") -> str:
        name = self._new()
        self._client("elasticache").create_user(
            UserId=name,
            UserName=user_name,
            Engine="redis",
            AccessString="on ~* +@all",
            NoPasswordRequired=True,
            AuthenticationMode={"Type": "no-password-required"},
        )
        return name

    def _namesake(self) -> str:
        return self._user()

    def _tagged_topic(self) -> str:
        name = self._new()
        self._client("sns").create_topic(Name=name, Tags=[{"Key": "a", "Value": "b"}])
        return name

    def _rule(self) -> str:
        name = self._new()
        self._client("events").put_rule(Name=name, ScheduleExpression="rate(1 day)")
        return name

    def _taken_service(self) -> str:
        service = "com.amazonaws.eu-west-1.sts"
        taken = ENDPOINT | {"VpcId": self["named_vpc"], "ServiceName": service}
        self._client("ec2").create_vpc_endpoint(**taken, PrivateDnsEnabled=True)
        return service

    def _rotation_function(self) -> str:
        name = self["function"]
        made = self._client("lambda").get_function(FunctionName=name)["Configuration"]
        self._client("lambda").add_permission(
            FunctionName=name,
            StatementId="rotation",
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
        )
        return str(made["FunctionArn"])

    def _key_id(self) -> str:
        return self._key().rpartition("/")[2]

    def _deleted_key(self) -> str:
        key = self._key()
        key_id = key.rpartition("/")[2]  # moto does not take an ARN here.
        self._client("kms").schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
        return key

    def _deleted_key_id(self) -> str:
        return self["deleted_key"].rpartition("/")[2]

    def _disabled_key(self) -> str:
        key = self._key_id()
        self._client("kms").disable_key(KeyId=key)
        return key

    def _rsa_key(self) -> str:
        made = self._client("kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
        return str(made["KeyMetadata"]["KeyId"])

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

    def _redis_cache(self) -> str:
        return self._cache("redis")

    def _cache(self, engine: str = "valkey") -> str:
        name = self._new()
        self._client("elasticache").create_serverless_cache(
            ServerlessCacheName=name,
            Engine=engine,
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
        """Return what is sent for a value of ``cases.yaml``."""
        match value:
            case str() if listed := re.fullmatch(r"\{(\d+) (\w+) (\w+)\}", value):
                return [dict.fromkeys(listed.groups()[1:], f"{n}") for n in range(int(listed[1]))]
            case str():  # A pattern has braces, too.
                return re.sub(r"\{(\w+)\}", lambda name: self[name[1]], value)
            case dict():
                filled = {key: self.fill(item) for key, item in value.items() if item is not None}
                return policy(filled) if "Effect" in filled else filled
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
    monitoring_role: str,
    key: str,
    vpc: str,
    subnets: list[str],
) -> Resources:
    return Resources(
        client,
        **primary,
        role=role,
        monitoring_role=monitoring_role,
        logs_key=key,
        vpc=vpc,
        subnet_a=subnets[0],
        subnet_b=subnets[1],
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


def test_cases_cover_all_rules(rules: Mapping[str, Rule]) -> None:
    assert [*CASES] == [*rules]
    for name, rule in rules.items():
        assert rule.source.startswith(("https://docs.aws.amazon.com/", "https://github.com/")), name
        assert CASES[name]["of"] in rule.operations or rule.operations == ("*",), name


def test_reference_lists_rules(rules: Mapping[str, Rule]) -> None:
    page = Path(__file__).parents[2].joinpath("docs/reference/sandbox.md").read_text()
    rows = re.findall(r"^\| `(\S+)` \| (.+) \| `([\w.]+)` \|$", page, re.MULTILINE)
    assert rows == [(rule.name, rule.says, rule.code) for rule in rules.values()]
    assert f"by {len(rules)} further rules" in page


@pytest.mark.parametrize("rule_name", CASES)
def test_rule_refuses_and_accepts(
    call: Callable[..., tuple[str, str]],
    resources: Resources,
    rules: Mapping[str, Rule],
    rule_name: str,
) -> None:
    rule, case = rules[rule_name], CASES[rule_name]
    base, operation = case.get("with", {}), case["of"]
    listed = case.get("refused", {})
    for each in listed if isinstance(listed, list) else [listed]:
        code, message = call(rule.service, operation, resources.fill(base | each))
        assert code == rule.code, message
        assert message
    # A refused request changes nothing, so the accepted one finds what the refused one found.
    accepted = resources.fill(base | case.get("accepted", {}))
    assert call(rule.service, operation, accepted) == ("", "")


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


def test_key_in_use_is_lost(client: Callable[..., Any], resources: Resources) -> None:
    """API of RDS, RestoreDBInstanceFromDBSnapshot, errors: KMSKeyNotAccessibleFault, also for the
    key of the snapshot. Keys of AWS and of other accounts are not looked for."""
    rds, key = client("rds"), resources["key_id"]
    for other in ("alias/aws/rds", "arn:aws:kms:eu-west-1:111122223333:key/1"):
        resources._instance(StorageEncrypted=True, KmsKeyId=other)
    source = resources._instance(StorageEncrypted=True, KmsKeyId=key)
    rds.create_db_snapshot(DBSnapshotIdentifier=f"{source}-s", DBInstanceIdentifier=source)
    client("kms").disable_key(KeyId=key)
    with pytest.raises(rds.exceptions.KMSKeyNotAccessibleFault):
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=f"{source}-b", DBSnapshotIdentifier=f"{source}-s"
        )
