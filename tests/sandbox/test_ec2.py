"""The local EC2 does what AWS does, where moto by itself does not.

"API" is the API Reference of Amazon EC2, at the operation or data type that is named; "observed"
is what users of AWS report, and no page of it tells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from finbase.sandbox.client import client as endpoint_client
from finbase.sandbox.server import Sandbox


@pytest.fixture
def ec2(client: Callable[..., Any]) -> Any:
    return client("ec2")


@pytest.fixture
def groups(ec2: Any, vpc: str, name: str) -> list[str]:
    return [
        ec2.create_security_group(GroupName=f"{name}-{n}", Description="-", VpcId=vpc)["GroupId"]
        for n in range(2)
    ]


def permission(text: str, **target: str) -> dict[str, object]:
    kinds = {"GroupId": "UserIdGroupPairs", "CidrIp": "IpRanges", "PrefixListId": "PrefixListIds"}
    kind = kinds[next(iter(target))]
    return {
        "IpProtocol": "tcp",
        "FromPort": 5432,
        "ToPort": 5432,
        kind: [target | {"Description": text}],
    }


@pytest.mark.parametrize("direction", ["ingress", "egress"])
@pytest.mark.parametrize("kind", ["GroupId", "CidrIp", "PrefixListId"])
def test_rule_keeps_description(ec2: Any, groups: list[str], direction: str, kind: str) -> None:
    """API, SecurityGroupRule: Description, whatever the rule's source or target is."""
    (s3,) = ec2.describe_prefix_lists(
        Filters=[{"Name": "prefix-list-name", "Values": ["com.amazonaws.eu-west-1.s3"]}]
    )["PrefixLists"]
    targets = {"GroupId": groups[1], "CidrIp": "10.0.0.0/8", "PrefixListId": s3["PrefixListId"]}
    target = {kind: targets[kind]}
    authorise = getattr(ec2, f"authorize_security_group_{direction}")
    made = authorise(GroupId=groups[0], IpPermissions=[permission("SQL", **target)])
    (rule,) = made["SecurityGroupRules"]
    assert rule["Description"] == "SQL"
    (read,) = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])[
        "SecurityGroupRules"
    ]
    assert read["Description"] == "SQL"
    assert read.get("ReferencedGroupInfo", {}).get("GroupId") == target.get("GroupId")


@pytest.mark.parametrize("kind", ["GroupId", "CidrIp"])
def test_rule_duplicate_ignores_description(ec2: Any, groups: list[str], kind: str) -> None:
    """Observed: InvalidPermission.Duplicate tells the rule that is there by its peer, protocol
    and ports, and by no description."""
    source = {"GroupId": groups[1], "CidrIp": "10.80.0.0/16"}[kind]
    for text in ("one", "two"):
        permissions = [permission(text, **{kind: source})]
        if text == "two":
            with pytest.raises(ClientError, match=r"InvalidPermission\.Duplicate"):
                ec2.authorize_security_group_ingress(GroupId=groups[0], IpPermissions=permissions)
        else:
            ec2.authorize_security_group_ingress(GroupId=groups[0], IpPermissions=permissions)


# What others use -----------------------------------------------------------------------------


def test_delete_group_named_by_rule(ec2: Any, groups: list[str]) -> None:
    """API, DeleteSecurityGroup: one that "is referenced by another security group in the same VPC
    … fails with DependencyViolation"."""
    permissions = [permission("SQL", GroupId=groups[1])]
    ec2.authorize_security_group_egress(GroupId=groups[0], IpPermissions=permissions)
    with pytest.raises(ClientError, match=f"DependencyViolation.*{groups[0]}"):
        ec2.delete_security_group(GroupId=groups[1])
    ec2.revoke_security_group_egress(GroupId=groups[0], IpPermissions=permissions)
    ec2.delete_security_group(GroupId=groups[1])


def test_delete_group_named_by_itself(ec2: Any, groups: list[str]) -> None:
    permissions = [permission("peers", GroupId=groups[0])]
    ec2.authorize_security_group_ingress(GroupId=groups[0], IpPermissions=permissions)
    ec2.delete_security_group(GroupId=groups[0])


def test_delete_with_interfaces(
    client: Callable[..., Any], ec2: Any, groups: list[str], name: str, subnets: list[str]
) -> None:
    """API, DeleteSecurityGroup: DependencyViolation for what "is associated with an instance or
    network interface", as databases, caches, functions and endpoints have them. Observed:
    DeleteSubnet has that error, too."""
    elasticache = client("elasticache")
    elasticache.create_serverless_cache(
        ServerlessCacheName=name,
        Engine="valkey",
        SecurityGroupIds=groups[:1],
        SubnetIds=subnets,
    )
    with pytest.raises(ClientError, match=f"DependencyViolation.*{name}"):
        ec2.delete_security_group(GroupId=groups[0])
    with pytest.raises(ClientError, match=f"DependencyViolation.*{name}"):
        ec2.delete_subnet(SubnetId=subnets[0])
    elasticache.delete_serverless_cache(ServerlessCacheName=name)
    ec2.delete_security_group(GroupId=groups[0])


