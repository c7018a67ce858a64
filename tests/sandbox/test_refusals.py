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
SUBSCRIPTION = {"SubscriptionName": "{new}", "SnsTopicArn": "{topic}"}
RULE = {"Name": "{new}"}
ENDPOINT = {
    "VpcId": "{named_vpc}",
    "ServiceName": "com.amazonaws.eu-west-1.xray",
    "VpcEndpointType": "Interface",
}
FUNCTION = {
    "FunctionName": "{new}",
    "Runtime": "python3.13",
    "Role": "{role}",
    "Handler": "index.handler",
    "Code": {"ZipFile": b"PK\x05\x06" + bytes(18)},
}


def policy(principal: Any = None, **statement: Any) -> str:
    """Return a policy with one statement, of the given elements beside its effect."""
    named = {"Principal": principal} if principal else {}
    content = {"Effect": "Allow", **named, **statement}
    return json.dumps({"Version": "2012-10-17", "Statement": [content]})


def parameter(name: str, value: str = "1", method: str = "pending-reboot") -> dict[str, Any]:
    """Return the change of one parameter."""
    return {"Parameters": [{"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}]}


def trust(role: str, **more: Any) -> str:
    """Return a trust policy for a principal of the account."""
    return policy({"AWS": f"arn:aws:iam::777788889999:{role}"}, Action="sts:AssumeRole", **more)


def on_all(principal: Any = None, action: str = "kms:*", **more: Any) -> str:
    """Return a policy about all resources."""
    return policy(principal, Action=action, Resource="*", **more)


ROOT = {"AWS": "arn:aws:iam::777788889999:root"}
STRANGER = {"AWS": "arn:aws:iam::777788889999:role/nobody"}


@dataclass(frozen=True)
class Case:
    """Settings that are added to the base of a request: refused ones, and accepted ones."""

    operation: str
    base: dict[str, Any]
    refused: dict[str, Any]
    accepted: dict[str, Any] = field(default_factory=dict)


CREATE, CHANGE = "CreateDBInstance", "ModifyDBInstance"
CASES: dict[str, Case] = {
    "iam-invalid-trust": Case(
        "CreateRole",
        {"RoleName": "{new}"},
        {"AssumeRolePolicyDocument": trust("role/nobody")},
        {"AssumeRolePolicyDocument": trust("role/functions")},
    ),
    "iam-policy-with-principal": Case(
        "CreatePolicy",
        {"PolicyName": "{new}"},
        {"PolicyDocument": on_all(ROOT)},
        {"PolicyDocument": on_all()},
    ),
    "kms-invalid-policy": Case(
        "CreateKey", {}, {"Policy": on_all(STRANGER)}, {"Policy": on_all(ROOT)}
    ),
    "secretsmanager-invalid-policy": Case(
        "PutResourcePolicy",
        {"SecretId": "{secret}"},
        {"ResourcePolicy": on_all(STRANGER)},
        {"ResourcePolicy": on_all(ROOT)},
    ),
    "sns-invalid-policy": Case(
        "SetTopicAttributes",
        {"TopicArn": "{topic}", "AttributeName": "Policy"},
        {"AttributeValue": "nonsense"},
        {"AttributeValue": on_all(ROOT, "sns:Publish")},
    ),
    "ec2-invalid-policy": Case(
        "CreateVpcEndpoint",
        ENDPOINT,
        {"PolicyDocument": on_all()},
        {"PolicyDocument": on_all("*")},
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
    "rds-invalid-port": Case(CREATE, MYSQL, {"Port": 1149}, {"Port": 1150}),
    "rds-unknown-certificate": Case(
        CREATE,
        MYSQL,
        {"CACertificateIdentifier": "rds-ca-2015"},
        {"CACertificateIdentifier": "rds-ca-rsa4096-g1"},
    ),
    "rds-missing-password": Case(
        CREATE,
        {key: value for key, value in MYSQL.items() if key != "MasterUserPassword"},
        {},
        {"ManageMasterUserPassword": True},
    ),
    "rds-two-passwords": Case(
        CREATE, MYSQL, {"ManageMasterUserPassword": True}, {"ManageMasterUserPassword": False}
    ),
    "rds-zone-of-two": Case(CREATE, MYSQL | {"MultiAZ": True}, {"AvailabilityZone": "eu-west-1a"}),
    "rds-insights-off": Case(
        CREATE,
        MYSQL | {"PerformanceInsightsRetentionPeriod": 7},
        {},
        {"EnablePerformanceInsights": True},
    ),
    "rds-short-advanced-insights": Case(
        CREATE,
        MYSQL | {"DatabaseInsightsMode": "advanced", "EnablePerformanceInsights": True},
        {"PerformanceInsightsRetentionPeriod": 434},
        {"PerformanceInsightsRetentionPeriod": 465},
    ),
    "rds-two-restore-times": Case(
        "RestoreDBInstanceToPointInTime",
        {
            "SourceDBInstanceIdentifier": "{with_backups}",
            "TargetDBInstanceIdentifier": "{new}",
            "UseLatestRestorableTime": True,
        },
        {"RestoreTime": "2026-01-01T00:00:00Z"},
    ),
    "rds-unknown-source-type": Case(
        "CreateEventSubscription",
        SUBSCRIPTION,
        {"SourceType": "instance"},
        {"SourceType": "db-instance"},
    ),
    "rds-categories-of-nothing": Case(
        "CreateEventSubscription",
        SUBSCRIPTION | {"EventCategories": ["failure"]},
        {},
        {"SourceType": "db-instance"},
    ),
    "elasticache-invalid-access-string": Case(
        "CreateUser",
        {"UserId": "{new}", "UserName": "{new}", "Engine": "valkey"} | IAM,
        {"AccessString": "on everything"},
        {"AccessString": "on ~app:* +@all -@dangerous +info"},
    ),
    "secretsmanager-invalid-schedule": Case(
        "RotateSecret",
        {"SecretId": "{secret}", "RotationLambdaARN": "{rotation_function}"},
        {"RotationRules": {"ScheduleExpression": "cron(30 2 ? * SUN *)"}},
        {"RotationRules": {"ScheduleExpression": "cron(0 2 ? * SUN *)"}},
    ),
    "secretsmanager-invalid-duration": Case(
        "RotateSecret",
        {"SecretId": "{secret}", "RotationLambdaARN": "{rotation_function}"},
        {"RotationRules": {"AutomaticallyAfterDays": 30, "Duration": "25h"}},
        {"RotationRules": {"AutomaticallyAfterDays": 30, "Duration": "24h"}},
    ),
    "kms-deletion-window": Case(
        "ScheduleKeyDeletion",
        {"KeyId": "{key_id}"},
        {"PendingWindowInDays": 31},
        {"PendingWindowInDays": 30},
    ),
    "logs-invalid-log-retention": Case(
        "PutRetentionPolicy",
        {"logGroupName": "{log_group}"},
        {"retentionInDays": 364},
        {"retentionInDays": 365},
    ),
    "logs-invalid-filter": Case(
        "PutMetricFilter",
        {
            "logGroupName": "{log_group}",
            "filterName": "f",
            "metricTransformations": [
                {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
            ],
        },
        {"filterPattern": "{ $.level = "},
        {"filterPattern": '?"no pg_hba.conf entry" ?"FATAL:  role"'},
    ),
    "cloudwatch-missing-statistic": Case(
        "PutMetricAlarm",
        {key: value for key, value in ALARM.items() if key != "Statistic"},
        {},
        {"ExtendedStatistic": "p99.9"},
    ),
    "cloudwatch-two-statistics": Case("PutMetricAlarm", ALARM, {"ExtendedStatistic": "p99"}),
    "cloudwatch-invalid-percentile": Case(
        "PutMetricAlarm",
        {key: value for key, value in ALARM.items() if key != "Statistic"},
        {"ExtendedStatistic": "p101"},
        {"ExtendedStatistic": "p100"},
    ),
    "cloudwatch-missing-threshold": Case(
        "PutMetricAlarm",
        {key: value for key, value in ALARM.items() if key != "Threshold"},
        {},
        {"Threshold": 0},
    ),
    "cloudwatch-unknown-treatment": Case(
        "PutMetricAlarm",
        ALARM,
        {"TreatMissingData": "bad"},
        {"TreatMissingData": "notBreaching"},
    ),
    "events-invalid-schedule": Case(
        "PutRule",
        RULE,
        {"ScheduleExpression": "rate(1 days)"},
        {"ScheduleExpression": "cron(0 4,16 * * ? *)"},
    ),
    "events-long-pattern": Case(
        "PutRule",
        RULE,
        {"EventPattern": json.dumps({"source": ["x" * 2033]})},
        {"EventPattern": json.dumps({"source": ["x" * 2032]})},
    ),
    "lambda-old-runtime": Case("CreateFunction", FUNCTION, {"Runtime": "python3.8"}),
    "sns-invalid-address": Case(
        "Subscribe",
        {"TopicArn": "{topic}", "Protocol": "email"},
        {"Endpoint": "on-call"},
        {"Endpoint": "on-call@example.com"},
    ),
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
    "rds-unknown-version": Case(
        CHANGE,
        {"DBInstanceIdentifier": "{replica}"},
        {"EngineVersion": "17-2"},
        {"EngineVersion": "17"},
    ),
    "rds-unknown-class": Case(
        CHANGE,
        {"DBInstanceIdentifier": "{replica}"},
        {"DBInstanceClass": "db.r7g.mega"},
        {"DBInstanceClass": "db.r7g.large"},
    ),
    "rds-unknown-group": Case(
        CREATE,
        MYSQL,
        {"VpcSecurityGroupIds": ["sg-0123456789abcdef0"]},
        {"VpcSecurityGroupIds": ["{security_group}"]},
    ),
    "rds-other-network": Case(
        CREATE,
        MYSQL | {"DBSubnetGroupName": "{subnets}"},
        {"VpcSecurityGroupIds": ["{other_security_group}"]},
        {"VpcSecurityGroupIds": ["{security_group}"]},
    ),
    "rds-interval-without-role": Case(
        CHANGE,
        {"DBInstanceIdentifier": "{mysql}", "MonitoringInterval": 60},
        {},
        {"MonitoringRoleArn": "arn:aws:iam::777788889999:role/m"},
    ),
    "rds-restore-without-backups": Case(
        "RestoreDBInstanceToPointInTime",
        {"TargetDBInstanceIdentifier": "{new}", "UseLatestRestorableTime": True},
        {"SourceDBInstanceIdentifier": "{without_backups}"},
        {"SourceDBInstanceIdentifier": "{with_backups}"},
    ),
    "rds-unknown-category": Case(
        "CreateEventSubscription",
        SUBSCRIPTION | {"SourceType": "db-instance"},
        {"EventCategories": ["failures"]},
        {"EventCategories": ["low storage", "security patching"]},
    ),
    "rds-unknown-topic": Case(
        "CreateEventSubscription",
        SUBSCRIPTION,
        {"SnsTopicArn": "arn:aws:sns:eu-west-1:777788889999:nothing"},
    ),
    "rds-unknown-source": Case(
        "CreateEventSubscription",
        SUBSCRIPTION | {"SourceType": "db-instance"},
        {"SourceIds": ["nothing"]},
        {"SourceIds": ["{mysql}"]},
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
    "rds-unknown-family": Case(
        "CreateDBParameterGroup",
        {"DBParameterGroupName": "{new}", "Description": "d"},
        {"DBParameterGroupFamily": "postgres17.6"},
        {"DBParameterGroupFamily": "postgres17"},
    ),
    "rds-unknown-parameter": Case(
        "ModifyDBParameterGroup",
        {},
        GROUP | parameter("transaction_timeout"),
        {"DBParameterGroupName": "{group17}"} | parameter("transaction_timeout"),
    ),
    "rds-invalid-value": Case(
        "ModifyDBParameterGroup",
        GROUP,
        parameter("log_min_messages", "loud"),
        parameter("log_min_messages", "WARNING"),
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
                {"ParameterName": "work_mem", "ParameterValue": "99", "ApplyMethod": "immediate"}
            ]
        },
    ),
    "rds-too-many-parameters": Case(
        "ModifyDBParameterGroup",
        GROUP,
        {"Parameters": [{"ParameterName": "work_mem"}] * 21},
        {"Parameters": [{"ParameterName": "work_mem"}] * 20},
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
    "lambda-large-environment": Case(
        "UpdateFunctionConfiguration",
        {"FunctionName": "{function}"},
        {"Environment": {"Variables": {"NAME": "x" * 4086}}},
        {"Environment": {"Variables": {"NAME": "x" * 4085}}},
    ),
    "lambda-not-a-zip": Case("CreateFunction", FUNCTION, {"Code": {"ZipFile": b"import os"}}),
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
    "elasticache-unknown-version": Case(
        "CreateServerlessCache",
        {"ServerlessCacheName": "{new}", "Engine": "valkey"},
        {"MajorEngineVersion": "6"},
        {"MajorEngineVersion": "8"},
    ),
    "secretsmanager-public": Case(
        "PutResourcePolicy",
        {"SecretId": "{secret}", "ResourcePolicy": on_all("*")},
        {"BlockPublicPolicy": True},
    ),
    "kms-locks-out": Case(
        "CreateKey",
        {},
        {"Policy": on_all(ROOT, "kms:Decrypt")},
        {"Policy": on_all(ROOT, "kms:Put*")},
    ),
    "iam-too-large": Case(
        "CreatePolicy",
        {"PolicyName": "{new}"},
        {"PolicyDocument": on_all(Sid="x" * 6047)},
        {"PolicyDocument": on_all(Sid="x" * 6046)},
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
    "kms-unusable": Case(
        "Encrypt", {"Plaintext": b"x"}, {"KeyId": "{deleted_key}"}, {"KeyId": "{key}"}
    ),
    "logs-unusable-log-key": Case(
        "CreateLogGroup",
        {"logGroupName": "{new}"},
        {"kmsKeyId": "{key}"},
        {"kmsKeyId": "{logs_key}"},
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
    "ec2-unknown-service": Case(
        "CreateVpcEndpoint",
        ENDPOINT,
        {"ServiceName": "com.amazonaws.eu-west-1.secrets"},
        {"ServiceName": "com.amazonaws.eu-west-1.secretsmanager"},
    ),
    "ec2-private-names-off": Case(
        "CreateVpcEndpoint",
        ENDPOINT | {"PrivateDnsEnabled": True},
        {"VpcId": "{vpc}"},
        {"VpcId": "{named_vpc}"},
    ),
    "ec2-private-names-taken": Case(
        "CreateVpcEndpoint",
        ENDPOINT | {"PrivateDnsEnabled": True},
        {"ServiceName": "{taken_service}"},
        {"ServiceName": "com.amazonaws.eu-west-1.kms"},
    ),
    "ec2-invalid-ports": Case(
        "AuthorizeSecurityGroupIngress",
        {"GroupId": "{security_group}"},
        {"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 2, "ToPort": 1}]},
        {"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2}]},
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

    def _logs_key(self) -> str:
        service = {"Service": "logs.eu-west-1.amazonaws.com"}
        text = json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    json.loads(on_all(ROOT))["Statement"][0],
                    json.loads(on_all(service, "kms:GenerateDataKey*"))["Statement"][0],
                ],
            }
        )
        return str(self._client("kms").create_key(Policy=text)["KeyMetadata"]["Arn"])

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
            case str():  # A policy or a pattern has braces, too.
                return re.sub(r"\{(\w+)\}", lambda name: self[name[1]], value)
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
    assert rows == [(rule.name, rule.says, rule.code) for rule in RULES]
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
