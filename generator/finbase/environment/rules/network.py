"""Rules about availability zones and subnets, of a new network or of one that exists already."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Network
from itertools import chain
from typing import Any, Final

from finbase.environment.model import Environment
from finbase.environment.rules import examples
from finbase.environment.rules.inputs import entries, texts, values
from finbase.environment.rules.ranges import (
    Subnet,
    client_ranges,
    interface_of,
    route_ranges,
    subnet_ranges,
    subnets_of,
    vpc_ranges,
    vpcs_of,
    zones_of,
)
from finbase.environment.rules.rule import AWS, RDS, Finding, Findings, note, rule
from finbase.source.document import Where

_ZONE_ELSEWHERE = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+-.+")
_DOCKER: Final = IPv4Network("172.17.0.0/16")
_SMALLEST: Final = 26
_RESERVED: Final = 5
"""The addresses of each subnet that AWS keeps for itself."""
_MOST_TRIED: Final = 256
"""Subnets, when a free range is looked for."""
_RANGES = f"{AWS}vpc/latest/userguide/vpc-cidr-blocks.html"
_SUBNETS = f"{AWS}vpc/latest/userguide/subnet-sizing.html"


@rule(
    "FB201",
    "zone outside the region",
    "region",
    "network.zones",
    "existing_network.zones",
    why="AWS rejects the subnet at apply, when the VPC already exists. Local and Wavelength Zones "
    "support neither Multi-AZ databases nor NAT gateways nor caches.",
    source=f"{AWS}AWSEC2/latest/UserGuide/using-regions-availability-zones.html",
    accepted={"network.zones": examples.zones("eu-west-1a", "eu-west-1f")},
    refused={"network.zones": examples.zones("eu-west-1a", "eu-west-2a")},
)
def zone_in_region(environment: Environment) -> Findings:
    """The name of a zone must be the region and one letter, such as `eu-west-1a`."""
    region = environment.region
    for where, zone, _ in zones_of(environment) if region else ():
        if _is_in(zone, region):
            continue
        message = f"{zone} is not an availability zone of {region}"
        if _ZONE_ELSEWHERE.fullmatch(zone):
            message = f"{zone} is a Local or Wavelength Zone, which does not support the stack"
        hint = f"use zones such as {region}a and {region}b"
        if intended := _intended_region(environment):
            hint = f"did you mean the region {intended}?"
        yield Finding(where, message, hint, key=True)


@rule(
    "FB202",
    "fewer than two zones",
    "network.zones",
    "existing_network.zones",
    why="RDS rejects a subnet group in a single zone, and an outage of that zone would take the "
    "whole stack down.",
    source=f"{RDS}USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    accepted={"network.zones": examples.zones("eu-west-1a", "eu-west-1b")},
    refused={"network.zones": examples.zones("eu-west-1a")},
)
def two_zones(environment: Environment) -> Findings:
    """A stack must use at least two availability zones."""
    for where, zones in values(environment, dict, "network.zones", "existing_network.zones"):
        if len(zones) < 2:
            message = f"a stack requires at least 2 zones, not {len(zones)}"
            yield Finding(where, message, "add a zone of the same region", key=True)


@rule(
    "FB203",
    "address instead of a range",
    "network.cidr",
    "network.zones",
    "network.routes",
    "existing_network.cidr",
    "access.internet_cidrs",
    "access.clients",
    why="For a VPC, AWS silently replaces the address with the start of its range; for a subnet it "
    "rejects the address. In both cases the file does not say what is created.",
    source=_RANGES,
    accepted={"network.zones.eu-west-1a.private_cidr": "10.20.16.0/20"},
    refused={"network.zones.eu-west-1a.private_cidr": "10.20.16.1/20"},
)
def no_host_bits(environment: Environment) -> Findings:
    """A CIDR range must start at the first address of its network, such as 10.20.0.0/16."""
    sources = (
        vpc_ranges(environment),
        subnet_ranges(environment),
        route_ranges(environment),
        texts(environment, "access.internet_cidrs"),
        client_ranges(environment),
    )
    for where, *_, text in chain[tuple[Any, ...]](*sources):
        if fault := _fault(text):
            yield Finding(where, *fault)


@lru_cache(maxsize=1024)
def _fault(text: str) -> tuple[str, str] | None:
    """Return what is wrong with a range, and how to fix it, or None."""
    interface = interface_of(text)
    if interface is None:
        hint = "write an IPv4 range such as 10.20.0.0/16"
        return f"{text} is not an IPv4 range in CIDR notation", hint
    if interface.ip != interface.network.network_address:
        message = f"{text} is an address inside {interface.network}, not a range"
        return message, f"write {interface.network}"
    if text != str(interface):
        return f"{text} has a prefix length that Terraform does not read", f"write {interface}"
    return None


@rule(
    "FB204",
    "subnet outside the VPC",
    "network.cidr",
    "network.zones",
    why="AWS rejects the subnet at apply (InvalidSubnet.Range); a plan accepts it.",
    source=_SUBNETS,
    accepted={"network.zones.eu-west-1a.public_cidr": "10.20.255.0/24"},
    refused={"network.zones.eu-west-1a.public_cidr": "10.21.0.0/24"},
)
def subnet_in_vpc(environment: Environment) -> Findings:
    """Every subnet must be inside the range of the VPC."""
    suggested: list[IPv4Network] = []
    for _, vpc in vpcs_of(environment):
        for subnet in subnets_of(environment):
            if not subnet.network.subnet_of(vpc):
                message = f"{subnet.network} is outside the VPC's range {vpc}"
                hint = f"use a range inside {vpc}{_suggestion(environment, subnet, suggested)}"
                yield Finding(subnet.where, message, hint)


@rule(
    "FB205",
    "two subnets overlap",
    "network.zones",
    why="AWS rejects the second subnet at apply (InvalidSubnet.Conflict); a plan accepts it.",
    source=_SUBNETS,
    accepted={"network.zones.eu-west-1a.public_cidr": "10.20.0.0/24"},
    refused={"network.zones.eu-west-1a.public_cidr": "10.20.0.0/23"},
)
def subnets_apart(environment: Environment) -> Findings:
    """Subnets must not overlap."""
    # Two CIDR ranges are either disjoint or one contains the other. Sorted by first address, the
    # larger range first, a range can overlap only the ranges on this stack, which contain it.
    position = environment.document.position
    around: list[Subnet] = []
    suggested: list[IPv4Network] = []
    for subnet in sorted(subnets_of(environment), key=lambda s: s.network):
        while around and not subnet.network.subnet_of(around[-1].network):
            around.pop()
        if around:
            first, second = sorted((around[-1], subnet), key=lambda s: position(s.where))
            line, column = position(first.where)
            message = f"{second.network} overlaps {first.network} ({first.name}, {line}:{column})"
            free = _suggestion(environment, second, suggested)
            yield Finding(second.where, message, f"use a range that no other subnet uses{free}")
        around.append(subnet)


@rule(
    "FB206",
    "the VPC uses Docker's address range",
    "network.cidr",
    why="Docker uses 172.17.0.0/16 for its own network. Hosts that run Docker, AWS Cloud9 among "
    "them, cannot reach addresses of the VPC in this range.",
    source=_RANGES,
    accepted=examples.network("172.18"),
    refused=examples.network("172.17"),
)
def not_docker(environment: Environment) -> Findings:
    """The VPC must not overlap 172.17.0.0/16."""
    for where, vpc in vpcs_of(environment):
        if where[1] == "network" and vpc.overlaps(_DOCKER):
            message = f"{vpc} overlaps {_DOCKER}, the address range of Docker"
            yield Finding(where, message, "use another private range, such as 10.20.0.0/16")


@rule(
    "FB207",
    "subnet too small",
    "network.zones",
    why="AWS reserves five addresses of each subnet. Functions, endpoints, standbys, replicas and "
    "the cache use more addresses as they grow and fail over, and a subnet cannot be enlarged.",
    source=_SUBNETS,
    accepted={"network.zones.eu-west-1a.database_cidr": "10.20.8.0/26"},
    refused={"network.zones.eu-west-1a.database_cidr": "10.20.8.0/27"},
)
def room_in_subnet(environment: Environment) -> Findings:
    """Private and database subnets must be /26 or larger."""
    for subnet in subnets_of(environment):
        if not subnet.public and subnet.network.prefixlen > _SMALLEST:
            usable = subnet.network.num_addresses - _RESERVED
            message = f"{subnet.network} is too small: it has {usable} usable addresses"
            yield Finding(subnet.where, message, f"use a range of /{_SMALLEST} or larger")


@rule(
    "FB219",
    "subnet listed twice",
    "existing_network.zones",
    why="A subnet is in one zone and has one route table. One that is private and for the database "
    "at once would open the database to the internet.",
    source=f"{AWS}vpc/latest/userguide/configure-subnets.html",
    accepted={"existing_network.zones": examples.existing_zones("eu-west-1a", "eu-west-1b")},
    refused={"existing_network.zones": examples.existing_zones("eu-west-1a", "eu-west-1b", same=1)},
)
def each_subnet_once(environment: Environment) -> Findings:
    """The zones of an existing network must name each subnet once."""
    first: dict[str, Where] = {}
    for zone, _, subnets in entries(environment, "existing_network.zones"):
        for tier, subnet in subnets.items() if isinstance(subnets, dict) else ():
            where = (*zone, tier)
            if isinstance(subnet, str) and (other := first.setdefault(subnet, where)) != where:
                message = f"{subnet} is already {other[-2]}.{other[-1]}"
                yield Finding(where, message, "write the id of another subnet")


@rule(
    "FB236",
    "zone with two ways to the internet, or none",
    "existing_network.zones",
    "existing_network.central_egress",
    why="Private subnets reach the internet through the NAT gateway of the zone, which is in the "
    "public subnet, or through a transit gateway. With two ways, nobody sees where traffic leaves.",
    source=f"{AWS}vpc/latest/tgw/transit-gateway-nat-igw.html",
    accepted=examples.central_egress(),
    refused=examples.central_egress(public=True),
)
def one_way_out(environment: Environment) -> Findings:
    """Each zone must have a public subnet, or none with `central_egress`."""
    use = environment.module("existing_network")
    if use is None or not use.declares("central_egress"):
        return
    leaving = {where[:-1] for where, _ in values(environment, dict, f"{use.name}.central_egress")}
    for where, zone, subnets in entries(environment, "existing_network.zones"):
        central = where[:-2] in leaving
        public = isinstance(subnets, dict) and "public_subnet_id" in subnets
        if public and central:
            message = f"{zone} has a public subnet, but traffic leaves by `central_egress`"
            hint = "remove public_subnet_id from each zone, or remove `central_egress`"
            yield Finding((*where, "public_subnet_id"), message, hint, key=True)
        elif not (public or central):
            message = f"{zone} has no public subnet, and so no NAT gateway"
            hint = "add public_subnet_id, or `central_egress` if traffic leaves elsewhere"
            yield Finding(where, message, hint, key=True)


@note(
    "FB321",
    "Docker's address range in a network that exists",
    "existing_network.cidr",
    "network.routes",
    why="Docker uses 172.17.0.0/16 for its own network. Hosts that run Docker cannot reach "
    "addresses of a VPC or of a peered network in this range.",
    source=_RANGES,
    accepted={"existing_network.cidr": "172.18.0.0/16"},
    refused={"existing_network.cidr": "172.17.0.0/16"},
)
def docker_elsewhere(environment: Environment) -> Findings:
    """A VPC that exists, and the range of a route, should not be in 172.17.0.0/16."""
    existing = ((where, str(vpc)) for where, vpc in vpcs_of(environment) if where[1] != "network")
    routes = ((where, text) for where, _, text in route_ranges(environment))
    for where, text in chain(existing, routes):
        if (found := interface_of(text)) and found.network.subnet_of(_DOCKER):
            message = f"{text} is in {_DOCKER}, the address range of Docker"
            hint = "set another range for Docker (`bip`) on hosts that must reach them"
            yield Finding(where, message, hint)


@note(
    "FB322",
    "range of the internet that is in the VPC",
    "access.internet_cidrs",
    why="The ranges are for the internet: the application group may send HTTPS to them. In the VPC "
    "they open every address on port 443, beside the flows that the design lists.",
    source=f"{AWS}vpc/latest/userguide/security-group-rules.html",
    accepted={"access.internet_cidrs": ["198.51.100.0/24"]},
    refused={"access.internet_cidrs": ["10.20.16.0/20"]},
)
def internet_outside(environment: Environment) -> Findings:
    """The ranges of the internet should not be in the VPC."""
    for where, text in texts(environment, "access.internet_cidrs"):
        found = interface_of(text)
        for _, vpc in vpcs_of(environment):
            if found and found.network.subnet_of(vpc):
                message = f"{text} is in {vpc}, the range of the VPC"
                yield Finding(where, message, "remove it, unless applications serve HTTPS there")


def _intended_region(environment: Environment) -> str | None:
    """Return the known region that contains all zones, if the file's own region is unknown."""
    known = environment.catalogue.regions()
    if environment.region in known:
        return None
    zones = [zone for _, zone, _ in zones_of(environment)]
    return next((region for region in known if all(_is_in(zone, region) for zone in zones)), None)


