"""What there is in an account: asked of AWS itself, and so without any state of Terraform's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from finbase.sandbox.client import client

__all__ = ["Thing", "inventory"]


@dataclass(frozen=True)
class Thing:
    """A resource of an account.

    ``type`` is Terraform's, ``id`` what ``terraform import`` takes. ``facts`` are values of its
    arguments that tell it from others of its kind, or its ``Name``; it is ``composed`` if it has no
    id but those. AWS keeps it for a while if it is ``going``.
    """

    type: str
    id: str
    facts: frozenset[str] = frozenset()
    composed: bool = False
    going: bool = False

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


_NAME = "Tags[?Key=='Name'].Value | [0]"
# type → service, operation, and what to make of the answer: a list of [id, fact, going].
_LISTS: tuple[tuple[str, str, str, str], ...] = (
    ("aws_vpc", "ec2", "describe_vpcs", f"Vpcs[?!IsDefault].[VpcId, {_NAME}]"),
    ("aws_subnet", "ec2", "describe_subnets", f"Subnets[?!DefaultForAz].[SubnetId, {_NAME}]"),
    (
        "aws_internet_gateway",
        "ec2",
        "describe_internet_gateways",
        f"InternetGateways[].[InternetGatewayId, {_NAME}]",
    ),
    (
        "aws_nat_gateway",
        "ec2",
        "describe_nat_gateways",
        f"NatGateways[?State!='deleted'].[NatGatewayId, {_NAME}]",
    ),
    ("aws_eip", "ec2", "describe_addresses", f"Addresses[].[AllocationId, {_NAME}]"),
    (
        "aws_route_table",
        "ec2",
        "describe_route_tables",
        f"RouteTables[?!not_null(Associations, `[]`)[?Main]].[RouteTableId, {_NAME}]",
    ),
    (
        "aws_security_group",
        "ec2",
        "describe_security_groups",
        "SecurityGroups[?GroupName!='default'].[GroupId, GroupName]",
    ),
    (
        "aws_vpc_endpoint",
        "ec2",
        "describe_vpc_endpoints",
        "VpcEndpoints[?State!='deleted'].[VpcEndpointId, ServiceName]",
    ),
    ("aws_flow_log", "ec2", "describe_flow_logs", f"FlowLogs[].[FlowLogId, {_NAME}]"),
    (
        "aws_kms_alias",
        "kms",
        "list_aliases",
        "Aliases[?!starts_with(AliasName, 'alias/aws/')].[AliasName, AliasName]",
    ),
    ("aws_iam_role", "iam", "list_roles", "Roles[].[RoleName, RoleName]"),
    (
        "aws_cloudwatch_log_group",
        "logs",
        "describe_log_groups",
        "logGroups[].[logGroupName, logGroupName]",
    ),
    (
        "aws_cloudwatch_metric_alarm",
        "cloudwatch",
        "describe_alarms",
        "MetricAlarms[].[AlarmName, AlarmName]",
    ),
    (
        "aws_cloudwatch_dashboard",
        "cloudwatch",
        "list_dashboards",
        "DashboardEntries[].[DashboardName, DashboardName]",
    ),
    (
        "aws_lambda_function",
        "lambda",
        "list_functions",
        "Functions[].[FunctionName, FunctionName]",
    ),
    (
        "aws_secretsmanager_secret",
        "secretsmanager",
        "list_secrets",
        "SecretList[].[ARN, Name, DeletedDate]",
    ),
    (
        "aws_db_instance",
        "rds",
        "describe_db_instances",
        "DBInstances[].[DBInstanceIdentifier, DBInstanceIdentifier]",
    ),
    (
        "aws_db_snapshot",
        "rds",
        "describe_db_snapshots",
        "DBSnapshots[].[DBSnapshotIdentifier, DBSnapshotIdentifier, 'kept']",
    ),
    (
        "aws_db_subnet_group",
        "rds",
        "describe_db_subnet_groups",
        "DBSubnetGroups[?DBSubnetGroupName!='default'].[DBSubnetGroupName, DBSubnetGroupName]",
    ),
    (
        "aws_db_parameter_group",
        "rds",
        "describe_db_parameter_groups",
        "DBParameterGroups[?!starts_with(DBParameterGroupName, 'default.')]"
        ".[DBParameterGroupName, DBParameterGroupName]",
    ),
    (
        "aws_db_event_subscription",
        "rds",
        "describe_event_subscriptions",
        "EventSubscriptionsList[].[CustSubscriptionId, CustSubscriptionId]",
    ),
    (
        "aws_elasticache_serverless_cache",
        "elasticache",
        "describe_serverless_caches",
        "ServerlessCaches[].[ServerlessCacheName, ServerlessCacheName]",
    ),
)


def inventory(url: str, region: str) -> frozenset[Thing]:
    """List what there is in the account and the region."""
    import jmespath  # type: ignore[import-untyped]

    found: set[Thing] = set()
    for kind, service, operation, wanted in _LISTS:
        for page in _pages(client(service, url, region), operation):
            for identifier, fact, *going in jmespath.search(wanted, page) or ():
                facts = frozenset({fact} if fact else ())
                found.add(Thing(kind, identifier, facts, going=any(going)))
    found |= set(_keys(client("kms", url, region)))
    for page in _pages(client("iam", url, region), "list_policies", Scope="Local"):
        for policy in page["Policies"]:
            found.add(Thing("aws_iam_policy", policy["Arn"], frozenset({policy["PolicyName"]})))
    for page in _pages(client("sns", url, region), "list_topics"):
        for topic in page["Topics"]:
            name = topic["TopicArn"].rpartition(":")[2]
            found.add(Thing("aws_sns_topic", topic["TopicArn"], frozenset({name})))
    ec2 = client("ec2", url, region)
    found |= {*_routes(ec2), *_rules(ec2), *_permissions(client("lambda", url, region))}
    return frozenset(found)


def _keys(kms: Any) -> Iterator[Thing]:
    for page in _pages(kms, "list_keys"):
        for listed in page["Keys"]:
            key = kms.describe_key(KeyId=listed["KeyId"])["KeyMetadata"]
            if key.get("KeyManager", "CUSTOMER") == "CUSTOMER":
                going = key["KeyState"] == "PendingDeletion"
                yield Thing(
                    "aws_kms_key", key["KeyId"], frozenset({key["Description"]}), going=going
                )


def _routes(ec2: Any) -> Iterator[Thing]:
    """What has no id of its own: routes that somebody made, and associations with subnets."""
    for page in _pages(ec2, "describe_route_tables"):
        for table in page["RouteTables"]:
            name = table["RouteTableId"]
            for route in table["Routes"]:
                target = route.get("DestinationCidrBlock")
                if target and route.get("GatewayId") != "local":
                    facts = frozenset({name, target})
                    yield Thing("aws_route", f"{name}_{target}", facts, composed=True)
            for association in table["Associations"]:
                if subnet := association.get("SubnetId"):
                    yield Thing(
                        "aws_route_table_association",
                        f"{subnet}/{name}",
                        frozenset({subnet, name}),
                        composed=True,
                    )


def _rules(ec2: Any) -> Iterator[Thing]:
    groups = ec2.describe_security_groups()["SecurityGroups"]
    default = {group["GroupId"] for group in groups if group["GroupName"] == "default"}
    for page in _pages(ec2, "describe_security_group_rules"):
        for rule in page["SecurityGroupRules"]:
            if rule["GroupId"] in default:
                continue
            other = rule.get("ReferencedGroupInfo", {}).get("GroupId")
            where = other or rule.get("CidrIpv4") or rule.get("PrefixListId") or ""
            facts = {rule["GroupId"], where, rule["IpProtocol"]}
            if rule["IpProtocol"] != "-1":
                facts |= {str(rule["FromPort"]), str(rule["ToPort"])}
            direction = "egress" if rule["IsEgress"] else "ingress"
            kind = f"aws_vpc_security_group_{direction}_rule"
            yield Thing(kind, rule["SecurityGroupRuleId"], frozenset(facts))


def _permissions(functions: Any) -> Iterator[Thing]:
    for page in _pages(functions, "list_functions"):
        for function in page["Functions"]:
            name = function["FunctionName"]
            try:
                policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
            except functions.exceptions.ResourceNotFoundException:
                continue
            for statement in policy["Statement"]:
                facts = frozenset({name, statement["Sid"]})
                identifier = f"{name}/{statement['Sid']}"
                yield Thing("aws_lambda_permission", identifier, facts, composed=True)


def _pages(service: Any, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    if operation == "list_secrets":
        arguments["IncludePlannedDeletion"] = True
    if service.can_paginate(operation):
        yield from service.get_paginator(operation).paginate(**arguments)
    else:
        yield getattr(service, operation)(**arguments)
