"""Steps about the path from each subnet to the internet, by zone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from findings import Finding, check
from kinds import PUBLIC, is_private, listed, source_of, zone
from stack_graph import Resource, Stack

_ANYWHERE = "0.0.0.0/0"


@check("every availability zone has a NAT gateway in its public subnet", "aws_subnet")
def gateway_in_each_zone(stack: Stack) -> Iterator[Finding]:
    """Require a gateway per zone; two gateways in one zone do not make up for a missing one."""
    subnet_of = {
        gateway.address: stack.one(gateway, "subnet_id", "aws_subnet")
        for gateway in stack.all("aws_nat_gateway")
    }
    for name in dict.fromkeys(map(zone, stack.all("aws_subnet"))):
        gateways = [
            f"{gateway} in {subnet.address}"
            for gateway, subnet in subnet_of.items()
            if subnet and subnet.name == PUBLIC and zone(subnet) == name
        ]
        fix = f"no NAT gateway in a public subnet of {name}; create an aws_nat_gateway there"
        yield Finding(bool(gateways), f"{name}: {listed(gateways) or fix}")


@check("every NAT gateway has its own elastic IP", "aws_nat_gateway")
def elastic_ips(stack: Stack) -> Iterator[Finding]:
    """Require a different elastic IP, in the domain ``vpc``, for each gateway."""
    used: set[str] = set()
    for gateway in stack.all("aws_nat_gateway"):
        ip = stack.one(gateway, "allocation_id", "aws_eip")
        if ip is None:
            now = source_of(stack, gateway, "allocation_id")
            text = f"{now}; it must be one aws_eip"
            yield Finding(False, f"{gateway.address}: {text}")
        elif ip.address in used:
            text = f"{ip.address} already belongs to another gateway; create another aws_eip"
            yield Finding(False, f"{gateway.address}: {text}")
        else:
            used.add(ip.address)
            domain = ip.planned("domain")
            fix = "" if domain == "vpc" else "; it must be vpc"
            yield Finding(domain == "vpc", f"{gateway.address}: {ip.address}, domain {domain}{fix}")


@check(
    "every private subnet reaches the internet through a NAT gateway in its own zone",
    "private subnet",
)
def private_path(stack: Stack) -> Iterator[Finding]:
    """Require association, route table, default route and NAT gateway, all for one zone."""
    for subnet in filter(is_private, stack.all("aws_subnet")):
        path = _default_route(stack, subnet)
        if not path.route:
            yield Finding(False, path.text)
            continue
        gateway = stack.one(path.route, "nat_gateway_id", "aws_nat_gateway")
        if gateway is None:
            now = source_of(stack, path.route, "nat_gateway_id")
            text = f"{now}; it must be one aws_nat_gateway"
            yield Finding(False, f"{path.text}: {text}")
            continue
        public = stack.one(gateway, "subnet_id", "aws_subnet")
        where = zone(public) if public else "an unknown zone"
        fine = where == zone(subnet)
        fix = "" if fine else f"; use the NAT gateway of {zone(subnet)}"
        yield Finding(fine, f"{path.text} → {gateway.address} in {where}{fix}")


@check("no route table serves private subnets of two zones", "route table of a private subnet")
def table_of_one_zone(stack: Stack) -> Iterator[Finding]:
    """Refuse a shared table: if its gateway fails, it cuts off more than one zone."""
    zones_of: dict[str, list[str]] = {}
    for subnet in filter(is_private, stack.all("aws_subnet")):
        for table in _tables(stack, subnet):
            zones_of.setdefault(table.address, []).append(zone(subnet))
    for address, zones in zones_of.items():
        fine = len(set(zones)) == 1
        fix = "" if fine else "; create a route table for each zone"
        yield Finding(fine, f"{address}: private subnets of {listed(zones)}{fix}")


@check("every public subnet reaches the internet through the internet gateway", "public subnet")
def public_path(stack: Stack) -> Iterator[Finding]:
    """Require association, route table, default route and internet gateway."""
    for subnet in stack.all("aws_subnet", PUBLIC):
        path = _default_route(stack, subnet)
        if not path.route:
            yield Finding(False, path.text)
            continue
        gateway = stack.one(path.route, "gateway_id", "aws_internet_gateway")
        if gateway:
            yield Finding(True, f"{path.text} → {gateway.address}")
        else:
            now = source_of(stack, path.route, "gateway_id")
            text = f"{now}; it must be one aws_internet_gateway"
            yield Finding(False, f"{path.text}: {text}")


class _Path(NamedTuple):
    """The path from a subnet to its default route; ``route`` is None if the path breaks off."""

    text: str
    route: Resource | None = None


def _default_route(stack: Stack, subnet: Resource) -> _Path:
    text = f"{zone(subnet)}: {subnet.address}"
    tables = _tables(stack, subnet)
    if len(tables) != 1:
        return _Path(f"{text} is associated with {len(tables)} route tables; associate it with one")
    table = tables[0]
    text = f"{text} → {table.address}"
    if table.holds("route"):
        fix = "inline routes, which remove separate ones; write aws_route resources instead"
        return _Path(f"{text} has {fix}")
    routes = [
        route
        for route in stack.all("aws_route")
        if route.planned("destination_cidr_block") == _ANYWHERE
        and stack.one(route, "route_table_id", "aws_route_table") == table
    ]
    if len(routes) != 1:
        return _Path(f"{text} has {len(routes)} routes to {_ANYWHERE}; it must have exactly one")
    return _Path(f"{text} → {routes[0].address}", routes[0])


def _tables(stack: Stack, subnet: Resource) -> list[Resource]:
    """Return the route table of each association of a subnet, where the plan shows which."""
    return [
        table
        for association in stack.all("aws_route_table_association")
        if stack.one(association, "subnet_id", "aws_subnet") == subnet
        and (table := stack.one(association, "route_table_id", "aws_route_table"))
    ]
