"""Zones and address ranges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from typing import Any, Final

from finbase.environment.model import Environment
from finbase.environment.rules.examples import network, zones
from finbase.environment.rules.rule import Finding, Rule, rule
from finbase.source.document import Where

__all__ = ["RULES"]

_TIERS: Final = ("public_cidr", "private_cidr", "database_cidr")
_CIDR = re.compile(r"[0-9.]+/[0-9]+")
_ZONE_ELSEWHERE = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+-.+")
_DOCKER: Final = IPv4Network("172.17.0.0/16")
_SMALLEST: Final = 26
_RANGES = "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"
_SUBNETS = "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"
_ZONES = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html"


@rule(
    "FB201",
    "a zone lies outside the region",
    "region",
    "network.zones",
    why="AWS refuses the subnet at apply, after the VPC has been made. Local and Wavelength "
    "Zones have no Multi-AZ database, NAT gateway or cache.",
    source=_ZONES,
    accepted={"network.zones": zones("eu-west-1a", "eu-west-1f")},
    refused={"network.zones": zones("eu-west-1a", "eu-west-2a")},
)
def zone_in_region(environment: Environment) -> Iterator[Finding]:
    """A zone's name is its region's and one letter."""
    region = environment.region
    for where, zone, _ in _zones(environment) if region else ():
        if _lies_in(zone, region):
            continue
        meant = _meant(environment)
        if _ZONE_ELSEWHERE.fullmatch(zone):
            what = f"{zone} is a Local or Wavelength Zone, which cannot hold the stack"
        else:
            what = f"{zone} is no availability zone of {region}"
        hint = f"did you mean the region {meant}?" if meant else f"write {region}a, {region}b, …"
        yield Finding(where, what, hint, key=True)


@rule(
    "FB202",
    "fewer than two zones",
    "network.zones",
    why="RDS refuses a subnet group that lies in one zone, and the loss of the zone would be "
    "the loss of the stack.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
    "USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    accepted={"network.zones": zones("eu-west-1a", "eu-west-1b")},
    refused={"network.zones": zones("eu-west-1a")},
)
def two_zones(environment: Environment) -> Iterator[Finding]:
    """A stack lies in two zones or more."""
    for use, instance in environment.instances("network"):
        given = use.value(instance, "zones")
        if isinstance(given, dict) and len(given) < 2:
            where = use.where(instance, "zones")
            yield Finding(where, "a stack needs at least two zones", "add a zone", key=True)


@rule(
    "FB203",
    "a range with host bits",
    "network.cidr",
    "network.zones",
    "access.internet_cidrs",
    why="AWS silently takes the network that the address lies in for a VPC, and refuses it for a "
    "subnet; either way the file does not say what is built.",
    source=_RANGES,
    accepted={"network.zones.eu-west-1a.private_cidr": "10.20.16.0/20"},
    refused={"network.zones.eu-west-1a.private_cidr": "10.20.16.1/20"},
)
def no_host_bits(environment: Environment) -> Iterator[Finding]:
    """A range begins at its network's first address."""
    subnets = ((where, text) for where, _, text in _subnet_ranges(environment))
    for where, text in (*_vpc_ranges(environment), *subnets, *_outside(environment)):
        interface = _interface(text)
        if interface is None:
            hint = "write an IPv4 range such as 10.20.0.0/16"
            yield Finding(where, f"{text} is not an IPv4 range", hint)
        elif interface.ip != interface.network.network_address:
            what = f"{text} is an address within a range, not a range"
            yield Finding(where, what, f"did you mean {interface.network}?")


@rule(
    "FB204",
    "a subnet lies outside the VPC",
    "network.cidr",
    "network.zones",
    why="AWS refuses the subnet at apply (InvalidSubnet.Range); a plan accepts it.",
    source=_SUBNETS,
    accepted={"network.zones.eu-west-1a.public_cidr": "10.20.255.0/24"},
    refused={"network.zones.eu-west-1a.public_cidr": "10.21.0.0/24"},
)
def subnet_in_vpc(environment: Environment) -> Iterator[Finding]:
    """Every subnet lies within the range of the VPC."""
    for _, vpc in _vpcs(environment):
        for subnet in _subnets(environment):
            if not subnet.network.subnet_of(vpc):
                what = f"{subnet.network} does not lie within the VPC's {vpc}"
                yield Finding(subnet.where, what, f"take a range within {vpc}")


@rule(
    "FB205",
    "two subnets overlap",
    "network.zones",
    why="AWS refuses the second subnet at apply (InvalidSubnet.Conflict); a plan accepts it.",
    source=_SUBNETS,
    accepted={"network.zones.eu-west-1a.public_cidr": "10.20.0.0/24"},
    refused={"network.zones.eu-west-1a.public_cidr": "10.20.0.0/23"},
)
def subnets_apart(environment: Environment) -> Iterator[Finding]:
    """No two subnets share an address."""
    # Two ranges are apart or one holds the other. So in the order of their first address, the
    # larger first, a range can only overlap one that is still open.
    place = environment.document.position
    around: list[_Subnet] = []
    for subnet in sorted(_subnets(environment), key=lambda s: s.network):
        while around and not subnet.network.subnet_of(around[-1].network):
            around.pop()
        if around:
            first, second = sorted((around[-1], subnet), key=lambda s: place(s.where))
            line, column = place(first.where)
            what = f"{second.network} overlaps {first.network} of {first.name}, at {line}:{column}"
            yield Finding(second.where, what, "give each subnet addresses of its own")
        around.append(subnet)


