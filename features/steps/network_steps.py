"""Steps about the way from a subnet to the internet, zone by zone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parent))

from findings import Finding, check
from kinds import PUBLIC, is_private, listed, origins, zone
from stack_graph import Resource, Stack

_ANYWHERE = "0.0.0.0/0"


@check("every availability zone has a NAT gateway in a public subnet of its own")
def gateway_in_each_zone(stack: Stack) -> Iterator[Finding]:
    """As many NAT gateways as zones, and never two for one zone and none for another."""
    homes = {
        gateway.address: stack.one(gateway, "subnet_id", "aws_subnet")
        for gateway in stack.all("aws_nat_gateway")
    }
    for each in dict.fromkeys(map(zone, stack.all("aws_subnet"))):
        here = [
            f"{gateway} in {home.address}"
            for gateway, home in homes.items()
            if home and home.name == PUBLIC and zone(home) == each
        ]
        lacks = f"{each}: no NAT gateway lies in a public subnet of this zone"
        yield Finding(bool(here), f"{each}: {listed(here)}" if here else lacks)


@check("every NAT gateway has an elastic IP of its own")
def elastic_ips(stack: Stack) -> Iterator[Finding]:
    """No two share one, and each is an address of the VPC."""
    taken: set[str] = set()
    for gateway in stack.all("aws_nat_gateway"):
        ip = stack.one(gateway, "allocation_id", "aws_eip")
        if ip is None:
            now = origins(stack, gateway, "allocation_id")
            yield Finding(False, f"{gateway.address}: its address comes from {now}")
        elif ip.address in taken:
            yield Finding(False, f"{gateway.address}: {ip.address} is another gateway's already")
        else:
            taken.add(ip.address)
            domain = ip.planned("domain")
            yield Finding(domain == "vpc", f"{gateway.address}: {ip.address}, domain {domain}")


@check("every private subnet reaches the internet through a NAT gateway of its own zone")
def private_path(stack: Stack) -> Iterator[Finding]:
    """Subnet, association, table, default route and NAT gateway, all of one zone."""
    for subnet in filter(is_private, stack.all("aws_subnet")):
        path = _default_route(stack, subnet)
        if not path.route:
            yield Finding(False, path.text)
            continue
        gateway = stack.one(path.route, "nat_gateway_id", "aws_nat_gateway")
        if gateway is None:
            now = origins(stack, path.route, "nat_gateway_id")
            yield Finding(False, f"{path.text} → a NAT gateway from {now}")
            continue
        home = stack.one(gateway, "subnet_id", "aws_subnet")
        where = zone(home) if home else "an unknown zone"
        text = f"{path.text} → {gateway.address} in {where}"
        yield Finding(where == zone(subnet), text)


@check("no route table is shared by private subnets of two zones")
def table_of_one_zone(stack: Stack) -> Iterator[Finding]:
    """A table whose gateway fails takes one zone with it, not two."""
    users: dict[str, list[str]] = {}
    for subnet in filter(is_private, stack.all("aws_subnet")):
        for table in _tables(stack, subnet):
            users.setdefault(table.address, []).append(zone(subnet))
    for address, zones in users.items():
        yield Finding(len(set(zones)) == 1, f"{address}: subnets of {listed(zones)}")


@check("every public subnet reaches the internet through the internet gateway")
def public_path(stack: Stack) -> Iterator[Finding]:
    """Subnet, association, table, default route and internet gateway."""
    for subnet in stack.all("aws_subnet", PUBLIC):
        path = _default_route(stack, subnet)
        if not path.route:
            yield Finding(False, path.text)
            continue
        gateway = stack.one(path.route, "gateway_id", "aws_internet_gateway")
        end = (
            gateway.address
            if gateway
            else f"a gateway from {origins(stack, path.route, 'gateway_id')}"
        )
        yield Finding(gateway is not None, f"{path.text} → {end}")


class _Path(NamedTuple):
    """The way as far as it leads: to a default route, or to where it breaks off."""

    text: str
    route: Resource | None = None


def _default_route(stack: Stack, subnet: Resource) -> _Path:
    text = f"{zone(subnet)}: {subnet.address}"
    tables = _tables(stack, subnet)
    if len(tables) != 1:
        return _Path(f"{text} is associated with {len(tables)} route tables, not with one")
    table = tables[0]
    text = f"{text} → {table.address}"
    if table.holds("route"):
        return _Path(f"{text} has routes within the table, which take the others away")
    routes = [
        route
        for route in stack.all("aws_route")
        if route.planned("destination_cidr_block") == _ANYWHERE
        and stack.one(route, "route_table_id", "aws_route_table") == table
    ]
    if len(routes) != 1:
        return _Path(f"{text} has {len(routes)} routes to {_ANYWHERE}, not one")
    return _Path(f"{text} → {routes[0].address}", routes[0])


def _tables(stack: Stack, subnet: Resource) -> list[Resource]:
    """Return the route table of each association of a subnet, as far as it can be told."""
    return [
        table
        for each in stack.all("aws_route_table_association")
        if stack.one(each, "subnet_id", "aws_subnet") == subnet
        and (table := stack.one(each, "route_table_id", "aws_route_table"))
    ]
