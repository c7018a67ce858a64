"""Judge a network that exists already, as the data sources of ``existing_network`` read it.

A plan without an account reads nothing. Each finding about what was not read is ``hidden``: it says
neither that the network is right nor that it is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from findings import Finding
from internet import EGRESS_ONLY, Route, destination, hides_destination, leaving, past, target
from kinds import ISOLATED, PRIVATE, PUBLIC, central_egress, listed, zone
from stack_graph import UNKNOWN, Resource, Stack, shown

_ANYWHERE = "0.0.0.0/0"
_ADDRESSES = (
    "map_public_ip_on_launch",
    "map_customer_owned_ip_on_launch",
    "assign_ipv6_address_on_creation",
)


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
        default = _default(place.table)
        targets = listed(target(stack, *route) for route in default) or "nowhere"
        text = f"{_path(place)} → {targets}"
        fine = [_gateway(*route) for route in default] == [gateway]
        of_zone = "" if central else f" of {place.zone}"
        fix = "" if fine else f"; its only default route must lead to {gateway}{of_zone}"
        yield Finding(fine, f"{text}{fix}")
        yield from _past(stack, place, gateway, *([EGRESS_ONLY] * (not central)))


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
        targets = [target(stack, *route) for route in _default(place.table)]
        fine = len(targets) == 1 and targets[0].startswith("igw-")
        fix = "" if fine else "; its only default route must lead to an internet gateway"
        yield Finding(fine, f"{_path(place)} → {listed(targets) or 'nowhere'}{fix}")
        yield from _past(stack, place, *targets[:1], EGRESS_ONLY)


def no_way_out(stack: Stack) -> Iterator[Finding]:
    """Refuse every route of a database subnet that leads to the internet."""
    for place in places(stack, ISOLATED):
        if _unread(place.table):
            yield _hidden(f"{place.zone}: the routes of {_id(place.subnet)}")
            continue
        if other := _of_another(place):
            yield Finding(False, other)
        ways = [(way, route) for route in _routes(place.table) if (way := leaving(stack, *route))]
        wrong = [way for way, route in ways if not hides_destination(stack, *route)]
        text = f"a route to {listed(wrong)}; remove it" if wrong else "no route to the internet"
        if wrong or not ways:
            yield Finding(not wrong, f"{_path(place)}: {text}")
        yield from (_unread_list(place, *route) for way, route in ways if way not in wrong)
        yield from _propagated(stack, place)


def _propagated(stack: Stack, place: Place) -> Iterator[Finding]:
    """Refuse routes that a VPN gateway propagates; before 2.1.0 of the module, none are read."""
    read = [tables for tables in stack.existing("aws_route_tables") if not _unread(tables)]
    vpc = place.subnet.planned("vpc_id")
    of_vpc = [tables for tables in read if isinstance(vpc, str) and tables.planned("vpc_id") == vpc]
    if not read:
        yield _hidden(f"{_path(place)}: propagated routes; `existing_network` 2.1.0 reads them")
    elif not of_vpc:
        text = "propagated routes were read of another VPC"
        yield Finding(False, f"{_path(place)}: {text}; read those of {shown(vpc)}")
    elif any(_id(place.table) in (tables.planned("ids") or ()) for tables in of_vpc):
        text = "a VPN gateway propagates routes to it, which no plan shows"
        yield Finding(False, f"{_path(place)}: {text}; end that, and write the routes by hand")


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
    """Return the routes of a table that the provider reads; it reads no propagated ones."""
    return [(table, f"routes.{number}.") for number in range(len(table.planned("routes") or ()))]


def _default(table: Resource) -> list[Route]:
    return [(t, path) for t, path in _routes(table) if t.planned(f"{path}cidr_block") == _ANYWHERE]


def _gateway(route: Resource, path: str) -> str:
    """Return the NAT gateway or the transit gateway that a route leads to, or an empty text."""
    names = ("nat_gateway_id", "transit_gateway_id")
    return next((str(id_) for name in names if (id_ := route.planned(path + name))), "")


def _past(stack: Stack, place: Place, *through: str) -> Iterator[Finding]:
    """Refuse the routes of a subnet that lead to the internet, but not ``through`` its gateway."""

    def allowed(route: Resource, path: str) -> bool:
        only = route.planned(path + EGRESS_ONLY) is not None
        return target(stack, route, path) in through or (only and EGRESS_ONLY in through)

    routes = [route for route in _routes(place.table) if route not in _default(place.table)]
    for table, path in past(stack, routes, allowed):
        if hides_destination(stack, table, path):
            yield _unread_list(place, table, path)
        else:
            way = f"{destination(stack, table, path)} → {target(stack, table, path)}"
            yield Finding(False, f"{_path(place)}: {way}: another route to the internet")


def _unread_list(place: Place, table: Resource, path: str) -> Finding:
    """Say which prefix list hides where a route leads; a known id is all else that it can have."""
    id_ = table.planned(f"{path}destination_prefix_list_id")
    fix = f"`prefix_list_ids` of `existing_network` must have {id_}"
    return _hidden(f"{_path(place)}: the entries of {id_}; {fix}")
