"""Steps about the path from each subnet to the internet, by zone."""

from __future__ import annotations

from collections.abc import Iterator

import existing_network as existing
from findings import Finding, check, rendered
from internet import EGRESS_ONLY, destination, past
from kinds import ISOLATED, PRIVATE, PUBLIC, is_unclear, listed, unknown_zones, unproved, zone
from routes import Path, default_route, route_tables, routes_of, subnets, tier
from stack_graph import Resource, Stack, shown

_INSIDE = "private"


@check("every availability zone has a NAT gateway in its public subnet", "subnet with a gateway")
def gateway_in_each_zone(stack: Stack) -> Iterator[Finding]:
    """Require a gateway per zone; two gateways in one zone do not make up for a missing one."""
    yield from existing.gateways(stack)
    private = [g for g in stack.all("aws_nat_gateway") if g.planned("connectivity_type") == _INSIDE]
    for gateway in private:
        text = "a private gateway leads to no internet; remove connectivity_type"
        yield Finding(False, f"{gateway.address}: {text}")
    all_gateways = [g for g in stack.all("aws_nat_gateway") if g not in private]
    subnet_of = {g.address: stack.one(g, "subnet_id", "aws_subnet") for g in all_gateways}
    public = subnets(stack, PUBLIC)
    for name in dict.fromkeys(map(zone, _with_gateway(stack))):
        gateways = [
            f"{gateway} in {subnet.address}"
            for gateway, subnet in subnet_of.items()
            if subnet in public and subnet and zone(subnet) == name
        ]
        fix = f"no NAT gateway in a public subnet of {name}; create an aws_nat_gateway there"
        of_zone = [subnet for subnet in stack.all("aws_subnet") if zone(subnet) == name]
        candidates = [subnet for subnet in subnet_of.values() if subnet in public and subnet]
        hidden = unknown_zones(*of_zone)
        fix = hidden or unknown_zones(*candidates) or fix
        for gateway in () if gateways else all_gateways:
            if any(is_unclear(stack, gateway, "subnet_id", s) for s in public if zone(s) == name):
                why = unproved(stack, gateway, "subnet_id", "one aws_subnet")
                fix = f"{gateway.address}: {why}"
        text = listed(gateways) or fix
        yield Finding(bool(gateways), text if hidden and not gateways else f"{name}: {text}")


def _with_gateway(stack: Stack) -> tuple[Resource, ...]:
    """Return all subnets, or none if all of them are isolated by their routes."""
    found = stack.all("aws_subnet")
    isolated = all(tier(stack, subnet) == ISOLATED for subnet in found)
    return () if isolated and not rendered() else found


@check("every NAT gateway has its own elastic IP", "aws_nat_gateway")
def elastic_ips(stack: Stack) -> Iterator[Finding]:
    """Require a different elastic IP, in the domain ``vpc``, for each gateway."""
    yield from existing.elastic_ips(stack)
    used: set[str] = set()
    for gateway in stack.all("aws_nat_gateway"):
        ip = stack.one(gateway, "allocation_id", "aws_eip")
        if ip is None:
            text = unproved(stack, gateway, "allocation_id", "one aws_eip")
            yield Finding(False, f"{gateway.address}: {text}")
        elif ip.address in used:
            text = f"{ip.address} already belongs to another gateway; create another aws_eip"
            yield Finding(False, f"{gateway.address}: {text}")
        elif others := _other_users(stack, ip):
            text = f"{ip.address} is also associated with {listed(others)}; create another aws_eip"
            yield Finding(False, f"{gateway.address}: {text}")
        else:
            used.add(ip.address)
            domain = "vpc" if ip.planned("vpc") is True else ip.planned("domain")
            fix = "" if domain == "vpc" else "; it must be vpc"
            yield Finding(
                domain == "vpc", f"{gateway.address}: {ip.address}, domain {shown(domain)}{fix}"
            )


def _other_users(stack: Stack, ip: Resource) -> list[str]:
    """Return what else than a NAT gateway an elastic IP is, or may be, associated with."""
    own = [path for path in ("instance", "network_interface") if stack.is_set(ip, path)]
    associations = [
        association.address
        for association in stack.all("aws_eip_association")
        if ip in stack.some(association, "allocation_id", "aws_eip")
        or is_unclear(stack, association, "allocation_id", ip)
    ]
    return own + associations


