"""A stack in a network that another team made on the local AWS: planned, applied and watched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from finbase.judge import compliance
from finbase.judge import drift as judging
from finbase.rehearsal.judged import without_sandbox
from finbase.rehearsal.scratch import scratch_folder
from finbase.rehearsal.terraform import copied
from finbase.sandbox import server
from finbase.sandbox.client import Endpoint, client
from finbase.terraform.program import find_terraform
from tests.support.commands import finbase
from tests.support.sample import EXISTING_NETWORK

pytestmark = pytest.mark.terraform

REGION = "eu-west-1"
TIERS = ("public", "private", "database")


def landing_zone(endpoint: Endpoint) -> dict[str, Any]:
    """Create a network on the local AWS; return the inputs of ``existing_network`` for it."""
    ec2 = client("ec2", endpoint, REGION)
    vpc = ec2.create_vpc(CidrBlock="10.40.0.0/20")["Vpc"]["VpcId"]
    for name in ("EnableDnsSupport", "EnableDnsHostnames"):
        ec2.modify_vpc_attribute(VpcId=vpc, **{name: {"Value": True}})
    internet = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=internet)

    def table(*subnets: str, **target: str) -> str:
        made = str(ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"])
        if target:
            ec2.create_route(RouteTableId=made, DestinationCidrBlock="0.0.0.0/0", **target)
        for subnet in subnets:
            ec2.associate_route_table(RouteTableId=made, SubnetId=subnet)
        return made

    zones: dict[str, dict[str, str]] = {}
    for number, zone in enumerate((f"{REGION}a", f"{REGION}b")):
        zones[zone] = {
            tier: ec2.create_subnet(
                VpcId=vpc, AvailabilityZone=zone, CidrBlock=f"10.40.{4 * third + number}.0/24"
            )["Subnet"]["SubnetId"]
            for third, tier in enumerate(TIERS)
        }
    table(*(subnets["public"] for subnets in zones.values()), GatewayId=internet)
    tables = [table(*(subnets["database"] for subnets in zones.values()))]
    entries = [{"Cidr": "10.80.0.0/16"}]
    listed = ec2.create_managed_prefix_list(
        PrefixListName="offices", AddressFamily="IPv4", MaxEntries=1, Entries=entries
    )["PrefixList"]["PrefixListId"]
    ec2.create_route(
        RouteTableId=tables[0],
        DestinationPrefixListId=listed,
        VpcPeeringConnectionId="pcx-0123456789abcdef0",
    )
    for subnets in zones.values():
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        gateway = ec2.create_nat_gateway(SubnetId=subnets["public"], AllocationId=address)
        nat = gateway["NatGateway"]["NatGatewayId"]
        tables.append(table(subnets["private"], NatGatewayId=nat))
    group = ec2.create_security_group(GroupName="endpoints", Description="x", VpcId=vpc)["GroupId"]
    service = f"com.amazonaws.{REGION}"
    ec2.create_vpc_endpoint(
        VpcId=vpc, VpcEndpointType="Gateway", ServiceName=f"{service}.s3", RouteTableIds=tables
    )
    ec2.create_vpc_endpoint(
        VpcId=vpc,
        VpcEndpointType="Interface",
        ServiceName=f"{service}.secretsmanager",
        SubnetIds=[subnets["private"] for subnets in zones.values()],
        SecurityGroupIds=[group],
        PrivateDnsEnabled=True,
    )
    return {
        "version": EXISTING_NETWORK["version"],
        "prefix_list_ids": [listed],
        "vpc_id": vpc,
        "cidr": "10.40.0.0/20",
        "zones": {
            zone: {f"{tier}_subnet_id": id_ for tier, id_ in subnets.items()}
            for zone, subnets in zones.items()
        },
        "endpoints_security_group_id": group,
    }


@pytest.mark.soak
def test_stack_in_a_network_of_others(project: Path) -> None:
    file = project / "environments" / "development.yaml"
    content = yaml.safe_load(file.read_text())
    with (
        scratch_folder("sandbox") as folder,
        running(folder, content["account_id"]) as aws,
        ExitStack() as opened,
    ):
        del content["modules"]["network"]
        content["modules"]["existing_network"] = inputs = landing_zone(aws)
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        assert finbase(project, "render", "development").exit_code == 0
        rendered = project / "environments" / "development"
        stack = opened.enter_context(
            copied(
                rendered,
                project,
                terraform=find_terraform(),
                scratch=folder / "work",
                endpoint=aws,
            )
        )

        def judged(name: str) -> Mapping[str, str]:
            stack.plan(name)
            plan = without_sandbox(stack.plan_json(name))
            verdict = compliance.run(plan, project / "features", rendered=True, stack=rendered)
            return {row.id: row.status for row in verdict.by_failure() if row.open}

        def drift(name: str) -> judging.Drift:
            stack.plan(name)
            plan = without_sandbox(stack.plan_json(name))
            features = project / "features"
            return judging.judge(plan, features, environment="development", stack=rendered)

        assert judged("first") == {}
        first = json.loads(stack.plan_json("first"))
        created = {c["type"] for c in first["resource_changes"] if c["mode"] == "managed"}
        assert not created & {"aws_vpc", "aws_subnet", "aws_route_table", "aws_vpc_endpoint"}
        applied = stack.apply("first")
        assert (applied.code, applied.errors) == (0, [])
        assert drift("second").clean

        ec2 = client("ec2", aws, REGION)
        subnet = inputs["zones"][f"{REGION}a"]["database_subnet_id"]
        filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
        (table,) = ec2.describe_route_tables(Filters=filters)["RouteTables"]
        (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
        ec2.create_route(
            RouteTableId=table["RouteTableId"],
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=gateway["InternetGatewayId"],
        )
        found = drift("third")
        assert [now.id for now, _ in found.failing()] == ["B02"]
        assert gateway["InternetGatewayId"] in next(found.failing())[0].evidence


def running(folder: Path, account: str) -> Any:
    return server.running(made(folder / "aws"), account_id=account, region=REGION)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder
