"""Rules about gateways, and about the routes and addresses that lead to the internet."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends

from finbase.sandbox.refusals.ec2 import subnet as subnet_of
from finbase.sandbox.refusals.rule import VALUE, Request, rule

_ERRORS = "AWSEC2/latest/APIReference/errors-overview.html"
_TARGETS = {
    "EgressOnlyInternetGatewayId": "egress_only_internet_gateways",
    "GatewayId": "internet_gateways",
    "NatGatewayId": "nat_gateways",
    "NetworkInterfaceId": "enis",
}
"""The backend's list of each kind of target that is in a VPC."""


@rule(
    "ec2 CreateNatGateway",
    "MissingParameter",
    "AWSEC2/latest/APIReference/API_CreateNatGateway.html",
)
def nat_without_address(request: Request) -> str | None:
    """A public NAT gateway of a zone has an address."""
    if _is_public(request) and not request.params.get("AllocationId"):
        return (
            "The request must include the AllocationId parameter. Add the required parameter and "
            "retry the request."
        )
    return None


@rule(
    "ec2 CreateNatGateway",
    "Gateway.NotAttached",
    "vpc/latest/userguide/nat-gateway-troubleshooting.html",
)
def nat_without_internet(request: Request) -> str | None:
    """A public NAT gateway is in a VPC with an internet gateway, or AWS lets it fail."""
    subnet = _subnet(request)
    if not _is_public(request) or subnet is None or subnet.vpc_id in _internet(request).values():
        return None
    return f"Network {subnet.vpc_id} has no Internet gateway attached"


@rule(
    "ec2 ReleaseAddress",
    "InvalidIPAddress.InUse",
    "AWSEC2/latest/APIReference/API_ReleaseAddress.html",
)
def address_in_use(request: Request) -> str | None:
    """An address that something uses is not released; in a default VPC it is."""
    backend, name = request.of(ec2_backends), request.params.get("AllocationId")
    gone = {each._eni.id for each in backend.nat_gateways.values() if each.state == "deleted"}
    for address in backend.addresses:
        if address.allocation_id != name or not address.eni or address.eni.id in gone:
            continue
        if not backend.vpcs[address.eni.subnet.vpc_id].is_default:
            return f"Address {address.public_ip} is in use."
    return None


@rule("ec2 CreateRoute ReplaceRoute", VALUE, "smoketurner/serverless-vpc-plugin/issues/147")
def route_to_other_network(request: Request) -> str | None:
    """A route leads to a gateway or an interface of the table's own VPC."""
    backend, table = request.of(ec2_backends), request.params["RouteTableId"]
    own = getattr(backend.route_tables.get(table), "vpc_id", None)
    for member, listed in _TARGETS.items():
        name = request.params.get(member)
        target = getattr(backend, listed).get(name)
        if own and target is not None and _vpc(target) != own:
            return f"route table {table} and network gateway {name} belong to different networks"
    return None


@rule(
    "ec2 AttachInternetGateway",
    VALUE,
    "binlab/terraform-aws-vault-ha-raft/issues/54",
)
def second_internet_gateway(request: Request) -> str | None:
    """A VPC has one internet gateway."""
    vpc, name = request.params["VpcId"], request.params["InternetGatewayId"]
    if any(other != name and place == vpc for other, place in _internet(request).items()):
        return f"Network {vpc} already has an internet gateway attached"
    return None


@rule(
    "ec2 AssociateRouteTable",
    "Resource.AlreadyAssociated",
    "hashicorp/terraform-provider-aws/issues/38960",
)
def second_route_table(request: Request) -> str | None:
    """A subnet or a gateway has one route table."""
    table = request.params["RouteTableId"]
    place = request.params.get("SubnetId") or request.params.get("GatewayId")
    for other in request.of(ec2_backends).route_tables.values():
        if other.id != table and place in other._associations.values():
            return (
                f"the specified association for route table {table} conflicts with an existing "
                "association"
            )
    return None


@rule("ec2 AssociateRouteTable ReplaceRouteTableAssociation", VALUE, _ERRORS)
def table_of_other_network(request: Request) -> str | None:
    """A subnet has a route table of its own VPC."""
    tables, name = request.of(ec2_backends).route_tables, request.params["RouteTableId"]
    places = {id_: place for each in tables.values() for id_, place in each._associations.items()}
    subnet = _subnet(request, places.get(request.params.get("AssociationId")))
    table = tables.get(name)
    if table is None or subnet is None or table.vpc_id == subnet.vpc_id:
        return None
    return f"Route table {name} and subnet {subnet.id} belong to different networks"


@rule("ec2 DeleteRouteTable", "DependencyViolation", "aws/aws-cli/issues/1549")
def main_route_table(request: Request) -> str | None:
    """The main route table of a VPC is not deleted."""
    name = request.params["RouteTableId"]
    table = request.of(ec2_backends).route_tables.get(name)
    if table is None or not table.main_association_id:
        return None
    return f"The routeTable '{name}' has dependencies and cannot be deleted."


@rule("ec2 CreateVpcEndpoint ModifyVpcEndpoint", "RouteAlreadyExists", _ERRORS)
def second_gateway_endpoint(request: Request) -> str | None:
    """A route table has one gateway endpoint of a service."""
    backend, params = request.of(ec2_backends), request.params
    own = backend.vpc_end_points.get(params.get("VpcEndpointId"))
    service = getattr(own, "service_name", params.get("ServiceName"))
    tables = {*(params.get("RouteTableIds") or params.get("AddRouteTableIds") or ())}
    for other in backend.vpc_end_points.values():
        same = other is not own and other.service_name == service and other.state != "deleted"
        if same and (taken := tables.intersection(other.route_table_ids or ())):
            prefixes = other.destination_prefix_list_id
            return (
                f"route table {min(taken)} already has a route with destination-prefix-list-id "
                f"{prefixes}"
            )
    return None


def _is_public(request: Request) -> bool:
    """Return whether a NAT gateway is a public one; a regional one gets its addresses itself."""
    kind, mode = (request.params.get(name) for name in ("ConnectivityType", "AvailabilityMode"))
    return kind != "private" and mode != "regional"


def _internet(request: Request) -> dict[str, str | None]:
    """Return the VPC of each internet gateway."""
    gateways = request.of(ec2_backends).internet_gateways
    return {name: _vpc(gateway) for name, gateway in gateways.items()}


def _vpc(target: Any) -> str | None:
    """Return the VPC of a gateway or of an interface."""
    found = getattr(target, "vpc_id", None) or getattr(getattr(target, "vpc", None), "id", None)
    return str(found) if found else None


def _subnet(request: Request, name: str | None = None) -> Any:
    """Return a subnet, of that name or of the one in the request, or None."""
    return subnet_of(request, name or request.params.get("SubnetId") or "")