@check(
    "every private subnet reaches the internet through a NAT gateway in its own zone",
    "private subnet",
)
def private_path(stack: Stack) -> Iterator[Finding]:
    """Require association, route table, default route and NAT gateway, all for one zone."""
    yield from existing.private_paths(stack)
    for subnet in subnets(stack, PRIVATE):
        path = default_route(stack, subnet)
        if not path.route:
            yield Finding(False, path.text)
            continue
        gateway = stack.one(path.route, "nat_gateway_id", "aws_nat_gateway")
        if gateway is None:
            text = unproved(stack, path.route, "nat_gateway_id", "one aws_nat_gateway")
            yield Finding(False, f"{path.text}: {text}")
            continue
        public = stack.one(gateway, "subnet_id", "aws_subnet")
        fine = public is not None and zone(public) == zone(subnet)
        yield from _past(stack, subnet, path, "nat_gateway_id", gateway)
        if not public:
            why = unproved(stack, gateway, "subnet_id", "one aws_subnet")
            yield Finding(False, f"{path.text} → {gateway.address}: {why}")
            continue
        text = f"{path.text} → {gateway.address} in {zone(public)}"
        if not fine and (hidden := unknown_zones(subnet, public)):
            text = f"{subnet.address} → {gateway.address} in {public.address}: {hidden}"
            yield Finding(False, text)
            continue
        fix = "" if fine else f"; use the NAT gateway of {zone(subnet)}"
        yield Finding(fine, f"{text}{fix}")


def _past(
    stack: Stack, subnet: Resource, path: Path, argument: str, gateway: Resource
) -> Iterator[Finding]:
    """Refuse the routes of a subnet that lead to the internet, but not through its gateway."""

    def through(route: Resource, _: str) -> bool:
        own = stack.one(route, argument, gateway.type) == gateway
        return own or stack.is_set(route, EGRESS_ONLY)

    outward = []
    for table in route_tables(stack, subnet):
        routes = [(route, "") for route in routes_of(stack, table)]
        outward += [
            f"{route.address} to {destination(stack, route, at)}"
            for route, at in past(stack, routes, through)
        ]
        outward += [
            f"{route.address} (this plan does not show its table)"
            for route in stack.all("aws_route")
            if is_unclear(stack, route, "route_table_id", table)
        ]
    if outward:
        text = f"another route to the internet, {listed(outward)}; remove it"
        yield Finding(False, f"{path.text}: {text}")


@check("no route table serves private subnets of two zones", "route table of a private subnet")
def table_of_one_zone(stack: Stack) -> Iterator[Finding]:
    """Refuse a shared table: if its gateway fails, it cuts off more than one zone."""
    yield from existing.tables_of_zones(stack)
    subnets_of: dict[str, list[Resource]] = {}
    for subnet in subnets(stack, PRIVATE):
        for table in route_tables(stack, subnet):
            subnets_of.setdefault(table.address, []).append(subnet)
    for address, users in subnets_of.items():
        zones = list(map(zone, users))
        fine = len(set(zones)) == 1
        fix = "" if fine else "; create a route table for each zone"
        if not fine and (hidden := unknown_zones(*users)):
            yield Finding(False, f"{address}: {hidden}")
            continue
        yield Finding(fine, f"{address}: private subnets of {listed(zones)}{fix}")


@check("every public subnet reaches the internet through the internet gateway", "public subnet")
def public_path(stack: Stack) -> Iterator[Finding]:
    """Require association, route table, default route and internet gateway."""
    yield from existing.public_paths(stack)
    for subnet in subnets(stack, PUBLIC):
        path = default_route(stack, subnet)
        if not path.route:
            yield Finding(False, path.text)
            continue
        gateway = stack.one(path.route, "gateway_id", "aws_internet_gateway")
        if gateway:
            fine = _is_attached(stack, gateway)
            fix = "" if fine else " is attached to no VPC; set vpc_id"
            yield Finding(fine, f"{path.text} → {gateway.address}{fix}")
            yield from _past(stack, subnet, path, "gateway_id", gateway)
        else:
            text = unproved(stack, path.route, "gateway_id", "one aws_internet_gateway")
            yield Finding(False, f"{path.text}: {text}")


def _is_attached(stack: Stack, gateway: Resource) -> bool:
    """Return whether an internet gateway is attached to a VPC, by argument or attachment."""
    return stack.is_set(gateway, "vpc_id") or any(
        stack.one(attachment, "internet_gateway_id", "aws_internet_gateway") == gateway
        for attachment in stack.all("aws_internet_gateway_attachment")
    )