@rule(
    "FB206",
    "the VPC takes the range of Docker",
    "network.cidr",
    why="Services such as AWS Cloud9 and any host that runs Docker use 172.17.0.0/16 for "
    "themselves and cannot reach an address of the VPC in it.",
    source=_RANGES,
    accepted=network("172.18"),
    refused=network("172.17"),
)
def not_docker(environment: Environment) -> Iterator[Finding]:
    """The VPC keeps clear of 172.17.0.0/16."""
    for where, vpc in _vpcs(environment):
        if vpc.overlaps(_DOCKER):
            what = f"{vpc} overlaps {_DOCKER}, which Docker uses"
            yield Finding(where, what, "take another private range, such as 10.20.0.0/16")


@rule(
    "FB207",
    "a subnet is too small for its tier",
    "network.zones",
    why="AWS keeps five addresses of each subnet. Functions, endpoints, standbys, replicas and "
    "the cache take more as they grow and fail over, and a subnet cannot be enlarged.",
    source=_SUBNETS,
    accepted={"network.zones.eu-west-1a.database_cidr": "10.20.8.0/26"},
    refused={"network.zones.eu-west-1a.database_cidr": "10.20.8.0/27"},
)
def room_in_subnet(environment: Environment) -> Iterator[Finding]:
    """Private and database subnets are /26 or larger."""
    for subnet in _subnets(environment):
        if not subnet.public and subnet.network.prefixlen > _SMALLEST:
            what = f"{subnet.network} has {subnet.network.num_addresses - 5} usable addresses"
            yield Finding(subnet.where, what, f"make it /{_SMALLEST} or larger")


@dataclass(frozen=True)
class _Subnet:
    where: Where
    name: str
    network: IPv4Network

    @property
    def public(self) -> bool:
        return self.where[-1] == "public_cidr"


def _zones(environment: Environment) -> Iterator[tuple[Where, str, Any]]:
    """Where each zone is, its name, and what is given for it."""
    for use, instance in environment.instances("network"):
        given = use.value(instance, "zones")
        for zone, ranges in given.items() if isinstance(given, dict) else ():
            yield use.where(instance, "zones", zone), zone, ranges


def _meant(environment: Environment) -> str | None:
    """The known region that all zones lie in, where the file's own is not known."""
    known = environment.catalogue.regions()
    if environment.region in known:
        return None
    given = [zone for _, zone, _ in _zones(environment)]
    return next((each for each in known if all(_lies_in(zone, each) for zone in given)), None)


def _lies_in(zone: str, region: str) -> bool:
    return re.fullmatch(f"{re.escape(region)}[a-z]", zone) is not None


def _vpc_ranges(environment: Environment) -> Iterator[tuple[Where, str]]:
    for use, instance in environment.instances("network"):
        if isinstance(text := use.value(instance, "cidr"), str):
            yield use.where(instance, "cidr"), text


def _subnet_ranges(environment: Environment) -> Iterator[tuple[Where, str, str]]:
    """Where each subnet's range is, the subnet's name, and the range."""
    for where, zone, ranges in _zones(environment):
        for tier in _TIERS if isinstance(ranges, dict) else ():
            if isinstance(text := ranges.get(tier), str):
                yield (*where, tier), f"{zone}.{tier}", text


def _outside(environment: Environment) -> Iterator[tuple[Where, str]]:
    """Where each range outside of the VPC is that applications may reach, and the range."""
    for use, instance in environment.instances("access"):
        ranges = use.value(instance, "internet_cidrs")
        for index, text in enumerate(ranges if isinstance(ranges, list) else ()):
            if isinstance(text, str):
                yield (*use.where(instance, "internet_cidrs"), index), text


def _vpcs(environment: Environment) -> Iterator[tuple[Where, IPv4Network]]:
    for where, text in _vpc_ranges(environment):
        if interface := _interface(text):
            yield where, interface.network


def _subnets(environment: Environment) -> Iterator[_Subnet]:
    for where, name, text in _subnet_ranges(environment):
        if interface := _interface(text):
            yield _Subnet(where, name, interface.network)


def _interface(text: str) -> IPv4Interface | None:
    if _CIDR.fullmatch(text) is None:
        return None
    try:
        return IPv4Interface(text)
    except ValueError:
        return None


RULES: Final[tuple[Rule, ...]] = (
    zone_in_region,
    two_zones,
    no_host_bits,
    subnet_in_vpc,
    subnets_apart,
    not_docker,
    room_in_subnet,
)
