"""Rules about routes, and about the way of a VPC to a transit gateway."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from moto.ec2.models import ec2_backends

from finbase.sandbox.refusals.rule import Request


def route_into_vpc(request: Request) -> str | None:
    """A route to a part of the VPC's own range leads to an interface or an instance."""
    destination = request.params.get("DestinationCidrBlock")
    vpc = _vpc_of_table(request)
    if destination is None or vpc is None or request.params.keys() & {"NetworkInterfaceId"}:
        return None
    if not IPv4Network(destination, strict=False).subnet_of(IPv4Network(vpc.cidr_block)):
        return None
    return "Route target is not supported. This route only supports interface and instance targets."


def unattached_gateway(request: Request) -> str | None:
    """A route to a transit gateway needs an attachment of the VPC to it."""
    gateway, vpc = request.params.get("TransitGatewayId"), _vpc_of_table(request)
    if gateway is None or vpc is None:
        return None
    attached = (gateway, vpc.id, "available")
    for each in _backend(request).transit_gateway_attachments.values():
        if (each.transit_gateway_id, each.resource_id, each.state) == attached:
            return None
    return f"The transitGateway ID '{gateway}' does not exist."


def two_subnets_of_a_zone(request: Request) -> str | None:
    """A transit gateway is attached to one subnet in each zone."""
    asked = request.params.get("SubnetIds") or ()
    zones = [
        subnet.availability_zone
        for by_zone in _backend(request).subnets.values()
        for subnet_id, subnet in by_zone.items()
        if subnet_id in asked
    ]
    return "Duplicate Subnets for same AZ" if len({*zones}) < len(zones) else None


def _vpc_of_table(request: Request) -> Any:
    backend = _backend(request)
    table = backend.route_tables.get(request.params.get("RouteTableId"))
    return backend.vpcs.get(table.vpc_id) if table else None


def _backend(request: Request) -> Any:
    return ec2_backends[request.account][request.region]
