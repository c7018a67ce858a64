"""Rules about routes, endpoints and ports, and about the way of a VPC to a transit gateway."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Network
from typing import Any

from moto.ec2.models import ec2_backends

from finbase.sandbox.refusals.rule import VALUE, Request, rule

_GATEWAYS = ("dynamodb", "s3", "s3express")
"""The services that have gateway endpoints."""


@rule("ec2 CreateRoute", VALUE, "hashicorp/terraform-provider-aws/issues/13896")
def route_into_vpc(request: Request) -> str | None:
    """A route to a part of the VPC's own range leads to an interface or an instance."""
    destination = request.params.get("DestinationCidrBlock")
    vpc = _vpc_of_table(request)
    if destination is None or vpc is None or request.params.keys() & {"NetworkInterfaceId"}:
        return None
    if not IPv4Network(destination, strict=False).subnet_of(IPv4Network(vpc.cidr_block)):
        return None
    return "Route target is not supported. This route only supports interface and instance targets."


@rule("ec2 CreateRoute ReplaceRoute", "InvalidTransitGatewayID.NotFound", "aws/aws-cdk/issues/8584")
def unattached_gateway(request: Request) -> str | None:
    """A route to a transit gateway needs an attachment of the VPC to it."""
    gateway, vpc = request.params.get("TransitGatewayId"), _vpc_of_table(request)
    if gateway is None or vpc is None:
        return None
    attached = (gateway, vpc.id, "available")
    for each in request.of(ec2_backends).transit_gateway_attachments.values():
        if (each.transit_gateway_id, each.resource_id, each.state) == attached:
            return None
    return f"The transitGateway ID '{gateway}' does not exist."


@rule(
    "ec2 CreateTransitGatewayVpcAttachment CreateVpcEndpoint",
    "DuplicateSubnetsInSameZone",
    "AWSEC2/latest/APIReference/errors-overview.html",
)
def two_subnets_of_a_zone(request: Request) -> str | None:
    """A transit gateway or an endpoint has one subnet in each zone."""
    found = zones(request, request.params.get("SubnetIds") or ())
    return "Duplicate Subnets for same AZ" if len({*found}) < len(found) else None


@rule(
    "ec2 CreateVpcEndpoint", "InvalidServiceName", "AWSEC2/latest/APIReference/errors-overview.html"
)
def unknown_service(request: Request) -> str | None:
    """An endpoint is one of a service of AWS in the region, or of another account."""
    name = request.params.get("ServiceName") or "com.amazonaws.vpce."
    prefix = f"com.amazonaws.{request.region}."
    offered = (*_GATEWAYS, *request.catalogue.endpoints())
    if name.startswith("com.amazonaws.vpce.") or name.removeprefix(prefix) in offered:
        return None
    return f"The Vpc Endpoint Service '{name}' does not exist"


@rule("ec2 CreateVpcEndpoint", "InvalidParameter", "hashicorp/terraform/issues/24478")
def other_endpoint_type(request: Request) -> str | None:
    """Only DynamoDB and S3 have gateway endpoints, the default type."""
    service = request.params.get("ServiceName") or ""
    if not _is_gateway(request) or service.rpartition(".")[2] in _GATEWAYS:
        return None
    return "Endpoint type (Gateway) does not match available service types ([Interface])."


@rule("ec2 CreateVpcEndpoint", "InvalidParameter", "ansible-collections/amazon.aws/issues/576")
def member_of_other_type(request: Request) -> str | None:
    """A gateway endpoint has route tables; any other has subnets and security groups."""
    if not _is_gateway(request) and request.params.get("RouteTableIds"):
        return "Route table IDs are only supported for Gateway type VPC Endpoint."
    for kind, member in (("Subnet", "SubnetIds"), ("Security group", "SecurityGroupIds")):
        if _is_gateway(request) and request.params.get(member):
            return f"{kind} IDs are only supported for Interface type VPC Endpoints."
    return None


@rule("ec2 CreateVpcEndpoint", "InvalidParameter", "vpc/latest/privatelink/manage-dns-names.html")
def private_names_off(request: Request) -> str | None:
    """Private names need both DNS settings of the VPC."""
    vpc = request.of(ec2_backends).vpcs.get(request.params["VpcId"])
    settings = ("enable_dns_support", "enable_dns_hostnames")
    if vpc is None or not request.params.get("PrivateDnsEnabled"):
        return None
    if all(str(getattr(vpc, name)).lower() == "true" for name in settings):
        return None
    return (
        "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes "
        f"set to true for {vpc.id}"
    )