def _is_in(zone: str, region: str) -> bool:
    """Return whether a zone is a regular availability zone of the region.

    >>> _is_in("eu-west-1a", "eu-west-1"), _is_in("us-west-2-lax-1a", "us-west-2")
    (True, False)
    """
    return re.fullmatch(f"{re.escape(region)}[a-z]", zone) is not None


def _suggestion(environment: Environment, subnet: Subnet, suggested: list[IPv4Network]) -> str:
    """Return a free range of the same size for a hint, and add it to those ``suggested`` before.

    The first part of the VPC that overlaps no range of the file; empty if there is none.
    """
    taken = [other.network for other in subnets_of(environment)] + suggested
    if len(taken) > _MOST_TRIED or len(suggested) > 8:  # A hint is not worth seconds.
        return ""
    size = subnet.network.num_addresses
    for _, vpc in vpcs_of(environment):
        start, end = int(vpc.network_address), int(vpc.broadcast_address) + 1
        while start + size <= end:
            free = IPv4Network((start, subnet.network.prefixlen))
            if taking := next(filter(free.overlaps, taken), None):
                # The first address of such a range behind the taken one.
                start = -(-(int(taking.broadcast_address) + 1) // size) * size
                continue
            suggested.append(free)
            return f", such as {free}"
    return ""
