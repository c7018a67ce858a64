"""List the resources of an account by asking AWS itself, without a state of Terraform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from finbase.sandbox.client import Endpoint, client


@dataclass(frozen=True)
class Resource:
    """A resource of an account.

    ``type`` is the type in Terraform and ``id`` the argument of ``terraform import``. ``facts``
    are values of arguments, or its ``Name``, that distinguish it from others of its type; a
    ``composed`` resource has no other id. AWS keeps a ``retained`` one after a destroy: a snapshot,
    or a key or secret in its waiting period.
    """

    type: str
    id: str
    facts: frozenset[str] = frozenset()
    composed: bool = False
    retained: bool = False

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


_NAME = "Tags[?Key=='Name'].Value | [0]"
# Type, and the service, the operation and a JMESPath query of the response: a list of ids, or of
# [id, fact, retained]. The id is the fact where the query has none.
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
    (
        "aws_ec2_transit_gateway_vpc_attachment",
        "ec2",
        "describe_transit_gateway_vpc_attachments",
        f"TransitGatewayVpcAttachments[?State!='deleted'].[TransitGatewayAttachmentId, {_NAME}]",
    ),
    ("aws_flow_log", "ec2", "describe_flow_logs", f"FlowLogs[].[FlowLogId, {_NAME}]"),
    (
        "aws_kms_alias",
        "kms",
        "list_aliases",
        "Aliases[?!starts_with(AliasName, 'alias/aws/')].AliasName",
    ),
    ("aws_iam_role", "iam", "list_roles", "Roles[].RoleName"),
    ("aws_iam_policy", "iam", "list_policies", "Policies[].[Arn, PolicyName]"),
    ("aws_cloudwatch_log_group", "logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("aws_cloudwatch_metric_alarm", "cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    (
        "aws_cloudwatch_dashboard",
        "cloudwatch",
        "list_dashboards",
        "DashboardEntries[].DashboardName",
    ),
    ("aws_cloudwatch_event_rule", "events", "list_rules", "Rules[].Name"),
    ("aws_lambda_function", "lambda", "list_functions", "Functions[].FunctionName"),
    (
        "aws_secretsmanager_secret",
        "secretsmanager",
        "list_secrets",
        "SecretList[].[ARN, Name, DeletedDate]",
    ),
    ("aws_db_instance", "rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier"),
    (
        "aws_db_snapshot",
        "rds",
        "describe_db_snapshots",
        "DBSnapshots[].[DBSnapshotIdentifier, DBSnapshotIdentifier, 'retained']",
    ),
    (
        "aws_db_subnet_group",
        "rds",
        "describe_db_subnet_groups",
        "DBSubnetGroups[?DBSubnetGroupName!='default'].DBSubnetGroupName",
    ),
    (
        "aws_db_parameter_group",
        "rds",
        "describe_db_parameter_groups",
        "DBParameterGroups[].DBParameterGroupName | [?!starts_with(@, 'default.')]",
    ),
    (
        "aws_db_event_subscription",
        "rds",
        "describe_event_subscriptions",
        "EventSubscriptionsList[].CustSubscriptionId",
    ),
    (
        "aws_elasticache_serverless_cache",
        "elasticache",
        "describe_serverless_caches",
        "ServerlessCaches[].ServerlessCacheName",
    ),
    (
        "aws_elasticache_user",
        "elasticache",
        "describe_users",
        "Users[?UserId!='default'].UserId",
    ),
    (
        "aws_elasticache_user_group",
        "elasticache",
        "describe_user_groups",
        "UserGroups[].UserGroupId",
    ),
)
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "list_policies": {"Scope": "Local"},
    "list_secrets": {"IncludePlannedDeletion": True},
}


def inventory(endpoint: Endpoint, region: str) -> frozenset[Resource]:
    """Return all resources in the account and region."""
    import jmespath  # type: ignore[import-untyped]

    resources: set[Resource] = set()
    for type_, service, operation, query in _LISTS:
        for page in _pages(client(service, endpoint, region), operation):
            for found in jmespath.search(query, page) or ():
                identifier, fact, *retained = [found, found] if isinstance(found, str) else found
                facts = frozenset({fact} if fact else ())
                resources.add(Resource(type_, identifier, facts, retained=any(retained)))
    ec2 = client("ec2", endpoint, region)
    return frozenset(
        {
            *resources,
            *_keys(client("kms", endpoint, region)),
            *_topics(client("sns", endpoint, region)),
            *_routes(ec2),
            *_rules(ec2),
            *_permissions(client("lambda", endpoint, region)),
        }
    )


def _topics(sns: Any) -> Iterator[Resource]:
    for page in _pages(sns, "list_topics"):
        for topic in page["Topics"]:
            arn = topic["TopicArn"]
            yield Resource("aws_sns_topic", arn, frozenset({arn.rpartition(":")[2]}))


def _keys(kms: Any) -> Iterator[Resource]:
    for page in _pages(kms, "list_keys"):
        for listed in page["Keys"]:
            key = kms.describe_key(KeyId=listed["KeyId"])["KeyMetadata"]
            if key.get("KeyManager", "CUSTOMER") == "CUSTOMER":
                facts = frozenset({key["Description"]})
                retained = key["KeyState"] == "PendingDeletion"
                yield Resource("aws_kms_key", key["KeyId"], facts, retained=retained)


def _routes(ec2: Any) -> Iterator[Resource]:
    """Yield routes and associations with subnets, which have no id of their own."""
    for page in _pages(ec2, "describe_route_tables"):
        for table in page["RouteTables"]:
            name = table["RouteTableId"]
            for route in table["Routes"]:
                target = route.get("DestinationCidrBlock")
                if target and route.get("GatewayId") != "local":
                    facts = frozenset({name, target})
                    yield Resource("aws_route", f"{name}_{target}", facts, composed=True)
            for association in table["Associations"]:
                if subnet := association.get("SubnetId"):
                    yield Resource(
                        "aws_route_table_association",
                        f"{subnet}/{name}",
                        frozenset({subnet, name}),
                        composed=True,
                    )


def _rules(ec2: Any) -> Iterator[Resource]:
    groups = ec2.describe_security_groups()["SecurityGroups"]
    default = {group["GroupId"] for group in groups if group["GroupName"] == "default"}
    for page in _pages(ec2, "describe_security_group_rules"):
        for rule in page["SecurityGroupRules"]:
            if rule["GroupId"] in default:
                continue
            group = rule.get("ReferencedGroupInfo", {}).get("GroupId")
            target = group or rule.get("CidrIpv4") or rule.get("PrefixListId") or ""
            facts = {rule["GroupId"], target, rule["IpProtocol"]}
            if rule["IpProtocol"] != "-1":
                facts |= {str(rule["FromPort"]), str(rule["ToPort"])}
            direction = "egress" if rule["IsEgress"] else "ingress"
            type_ = f"aws_vpc_security_group_{direction}_rule"
            yield Resource(type_, rule["SecurityGroupRuleId"], frozenset(facts))


def _permissions(functions: Any) -> Iterator[Resource]:
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
                yield Resource("aws_lambda_permission", identifier, facts, composed=True)


def _pages(service: Any, operation: str) -> Iterator[dict[str, Any]]:
    arguments = _ARGUMENTS.get(operation, {})
    if service.can_paginate(operation):
        yield from service.get_paginator(operation).paginate(**arguments)
    else:
        yield getattr(service, operation)(**arguments)
