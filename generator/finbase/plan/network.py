"""Read the network of a plan: zones, subnets, gateways, routes and the resources in subnets.

It contains only what the plan proves. A reference that does not lead to exactly one resource is
empty, and the diagrams say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from finbase.plan.flows import GROUPS, Flow, flows, text

if TYPE_CHECKING:
    from stack_graph import Resource, Stack

Kind = Literal["internet", "nat", "peering", "transit", ""]

_SUBNET = "aws_subnet"
_GATEWAYS: Mapping[str, tuple[str, Kind]] = {
    "nat_gateway_id": ("aws_nat_gateway", "nat"),
    "gateway_id": ("aws_internet_gateway", "internet"),
}
_PEERED: Mapping[str, Kind] = {
    "vpc_peering_connection_id": "peering",
    "transit_gateway_id": "transit",
}
"""The arguments of a route to another network, which have the id of something of others."""
PEERED: Mapping[Kind, str] = {"peering": "peering connection", "transit": "transit gateway"}
"""The kinds of ways to other networks, in words."""
_MEMBERS: Mapping[str, tuple[str, str]] = {
    "aws_db_instance": ("", "vpc_security_group_ids"),
    "aws_elasticache_serverless_cache": ("subnet_ids", "security_group_ids"),
    "aws_lambda_function": ("vpc_config.0.subnet_ids", "vpc_config.0.security_group_ids"),
    "aws_vpc_endpoint": ("subnet_ids", "security_group_ids"),
}
"""The types of resources in subnets, with their arguments for subnets and for groups."""
_KINDS: Mapping[str, str] = {
    "aws_elasticache_serverless_cache": "serverless cache",
    "aws_lambda_function": "function",
    "aws_vpc_endpoint": "interface endpoint",
}


@dataclass(frozen=True)
class Route:
    """A route of a table.

    ``target`` is the address of a gateway, the id of a way to another network, or empty if it is
    unknown.
    """

    address: str
    destination: str
    target: str
    kind: Kind


@dataclass(frozen=True)
class Subnet:
    """A subnet with its route table; ``table`` is empty unless there is exactly one."""

    address: str
    tier: str
    zone: str
    cidr: str
    table: str
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Gateway:
    """An internet gateway, or a NAT gateway with its subnet and the address of its elastic IP."""

    address: str
    kind: Kind
    subnet: str = ""
    ip: str = ""


@dataclass(frozen=True)
class Member:
    """A resource with addresses in subnets; ``kind`` says in words what it is."""

    address: str
    title: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True)
class Endpoint:
    """A gateway endpoint: a service that route tables route to."""

    address: str
    service: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """A security group and the addresses of its members."""

    address: str
    description: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Network:
    """The network of a plan; all its parts are in the order of the plan."""

    cidrs: tuple[str, ...]
    subnets: tuple[Subnet, ...]
    gateways: tuple[Gateway, ...]
    members: tuple[Member, ...]
    endpoints: tuple[Endpoint, ...]
    groups: tuple[Group, ...]
    flows: tuple[Flow, ...]

    @property
    def zones(self) -> tuple[str, ...]:
        """The availability zones that have a subnet, sorted."""
        return tuple(sorted({subnet.zone for subnet in self.subnets}))

    @property
    def tiers(self) -> tuple[str, ...]:
        """The tiers, sorted by their routes: to the internet gateway, to NAT, and others."""
        rank: dict[Kind, int] = {"internet": 0, "nat": 1}
        best: dict[str, int] = {}
        for subnet in self.subnets:
            ranks = [rank.get(route.kind, 2) for route in subnet.routes]
            best[subnet.tier] = min([best.get(subnet.tier, 2), *ranks])
        return tuple(sorted(best, key=lambda tier: (best[tier], tier)))


def read_network(stack: Stack) -> Network:
    """Return the network of a plan from its graph."""
    members = tuple(_members(stack))
    return Network(
        cidrs=tuple(
            str(vpc.planned("cidr_block"))
            for vpc in (*stack.all("aws_vpc"), *stack.existing("aws_vpc"))
        ),
        subnets=(*_subnets(stack), *_existing_subnets(stack)),
        gateways=tuple(_gateways(stack)),
        members=members,
        endpoints=tuple(_endpoints(stack)),
        groups=tuple(
            Group(
                group.address,
                text(group.planned("description")),
                tuple(m.address for m in members if group.address in m.groups),
            )
            for type_ in GROUPS
            for group in (*stack.all(type_), *stack.existing(type_))
        ),
        flows=flows(stack),
    )


def _subnets(stack: Stack) -> Iterator[Subnet]:
    tables: dict[str, list[str]] = {}
    for association in stack.all("aws_route_table_association"):
        subnet = stack.one(association, "subnet_id", _SUBNET)
        table = stack.one(association, "route_table_id", "aws_route_table")
        if subnet and table:
            tables.setdefault(subnet.address, []).append(table.address)
    routes: dict[str, list[Route]] = {}
    for route in stack.all("aws_route"):
        if table := stack.one(route, "route_table_id", "aws_route_table"):
            routes.setdefault(table.address, []).append(_route(stack, route, ""))
    for table in stack.all("aws_route_table"):
        inline = table.planned("route") if table.writes("route") else None
        for number in range(len(inline) if isinstance(inline, list) else 0):
            routes.setdefault(table.address, []).append(_route(stack, table, f"route.{number}."))
    for subnet in stack.all(_SUBNET):
        mine = tables.get(subnet.address, [])
        table_address = mine[0] if len(mine) == 1 else ""
        yield Subnet(
            address=subnet.address,
            tier=subnet.name,
            zone=text(subnet.planned("availability_zone")) or "zone unknown",
            cidr=text(subnet.planned("cidr_block")),
            table=table_address,
            routes=tuple(routes.get(table_address, ())),
        )


def _existing_subnets(stack: Stack) -> Iterator[Subnet]:
    """Yield the subnets of a network that exists already, with the routes that the plan shows."""
    nat = {text(g.planned("id")): g.address for g in stack.existing("aws_nat_gateway")}
    for subnet in stack.existing(_SUBNET):
        tables = stack.existing("aws_route_table", subnet.name)
        (table,) = [each for each in tables if each.key == subnet.key] or [subnet]
        planned = table.planned("routes")
        routes = [Route(table.address, "routes", "", "")]
        if isinstance(planned, list):
            routes = [_existing_route(table.address, route, nat) for route in planned]
        yield Subnet(
            address=subnet.address,
            tier=subnet.name,
            zone=text(subnet.planned("availability_zone")) or "zone unknown",
            cidr=text(subnet.planned("cidr_block")) or text(subnet.planned("id")),
            table=table.address,
            routes=tuple(routes),
        )


def _existing_route(table: str, route: Mapping[str, str], nat: Mapping[str, str]) -> Route:
    destination = route.get("cidr_block") or route.get("ipv6_cidr_block") or ""
    if gateway := nat.get(route.get("nat_gateway_id", "")):
        return Route(table, destination, gateway, "nat")
    for argument, kind in _PEERED.items():
        if id_ := route.get(argument):
            return Route(table, destination, id_, kind)
    internet = route.get("gateway_id", "").startswith("igw-")
    return Route(table, destination, "", "internet" if internet else "")


def _route(stack: Stack, holder: Resource, path: str) -> Route:
    """Return a route resource, or the route at ``path`` in a table."""
    names = (
        "destination_cidr_block",
        "cidr_block",
        "destination_ipv6_cidr_block",
        "ipv6_cidr_block",
    )
    destination = next((cidr for name in names if (cidr := text(holder.planned(path + name)))), "")
    for argument, (type_, kind) in _GATEWAYS.items():
        if gateway := stack.one(holder, path + argument, type_):
            return Route(holder.address, destination, gateway.address, kind)
    for argument, kind in _PEERED.items():
        if id_ := text(holder.planned(path + argument)):
            return Route(holder.address, destination, id_, kind)
    return Route(holder.address, destination, "", "")


def _gateways(stack: Stack) -> Iterator[Gateway]:
    for gateway in stack.all("aws_internet_gateway"):
        yield Gateway(gateway.address, "internet")
    for gateway in stack.all("aws_nat_gateway"):
        subnet = stack.one(gateway, "subnet_id", _SUBNET)
        ip = stack.one(gateway, "allocation_id", "aws_eip")
        yield Gateway(
            gateway.address, "nat", subnet.address if subnet else "", ip.address if ip else ""
        )
    for gateway in stack.existing("aws_nat_gateway"):
        subnets = [
            s for s in stack.existing(_SUBNET) if s.planned("id") == gateway.planned("subnet_id")
        ]
        yield Gateway(gateway.address, "nat", subnets[0].address if subnets else "")


def _members(stack: Stack) -> Iterator[Member]:
    for type_, (subnets, groups) in _MEMBERS.items():
        for resource in stack.all(type_):
            if _is_gateway_endpoint(resource):
                continue
            resource_subnets = (
                stack.some(resource, subnets, _SUBNET)
                if subnets
                else _instance_subnets(stack, resource)
            )
            yield Member(
                resource.address,
                _title(resource),
                tuple(subnet.address for subnet in resource_subnets),
                tuple(group.address for group in stack.some(resource, groups, GROUPS[0])),
                _kind(resource),
            )


def _instance_subnets(stack: Stack, instance: Resource) -> tuple[Resource, ...]:
    """Return the subnets of a database instance; a replica is in those of its primary."""
    primary = stack.one(instance, "replicate_source_db", "aws_db_instance") or instance
    group = stack.one(primary, "db_subnet_group_name", "aws_db_subnet_group")
    return stack.some(group, "subnet_ids", _SUBNET) if group else ()


def _endpoints(stack: Stack) -> Iterator[Endpoint]:
    for endpoint in filter(_is_gateway_endpoint, stack.all("aws_vpc_endpoint")):
        tables = stack.some(endpoint, "route_table_ids", "aws_route_table")
        addresses = tuple(table.address for table in tables)
        yield Endpoint(endpoint.address, _service(endpoint), addresses)


def _kind(resource: Resource) -> str:
    if resource.type != "aws_db_instance":
        return _KINDS[resource.type]
    if resource.writes("replicate_source_db"):
        return "read replica"
    standby = resource.planned("multi_az") is True
    return "database with a standby" if standby else "database"


def _title(resource: Resource) -> str:
    if resource.type == "aws_vpc_endpoint":
        return _service(resource)
    names = ("identifier", "function_name", "name")
    return next(filter(None, (text(resource.planned(name)) for name in names)), resource.name)


def _service(endpoint: Resource) -> str:
    """Return the short name of a service: ``logs`` for ``com.amazonaws.eu-west-1.logs``."""
    name = text(endpoint.planned("service_name"))
    return re.sub(r"^com\.amazonaws\.[a-z0-9-]+\.", "", name) or endpoint.name


def _is_gateway_endpoint(resource: Resource) -> bool:
    return bool(resource.planned("vpc_endpoint_type") == "Gateway")


def outlet(network: Network, subnet: Subnet) -> str:
    """Return how traffic leaves a subnet, as text."""
    return ", ".join(outlets(network, subnet))


def outlets(network: Network, subnet: Subnet) -> tuple[str, ...]:
    """Return the targets of the routes of a subnet, with the zone if it is another one.

    The routes to a service through a gateway endpoint are among them; AWS adds them itself.
    """
    if not subnet.table:
        return ("no route table of its own",)
    targets = {"internet": "internet gateway", "nat": "NAT gateway", "": "unknown target", **PEERED}
    routes = []
    for route in subnet.routes:
        zone = other_zone(network, subnet, route)
        target = f"NAT in {zone}" if zone else targets[route.kind]
        routes.append(f"{route.destination or 'a list'} → {target}")
    routes += [
        f"{endpoint.service} → gateway endpoint"
        for endpoint in network.endpoints
        if subnet.table in endpoint.tables
    ]
    return tuple(routes) or ("no route out of the VPC",)


def peered(network: Network) -> dict[str, str]:
    """Return each range of another network, with the ways to it and the tiers that have them."""
    tiers: dict[str, dict[str, list[str]]] = {}
    for subnet in network.subnets:
        for route in subnet.routes:
            if route.kind in PEERED:
                way = f"{PEERED[route.kind]} {route.target}"
                found = tiers.setdefault(route.destination or "a list", {}).setdefault(way, [])
                found += [subnet.tier] * (subnet.tier not in found)
    return {
        end: "; ".join(f"from {' and '.join(names)}, by {way}" for way, names in ways.items())
        for end, ways in tiers.items()
    }


def other_zone(network: Network, subnet: Subnet, route: Route) -> str:
    """Return the zone of a route's gateway if the subnet is in another zone, or an empty string."""
    subnets = {gateway.address: gateway.subnet for gateway in network.gateways}
    zones = {subnet.address: subnet.zone for subnet in network.subnets}
    zone = zones.get(subnets.get(route.target, ""), subnet.zone)
    return zone if zone != subnet.zone else ""