def test_detach_gateway_with_nat_gateways(ec2: Any) -> None:
    """API, DetachInternetGateway: "The VPC must not contain any running instances with Elastic IP
    addresses". Observed: a NAT gateway's address counts, and the error is DependencyViolation."""
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.8.0.0/26")["Subnet"]["SubnetId"]
    internet = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    with pytest.raises(ClientError, match=f"DependencyViolation.*{nat['NatGatewayId']}"):
        ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    with pytest.raises(ClientError, match=f"DependencyViolation.*{nat['NatGatewayId']}"):
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_nat_gateway(NatGatewayId=nat["NatGatewayId"])
    ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    ec2.delete_subnet(SubnetId=subnet)


def test_account_sees_no_images_and_snapshots_of_others(ec2: Any) -> None:
    """moto has images of other accounts, and would take long to read them."""
    assert ec2.describe_snapshots()["Snapshots"] == []
    assert ec2.describe_images()["Images"] == []


def interfaces(ec2: Any, group: str) -> list[dict[str, Any]]:
    filters = [{"Name": "group-id", "Values": [group]}]
    return list(ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"])


def test_interfaces_of_an_endpoint_have_its_groups(
    ec2: Any, vpc: str, subnets: list[str], groups: list[str]
) -> None:
    """API, CreateVpcEndpoint, SecurityGroupIds: those of the endpoint's interfaces."""
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.eu-west-1.kms",
        VpcEndpointType="Interface",
        SubnetIds=subnets,
        SecurityGroupIds=groups[:1],
    )["VpcEndpoint"]
    found = interfaces(ec2, groups[0])
    assert [each["NetworkInterfaceId"] for each in found] == made["NetworkInterfaceIds"]
    assert [each["SubnetId"] for each in found] == subnets
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])


def test_a_gateway_endpoint_adds_routes_to_added_tables(ec2: Any, vpc: str) -> None:
    """API, ModifyVpcEndpoint, AddRouteTableIds: "The IDs of the route tables to associate"."""
    tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.eu-west-1.s3",
        VpcEndpointType="Gateway",
        RouteTableIds=tables[:1],
    )["VpcEndpoint"]["VpcEndpointId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=made, AddRouteTableIds=tables[1:])
    for table in ec2.describe_route_tables(RouteTableIds=tables)["RouteTables"]:
        assert [r for r in table["Routes"] if r.get("GatewayId") == made]
    ec2.modify_vpc_endpoint(VpcEndpointId=made, RemoveRouteTableIds=tables[:1])
    (table,) = ec2.describe_route_tables(RouteTableIds=tables[:1])["RouteTables"]
    assert not [r for r in table["Routes"] if r.get("GatewayId") == made]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made])
    for each in tables:
        ec2.delete_route_table(RouteTableId=each)


def test_databases_and_caches_have_interfaces(
    client: Callable[..., Any], ec2: Any, subnets: list[str], groups: list[str], name: str
) -> None:
    """RDS User Guide, "Working with a DB instance in a VPC": an instance has an interface in a
    subnet of its group. It has the instance's security groups, and ends with the instance."""
    rds, elasticache = client("rds"), client("elasticache")
    rds.create_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription="-", SubnetIds=subnets
    )
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.medium",
        Engine="mysql",
        MasterUsername="owner",
        MasterUserPassword="long-enough-here",
        AllocatedStorage=20,
        DBSubnetGroupName=name,
        VpcSecurityGroupIds=groups[:1],
    )
    elasticache.create_serverless_cache(
        ServerlessCacheName=name, Engine="valkey", SubnetIds=subnets, SecurityGroupIds=groups[1:]
    )
    for group, description in zip(
        groups, ("RDSNetworkInterface", f"ElastiCache {name}"), strict=True
    ):
        found = interfaces(ec2, group)
        assert [each["SubnetId"] for each in found] == subnets
        assert {each["Description"] for each in found} == {description}
        one = found[0]["NetworkInterfaceId"]
        (again,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[one])["NetworkInterfaces"]
        assert again == found[0]
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    elasticache.delete_serverless_cache(ServerlessCacheName=name)
    assert [interfaces(ec2, group) for group in groups] == [[], []]


@pytest.mark.parametrize("region", ["eu-central-1", "eu-west-1"])
def test_endpoint_services_are_complete(sandbox: Sandbox, region: str) -> None:
    """API, DescribeVpcEndpointServices. moto answered only when it was asked again, and in part."""
    services = endpoint_client("ec2", sandbox, region).describe_vpc_endpoint_services()
    names = {name.rpartition(".")[2] for name in services["ServiceNames"]}
    assert {"cloudformation", "kms", "s3", "secretsmanager"} <= names