@rule("ec2 CreateVpcEndpoint", "InvalidParameter", "hashicorp/terraform-provider-aws/issues/17535")
def private_names_taken(request: Request) -> str | None:
    """A VPC has one endpoint with the private names of a service."""
    service, vpc = request.params.get("ServiceName"), request.params["VpcId"]
    if not service or not request.params.get("PrivateDnsEnabled"):
        return None
    for endpoint in request.of(ec2_backends).vpc_end_points.values():
        same = endpoint.vpc_id == vpc and endpoint.service_name == service
        if same and endpoint.private_dns_enabled and endpoint.state != "deleted":
            name = service.rpartition(".")[2]
            return (
                "private-dns-enabled cannot be set because there is already a conflicting DNS "
                f"domain for {name}.{request.region}.amazonaws.com in the VPC {vpc}"
            )
    return None


@rule(
    "ec2 AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress",
    VALUE,
    "AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html",
)
def invalid_ports(request: Request) -> str | None:
    """The ports of a rule for TCP or UDP are a range."""
    for permission in request.params.get("IpPermissions") or ():
        first, last = permission.get("FromPort"), permission.get("ToPort")
        if permission.get("IpProtocol") not in ("tcp", "udp", "6", "17"):
            continue
        if first is None or last is None or not 0 <= first <= last <= 65_535:
            return f"Invalid TCP/UDP port range ({first}:{last})"
    return None


@rule(
    "ec2 AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress",
    "InvalidGroup.NotFound",
    "ansible/ansible/issues/30053",
)
def unpeered_group(request: Request) -> str | None:
    """A rule names a group of the same VPC, or of one that is connected with it."""
    backend = request.of(ec2_backends)
    own = backend.get_security_group_from_id(request.params.get("GroupId"))
    for permission in request.params.get("IpPermissions") or ():
        for pair in permission.get("UserIdGroupPairs") or ():
            other = backend.get_security_group_from_id(pair.get("GroupId"))
            if own and other and not _connected(backend, own.vpc_id, other.vpc_id):
                return "You have specified two resources that belong to different networks."
    return None


@rule("ec2 DeleteSecurityGroup", "CannotDelete", "AWSEC2/latest/APIReference/errors-overview.html")
def default_group(request: Request) -> str | None:
    """The default security group of a VPC is not deleted."""
    name = request.params.get("GroupId") or ""
    group = request.of(ec2_backends).get_security_group_from_id(name)
    if group is None or group.name != "default":
        return None
    return f'the specified group: "{name}" name: "default" cannot be deleted by a user'


def zones(request: Request, subnets: Collection[str]) -> list[str]:
    """Return the zone of each of the subnets that exists."""
    return [
        subnet.availability_zone
        for by_zone in request.of(ec2_backends).subnets.values()
        for subnet_id, subnet in by_zone.items()
        if subnet_id in subnets
    ]


def _is_gateway(request: Request) -> bool:
    return request.params.get("VpcEndpointType") in (None, "Gateway")


def _connected(backend: Any, own: str, other: str) -> bool:
    """Return whether two VPCs are one, or peered, or attached to one transit gateway.

    A peering connection that the other side asked for has one VPC twice, and may be with any.
    """
    attached: dict[str, set[str]] = {own: set(), other: set()}
    for each in backend.transit_gateway_attachments.values():
        attached.setdefault(each.resource_id, set()).add(each.transit_gateway_id)
    tables = [table for table in backend.route_tables.values() if table.vpc_id == own]
    used = [route.vpc_pcx for table in tables for route in table.routes if route.vpc_pcx]
    peerings = [each for each in backend.vpc_pcxs.values() if each._status.code == "active"]
    return (
        own == other
        or bool(attached[own] & attached[other])
        or any({own, other} == {each.vpc.id, each.peer_vpc.id} for each in peerings)
        or any(each.vpc.id == each.peer_vpc.id for each in used)
    )


def subnet(request: Request, name: str) -> Any:
    """Return a subnet, or None."""
    by_zone = request.of(ec2_backends).subnets.values()
    return next((subnets[name] for subnets in by_zone if name in subnets), None)


def _vpc_of_table(request: Request) -> Any:
    backend = request.of(ec2_backends)
    table = backend.route_tables.get(request.params.get("RouteTableId"))
    return backend.vpcs.get(table.vpc_id) if table else None
