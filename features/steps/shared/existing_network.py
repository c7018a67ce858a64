"""Judge a network that exists already, as the data sources of ``existing_network`` read it.

A plan without an account reads nothing. Each finding about what was not read is ``hidden``: it says
neither that the network is right nor that it is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from findings import Finding
from kinds import ISOLATED, PRIVATE, PUBLIC, central_egress, listed, zone
from networks import network, reaches_internet
from stack_graph import UNKNOWN, Resource, Stack

_ANYWHERE = "0.0.0.0/0"
_RANGES = ("cidr_block", "ipv6_cidr_block")
_ADDRESSES = (
    "map_public_ip_on_launch",
    "map_customer_owned_ip_on_launch",
    "assign_ipv6_address_on_creation",
)
_EXITS = (
    "nat_gateway_id",
    "egress_only_gateway_id",
    "carrier_gateway_id",
    "network_interface_id",
    "instance_id",
)
_INSIDE = ("local", "vgw-", "vpce-")
"""What the ids of gateways start with that do not lead to the internet."""

Route = Mapping[str, Any]


class Place(NamedTuple):
    """A subnet, its route table, and the public subnet and the NAT gateway of its zone."""

    zone: str
    subnet: Resource
    table: Resource
    public: Resource
    gateway: Resource


def places(stack: Stack, tier: str) -> Iterator[Place]:
    """Yield each subnet of a tier with what the data sources of the same key describe."""
    for subnet in stack.existing("aws_subnet", tier):
        others = [
            next((r for r in stack.existing(type_, name) if r.key == subnet.key), subnet)
            for type_, name in (
                ("aws_route_table", tier),
                ("aws_subnet", PUBLIC),
                ("aws_nat_gateway", "main"),
            )
        ]
        yield Place(zone(subnet), subnet, *others)


def gateways(stack: Stack) -> Iterator[Finding]:
    """Require that the public subnet of each zone has a public NAT gateway."""
    for place in () if central_egress(stack)[0] else places(stack, PRIVATE):
        gateway, subnet = place.gateway, place.public
        if _unread(gateway):
            yield _hidden(f"{place.zone}: the NAT gateway in {_id(subnet)}")
            continue
        text = f"{place.zone}: {gateway.address} ({_id(gateway)}) in {_id(subnet)}"
        elsewhere = gateway.planned("subnet_id") != subnet.planned("id")
        wrong = "is in another subnet" if elsewhere else ""
        if gateway.planned("connectivity_type") == "private":
            wrong = "is a private gateway, which leads to no internet"
        yield Finding(not wrong, f"{text} {wrong}".rstrip())


def elastic_ips(stack: Stack) -> Iterator[Finding]:
    """Require an elastic IP for each NAT gateway, and no other one for two of them."""
    used: set[str] = set()
    for gateway in stack.existing("aws_nat_gateway"):
        if _unread(gateway):
            yield _hidden(f"{gateway.key}: the elastic IP of its NAT gateway")
            continue
        ip = gateway.planned("allocation_id")
        fine = isinstance(ip, str) and ip not in used
        used.add(str(ip))
        fix = "" if fine else "; each gateway must have one of its own"
        yield Finding(fine, f"{gateway.address}: {ip or 'no elastic IP'}{fix}")


def private_paths(stack: Stack) -> Iterator[Finding]:
    """Require one default route and no other to the internet.

    It leads to the NAT gateway of the zone, or to the transit gateway that the network declares.
    """
    central, _ = central_egress(stack)
    for place in places(stack, PRIVATE):
        if _unread(place.table):
            yield _hidden(f"{place.zone}: the routes of {_id(place.subnet)}")
            continue
        gateway = central or str(place.gateway.planned("id"))
        if other := _of_another(place):
            yield Finding(False, other)
        default = [r for r in _routes(place.table) if r.get("cidr_block") == _ANYWHERE]
        targets = listed(_target(route) for route in default) or "nowhere"
        text = f"{_path(place)} → {targets}"
        fine = [_way_out(route) for route in default] == [gateway]
        of_zone = "" if central else f" of {place.zone}"
        fix = "" if fine else f"; its only default route must lead to {gateway}{of_zone}"
        yield Finding(fine, f"{text}{fix}")
        for route in _routes(place.table):
            if route not in default and _leaves(route, gateway):
                yield Finding(
                    False, f"{_path(place)} → {_target(route)}: another route to the internet"
                )


def tables_of_zones(stack: Stack) -> Iterator[Finding]:
    """Refuse a route table that private subnets of two zones share, but for a transit gateway."""
    central, _ = central_egress(stack)
    zones: dict[str, list[str]] = {}
    for place in places(stack, PRIVATE):
        if _unread(place.table):
            yield _hidden(f"{place.zone}: the route table of {_id(place.subnet)}")
        else:
            zones.setdefault(_id(place.table), []).append(place.zone)
    for table, users in zones.items():
        fix = "" if central or len(users) == 1 else "; each zone must have a table of its own"
        yield Finding(not fix, f"{table}: private subnets of {listed(users)}{fix}")


def public_paths(stack: Stack) -> Iterator[Finding]:
    """Require one default route of each public subnet, to an internet gateway."""
    for place in places(stack, PUBLIC):
        if _unread(place.table):
            yield _hidden(f"{place.zone}: the routes of {_id(place.subnet)}")
            continue
        if other := _of_another(place):
            yield Finding(False, other)
        default = [r for r in _routes(place.table) if r.get("cidr_block") == _ANYWHERE]
        targets = [_target(route) for route in default]
        fine = len(targets) == 1 and targets[0].startswith("igw-")
        fix = "" if fine else "; its only default route must lead to an internet gateway"
        yield Finding(fine, f"{_path(place)} → {listed(targets) or 'nowhere'}{fix}")


def no_way_out(stack: Stack) -> Iterator[Finding]:
    """Refuse every route of a database subnet that leads to the internet."""
    for place in places(stack, ISOLATED):
        if _unread(place.table):
            yield _hidden(f"{place.zone}: the routes of {_id(place.subnet)}")
            continue
        if other := _of_another(place):
            yield Finding(False, other)
        wrong = [_target(route) for route in _routes(place.table) if _is_exit(route)]
        text = f"a route to {listed(wrong)}; remove it" if wrong else "no route to the internet"
        yield Finding(not wrong, f"{_path(place)}: {text}")


def no_public_addresses(stack: Stack) -> Iterator[Finding]:
    """Refuse public addresses for what starts in a private or a database subnet."""
    for subnet in (s for tier in (PRIVATE, ISOLATED) for s in stack.existing("aws_subnet", tier)):
        if subnet.planned("state") is UNKNOWN:
            yield _hidden(f"{zone(subnet)}: whether {_id(subnet)} assigns public addresses")
            continue
        wrong = [name for name in _ADDRESSES if subnet.planned(name) not in (None, False)]
        text = f"{listed(wrong)} must be false" if wrong else "no public addresses"
        yield Finding(not wrong, f"{zone(subnet)}: {_id(subnet)}: {text}")


def _hidden(text: str) -> Finding:
    return Finding(False, text, hidden=True)


def _unread(resource: Resource) -> bool:
    """Return whether nothing was read; also for a module that lacks the data source of this key."""
    return resource.type == "aws_subnet" or resource.planned("id") is UNKNOWN


def _id(resource: Resource) -> str:
    return str(resource.planned("id"))


def _path(place: Place) -> str:
    return f"{place.zone}: {_id(place.subnet)} → {_id(place.table)}"


def _of_another(place: Place) -> str:
    """Say that the table which was read is that of another subnet, or return an empty text."""
    of = place.table.planned("subnet_id")
    same = of == place.subnet.planned("id")
    return "" if same else f"{_path(place)} is the route table of {of}, not of this subnet"


def _routes(table: Resource) -> list[Route]:
    return [route for route in table.planned("routes") or () if isinstance(route, Mapping)]


def _target(route: Route) -> str:
    """Return the id of what a route leads to."""
    ids = (value for name, value in route.items() if name.endswith(("_id", "_arn")) and value)
    return next((str(v) for v in ids if not str(v).startswith("pl-")), "an unknown target")


def _way_out(route: Route) -> str:
    """Return the NAT gateway or the transit gateway that a route leads to, or an empty text."""
    return str(route.get("nat_gateway_id") or route.get("transit_gateway_id") or "")


def _leaves(route: Route, gateway: str) -> bool:
    """Return whether a route takes a part of the internet past the gateway that it must use."""
    if str(route.get("gateway_id")).startswith("igw-"):
        return True
    ranges = [found for name in _RANGES if (found := network(route.get(name)))]
    wide = any(found.prefixlen <= (1 if found.version == 4 else 3) for found in ranges)
    past = _way_out(route) != gateway and not route.get("egress_only_gateway_id")
    return wide and past


def _is_exit(route: Route) -> bool:
    if any(route.get(name) for name in _EXITS):
        return True
    if gateway := route.get("gateway_id"):
        return not str(gateway).startswith(_INSIDE)
    return any(reaches_internet(route[name]) for name in _RANGES if route.get(name))
