# mypy: ignore-errors
"""Keys, VPC, subnets, routes, endpoints and flow logs."""

from __future__ import annotations

from types import SimpleNamespace

from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.default_security_group import DefaultSecurityGroup
from cdktf_cdktf_provider_aws.eip import Eip
from cdktf_cdktf_provider_aws.flow_log import FlowLog
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy
from cdktf_cdktf_provider_aws.internet_gateway import InternetGateway
from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey
from cdktf_cdktf_provider_aws.nat_gateway import NatGateway
from cdktf_cdktf_provider_aws.route import Route
from cdktf_cdktf_provider_aws.route_table import RouteTable
from cdktf_cdktf_provider_aws.route_table_association import RouteTableAssociation
from cdktf_cdktf_provider_aws.security_group import SecurityGroup
from cdktf_cdktf_provider_aws.subnet import Subnet
from cdktf_cdktf_provider_aws.vpc import Vpc
from cdktf_cdktf_provider_aws.vpc_endpoint import VpcEndpoint
from settings import (
    ACCOUNT,
    CIDR,
    INTERFACE_ENDPOINTS,
    LOG_DAYS,
    NAME,
    REGION,
    ZONES,
    policy,
    tag,
    trust,
)

_ADMINISTRATION = {
    "Sid": "AccountAdministration",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
_KEYS = {
    "database": ("database storage, snapshots and Performance Insights", ()),
    "secrets": ("credentials in Secrets Manager", ()),
    "cache": ("the cache and its snapshots", ()),
    "logs": (
        "log groups",
        (
            {
                "Sid": "LogGroupsOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": f"logs.{REGION}.amazonaws.com"},
                "Action": [
                    "kms:Encrypt",
                    "kms:Decrypt",
                    "kms:ReEncrypt*",
                    "kms:GenerateDataKey*",
                    "kms:Describe*",
                ],
                "Resource": "*",
                "Condition": {
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": (
                            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*"
                        )
                    }
                },
            },
        ),
    ),
    "notifications": (
        "alarms and database events on their way to people",
        (
            {
                "Sid": "AlarmsOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            },
            {
                "Sid": "DatabaseEvents",
                "Effect": "Allow",
                "Principal": {"Service": "events.rds.amazonaws.com"},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
            },
        ),
    ),
}


def keys(scope):
    """Make a key and its alias for each class of data; the result is by that class."""
    made = {}
    for name, (about, statements) in _KEYS.items():
        made[name] = KmsKey(
            scope,
            f"key-{name}",
            description=f"{NAME}: {about}",
            enable_key_rotation=True,
            rotation_period_in_days=365,
            multi_region=False,
            deletion_window_in_days=7,
            policy=policy(_ADMINISTRATION, *statements),
            tags=tag(name),
        )
        KmsAlias(
            scope,
            f"alias-{name}",
            name=f"alias/{NAME}-{name}",
            target_key_id=made[name].key_id,
        )
    return made


