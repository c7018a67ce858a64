"""The network of a plan: zones, subnets, gateways, routes, and what lives there.

Only what the plan proves is in it. Where a reference cannot be followed to one resource, the
place is empty, and whoever draws says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from finbase.plan.flows import GROUPS, Flow, flows, text

if TYPE_CHECKING:
    from stack_graph import Resource, Stack

__all__ = [
    "Endpoint",
    "Gateway",
    "Group",
    "Kind",
    "Member",
    "Network",
    "Route",
    "Subnet",
    "outlet",
    "read_network",
]

Kind = Literal["internet", "nat", ""]

_SUBNET = "aws_subnet"
_GATEWAYS: Mapping[str, tuple[str, Kind]] = {
    "nat_gateway_id": ("aws_nat_gateway", "nat"),
    "gateway_id": ("aws_internet_gateway", "internet"),
}
_MEMBERS: Mapping[str, tuple[str, str]] = {
    "aws_db_instance": ("", "vpc_security_group_ids"),
    "aws_elasticache_serverless_cache": ("subnet_ids", "security_group_ids"),
    "aws_lambda_function": ("vpc_config.0.subnet_ids", "vpc_config.0.security_group_ids"),
    "aws_vpc_endpoint": ("subnet_ids", "security_group_ids"),
}
"""What lives in subnets: the arguments that say in which, and in which groups."""


@dataclass(frozen=True)
class Route:
    """A route of a table; ``target`` is the address of a gateway, empty where it is not proved."""

    address: str
    destination: str
    target: str
    kind: Kind


@dataclass(frozen=True)
class Subnet:
    """A subnet, and where its one route table leads. ``table`` is empty where it has not one."""

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
    """Something with an address in subnets: an instance, a cache, a function, an endpoint."""

    address: str
    title: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Endpoint:
    """A gateway endpoint: a service that route tables lead to."""

    address: str
    service: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """A security group and who is in it."""

    address: str
    description: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Network:
    """The network of a plan; zones, subnets and all else in the order of the plan."""

    cidrs: tuple[str, ...]
    subnets: tuple[Subnet, ...]
    gateways: tuple[Gateway, ...]
    members: tuple[Member, ...]
    endpoints: tuple[Endpoint, ...]
    groups: tuple[Group, ...]
    flows: tuple[Flow, ...]

    @property
    def zones(self) -> tuple[str, ...]:
        """Every availability zone that has a subnet."""
        return tuple(sorted({subnet.zone for subnet in self.subnets}))

    @property
    def tiers(self) -> tuple[str, ...]:
        """The tiers: those with a way to the internet gateway first, those without any last."""
        rank = {"internet": 0, "nat": 1, "": 2}
        best: dict[str, int] = {}
        for subnet in self.subnets:
            ranks = [rank[route.kind] for route in subnet.routes]
            best[subnet.tier] = min([best.get(subnet.tier, 2), *ranks])
        return tuple(sorted(best, key=lambda tier: (best[tier], tier)))


def read_network(stack: Stack) -> Network:
    """Read the network of a plan from its graph."""
    members = tuple(_members(stack))
    return Network(
        cidrs=tuple(str(vpc.planned("cidr_block")) for vpc in stack.all("aws_vpc")),
        subnets=tuple(_subnets(stack)),
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
            for group in stack.all(type_)
        ),
        flows=flows(stack),
    )


def _subnets(stack: Stack) -> Iterator[Subnet]:
    tables: dict[str, list[str]] = {}
    for each in stack.all("aws_route_table_association"):
        subnet = stack.one(each, "subnet_id", _SUBNET)
        table = stack.one(each, "route_table_id", "aws_route_table")
        if subnet and table:
            tables.setdefault(subnet.address, []).append(table.address)
    routes: dict[str, list[Route]] = {}
    for each in stack.all("aws_route"):
        if table := stack.one(each, "route_table_id", "aws_route_table"):
            routes.setdefault(table.address, []).append(_route(stack, each, ""))
    for table in stack.all("aws_route_table"):
        within = table.planned("route") if table.writes("route") else None
        for number in range(len(within) if isinstance(within, list) else 0):
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


def _route(stack: Stack, holder: Resource, way: str) -> Route:
    """Read a route resource, or the route at ``way`` within a table."""
    names = (
        "destination_cidr_block",
        "cidr_block",
        "destination_ipv6_cidr_block",
        "ipv6_cidr_block",
    )
    destination = next((found for name in names if (found := text(holder.planned(way + name)))), "")
    for argument, (type_, kind) in _GATEWAYS.items():
        if gateway := stack.one(holder, way + argument, type_):
            return Route(holder.address, destination, gateway.address, kind)
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


def _members(stack: Stack) -> Iterator[Member]:
    for type_, (subnets, groups) in _MEMBERS.items():
        for each in stack.all(type_):
            if _is_gateway_endpoint(each):
                continue
            lies = stack.some(each, subnets, _SUBNET) if subnets else _of_instance(stack, each)
            yield Member(
                each.address,
                _title(each),
                tuple(subnet.address for subnet in lies),
                tuple(group.address for group in stack.some(each, groups, GROUPS[0])),
            )


def _of_instance(stack: Stack, instance: Resource) -> tuple[Resource, ...]:
    """Return the subnets of a database instance; a replica is in those of its primary."""
    primary = stack.one(instance, "replicate_source_db", "aws_db_instance") or instance
    group = stack.one(primary, "db_subnet_group_name", "aws_db_subnet_group")
    return stack.some(group, "subnet_ids", _SUBNET) if group else ()


def _endpoints(stack: Stack) -> Iterator[Endpoint]:
    for each in filter(_is_gateway_endpoint, stack.all("aws_vpc_endpoint")):
        tables = stack.some(each, "route_table_ids", "aws_route_table")
        yield Endpoint(each.address, _service(each), tuple(table.address for table in tables))


def _title(resource: Resource) -> str:
    if resource.type == "aws_vpc_endpoint":
        return _service(resource)
    names = ("identifier", "function_name", "name")
    known = (found for name in names if (found := text(resource.planned(name))))
    return next(known, resource.name)


def _service(endpoint: Resource) -> str:
    """Shorten ``com.amazonaws.eu-west-1.logs`` to ``logs``."""
    name = text(endpoint.planned("service_name"))
    return re.sub(r"^com\.amazonaws\.[a-z0-9-]+\.", "", name) or endpoint.name


def _is_gateway_endpoint(resource: Resource) -> bool:
    return bool(resource.planned("vpc_endpoint_type") == "Gateway")


def outlet(network: Network, subnet: Subnet) -> str:
    """Say where the routes of a subnet lead; a zone is named where it is another one."""
    words = {"internet": "internet gateway", "nat": "NAT gateway", "": "an untold target"}
    routes = [
        f"{route.destination or 'a list'} → "
        + (f"NAT in {zone}" if (zone := _astray(network, subnet, route)) else words[route.kind])
        for route in subnet.routes
    ]
    if not subnet.table:
        return "no route table of its own"
    return ", ".join(routes) or "no route out of the VPC"


def _astray(network: Network, subnet: Subnet, route: Route) -> str:
    """Name the zone that a route leads to, where it is not the one of the subnet."""
    homes = {gateway.address: gateway.subnet for gateway in network.gateways}
    zones = {each.address: each.zone for each in network.subnets}
    zone = zones.get(homes.get(route.target, ""), subnet.zone)
    return zone if zone != subnet.zone else ""