def test_transit_gateway_of_others(ec2: Any, name: str) -> None:
    """API, CreateTransitGatewayVpcAttachment, TagSpecifications: "The tags to apply to the VPC
    attachment." Observed: a gateway that another account shares is attached and listed as well.
    """
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/26")["Subnet"]["SubnetId"]
    tags = [{"Key": "Name", "Value": name}]
    gateway = "tgw-00000000000000007"
    made = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway,
        VpcId=vpc,
        SubnetIds=[subnet],
        TagSpecifications=[{"ResourceType": "transit-gateway-attachment", "Tags": tags}],
    )["TransitGatewayVpcAttachment"]
    assert (made["State"], made["Tags"]) == ("available", tags)
    (shared,) = ec2.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"]
    assert shared["OwnerId"] != made["VpcOwnerId"]
    with pytest.raises(ClientError, match="DuplicateTransitGatewayAttachment"):
        ec2.create_transit_gateway_vpc_attachment(
            TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet]
        )
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    peering = "pcx-00000000000000007"
    ec2.create_route(
        RouteTableId=table, DestinationCidrBlock="10.80.0.0/16", TransitGatewayId=gateway
    )
    ec2.create_route(
        RouteTableId=table, DestinationCidrBlock="10.90.0.0/16", VpcPeeringConnectionId=peering
    )
    (read,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    id_ = made["TransitGatewayAttachmentId"]
    deleted = ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=id_)
    assert deleted["TransitGatewayVpcAttachment"]["State"] == "deleted"
    # Terraform's provider waits for this state, and fails if the attachment is gone.
    (listed,) = ec2.describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[id_])[
        "TransitGatewayVpcAttachments"
    ]
    assert listed["State"] == "deleted"
    ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet]
    )
    ways = {r["DestinationCidrBlock"]: r for r in read["Routes"]}
    assert ways["10.80.0.0/16"]["TransitGatewayId"] == gateway
    assert ways["10.90.0.0/16"]["VpcPeeringConnectionId"] == peering


def test_ways_with_other_ids_do_not_exist(ec2: Any, vpc: str, subnets: list[str]) -> None:
    """Observed: a gateway or a peering connection that does not exist is refused."""
    with pytest.raises(ClientError, match="InvalidTransitGatewayID"):
        ec2.create_transit_gateway_vpc_attachment(
            TransitGatewayId="tgw-1", VpcId=vpc, SubnetIds=subnets[:1]
        )
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    with pytest.raises(ClientError, match="InvalidVpcPeeringConnectionId"):
        ec2.create_route(
            RouteTableId=table, DestinationCidrBlock="10.90.0.0/16", VpcPeeringConnectionId="pcx-1"
        )


def test_route_tables_are_found_by_the_origin_of_a_route(ec2: Any, vpc: str) -> None:
    """API, DescribeRouteTables: Filters, route.origin."""
    for origin, exists in (("CreateRouteTable", True), ("EnableVgwRoutePropagation", False)):
        filters = {"vpc-id": vpc, "route.origin": origin}
        named = [{"Name": name, "Values": [value]} for name, value in filters.items()]
        assert bool(ec2.describe_route_tables(Filters=named)["RouteTables"]) == exists


@pytest.mark.parametrize("way", ["peering", "gateway"])
def test_rule_names_group_of_connected_network(ec2: Any, name: str, way: str) -> None:
    """API, UserIdGroupPair: a group in a VPC that is peered, or on the same transit gateway."""
    vpcs = [ec2.create_vpc(CidrBlock=f"10.{n}.0.0/24")["Vpc"]["VpcId"] for n in (3, 4)]
    own, other = (
        ec2.create_security_group(GroupName=name, Description="-", VpcId=vpc)["GroupId"]
        for vpc in vpcs
    )
    permissions = [permission("SQL", GroupId=other)]
    with pytest.raises(ClientError, match=r"InvalidGroup\.NotFound"):
        ec2.authorize_security_group_ingress(GroupId=own, IpPermissions=permissions)
    if way == "peering":
        made = ec2.create_vpc_peering_connection(VpcId=vpcs[0], PeerVpcId=vpcs[1])
        peering = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    else:
        for n, vpc in enumerate(vpcs, 3):
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{n}.0.0/26")["Subnet"]["SubnetId"]
            ec2.create_transit_gateway_vpc_attachment(
                TransitGatewayId="tgw-00000000000000034", VpcId=vpc, SubnetIds=[subnet]
            )
    ec2.authorize_security_group_ingress(GroupId=own, IpPermissions=permissions)