def network(scope, logs_key):
    """Make the VPC and all that is in it; the result is what other parts refer to."""
    vpc = Vpc(
        scope,
        "vpc",
        cidr_block=CIDR,
        enable_dns_support=True,
        enable_dns_hostnames=True,
        tags=tag(),
    )
    DefaultSecurityGroup(scope, "default", vpc_id=vpc.id, tags=tag("default-unused"))
    internet = InternetGateway(scope, "internet", vpc_id=vpc.id, tags=tag())
    public = RouteTable(scope, "public", vpc_id=vpc.id, tags=tag("public"))
    database = RouteTable(scope, "database", vpc_id=vpc.id, tags=tag("database"))
    Route(
        scope,
        "public-internet",
        route_table_id=public.id,
        destination_cidr_block="0.0.0.0/0",
        gateway_id=internet.id,
    )
    private_tables, private_subnets, database_subnets = [], [], []
    gateways = {}
    for zone, ranges in ZONES.items():
        private = RouteTable(scope, f"private-{zone}", vpc_id=vpc.id, tags=tag(f"private-{zone}"))
        tables = {"public": public, "private": private, "database": database}
        subnets = {}
        for (tier, table), cidr in zip(tables.items(), ranges, strict=True):
            subnets[tier] = Subnet(
                scope,
                f"subnet-{tier}-{zone}",
                vpc_id=vpc.id,
                availability_zone=zone,
                cidr_block=cidr,
                tags=tag(f"{tier}-{zone}"),
                **({"map_public_ip_on_launch": False} if tier == "public" else {}),
            )
            RouteTableAssociation(
                scope,
                f"association-{tier}-{zone}",
                subnet_id=subnets[tier].id,
                route_table_id=table.id,
            )
        address = Eip(
            scope, f"nat-{zone}", domain="vpc", tags=tag(f"nat-{zone}"), depends_on=[internet]
        )
        gateway = NatGateway(
            scope,
            f"gateway-{zone}",
            allocation_id=address.id,
            subnet_id=subnets["public"].id,
            tags=tag(zone),
            depends_on=[internet],
        )
        Route(
            scope,
            f"private-internet-{zone}",
            route_table_id=private.id,
            destination_cidr_block="0.0.0.0/0",
            nat_gateway_id=gateway.id,
        )
        gateways[zone] = gateway.id
        private_tables.append(private.id)
        private_subnets.append(subnets["private"].id)
        database_subnets.append(subnets["database"].id)
    s3 = VpcEndpoint(
        scope,
        "s3",
        vpc_id=vpc.id,
        vpc_endpoint_type="Gateway",
        service_name=f"com.amazonaws.{REGION}.s3",
        route_table_ids=[*private_tables, database.id],
        tags=tag("s3"),
    )
    endpoints = group(scope, "endpoints", "Interface endpoints of AWS services", vpc.id)
    for service in INTERFACE_ENDPOINTS:
        VpcEndpoint(
            scope,
            f"endpoint-{service}",
            vpc_id=vpc.id,
            vpc_endpoint_type="Interface",
            service_name=f"com.amazonaws.{REGION}.{service}",
            subnet_ids=private_subnets,
            security_group_ids=[endpoints.id],
            private_dns_enabled=True,
            tags=tag(service),
        )
    _flow_logs(scope, vpc, logs_key)
    return SimpleNamespace(
        vpc=vpc,
        gateways=gateways,
        s3=s3,
        endpoints=endpoints,
        private=private_subnets,
        database=database_subnets,
    )


def group(scope, name, description, vpc_id):
    """Make a security group without rules."""
    return SecurityGroup(
        scope,
        f"group-{name}",
        name=f"{NAME}-{name}",
        description=description,
        vpc_id=vpc_id,
        tags=tag(name),
    )


def _flow_logs(scope, vpc, logs_key):
    log = CloudwatchLogGroup(
        scope,
        "flow-logs",
        name=f"/aws/vpc/{NAME}/flow-logs",
        retention_in_days=LOG_DAYS,
        kms_key_id=logs_key.arn,
    )
    role = IamRole(
        scope,
        "flow-logs-role",
        name=f"{NAME}-flow-logs",
        description=f"Lets the flow logs of {NAME} reach their log group",
        assume_role_policy=trust("vpc-flow-logs.amazonaws.com"),
    )
    IamRolePolicy(
        scope,
        "flow-logs-policy",
        name="write-flow-logs",
        role=role.id,
        policy=policy(
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                "Resource": f"{log.arn}:*",
            }
        ),
    )
    IamRolePolicy(
        scope,
        "flow-log-groups",
        name="list-log-groups",
        role=role.id,
        policy=policy(
            {
                "Effect": "Allow",
                "Action": "logs:DescribeLogGroups",
                "Resource": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*",
            }
        ),
    )
    FlowLog(
        scope,
        "flow-log",
        vpc_id=vpc.id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=log.arn,
        iam_role_arn=role.arn,
        max_aggregation_interval=60,
        tags=tag(),
    )
