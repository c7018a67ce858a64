"""Rules about availability zones and address ranges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, collapse_addresses
from typing import Any, Final, TypeVar

from finbase.contract.version import Version
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules import examples
from finbase.environment.rules.rule import Finding, Rule, note, rule
from finbase.source.document import Where

_Value = TypeVar("_Value")
_TIERS: Final = ("public_cidr", "private_cidr", "database_cidr")
_CIDR = re.compile(r"[0-9.]+/[0-9]+")
_ZONE_ELSEWHERE = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+-.+")
_DOCKER: Final = IPv4Network("172.17.0.0/16")
_PRIVATE: Final = tuple(
    map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
)
_SMALLEST: Final = 26
_RESERVED: Final = 5
"""The addresses of each subnet that AWS keeps for itself."""
_MOST_TRIED: Final = 256
"""Subnets, when a free range is looked for."""

_RANGES = "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"
_SUBNETS = "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"
_ZONES = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html"

_WIDER_ROUTES: Final = Version(2, 2, 0)
"""The first version of `network` with routes to a range that contains the VPC."""
_GATEWAYS: Final = ("s3", "dynamodb")
_RESERVED_BUCKET = re.compile(
    r"^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$|\.\."
    r"|^\d+\.\d+\.\d+\.\d+$"
)
_MOST_OF_POLICY: Final = 20_480
_LONG_BUCKET: Final = "mirror-of-the-package-repositories-in-eu-central-1"
_POLICY_OF_NONE: Final = 500
"""Characters of the policy without readable buckets, at least."""
_FULL_NAME = re.compile(r"(^|\.)((com|cn|aws|amazonaws|vpce)\.|[a-z]+(-[a-z]+)+-[0-9]+(\.|$))|\.$")
"""What only the full name of a service has: a domain, or a region."""


@rule(
    "FB201",
    "zone outside the region",
    "region",
    "network.zones",
    "existing_network.zones",
    why="AWS rejects the subnet at apply, when the VPC already exists. Local and Wavelength Zones "
    "support neither Multi-AZ databases nor NAT gateways nor caches.",
    source=_ZONES,
    accepted={"network.zones": examples.zones("eu-west-1a", "eu-west-1f")},
    refused={"network.zones": examples.zones("eu-west-1a", "eu-west-2a")},
)
def zone_in_region(environment: Environment) -> Iterator[Finding]:
    """The name of a zone must be the region and one letter, such as `eu-west-1a`."""
    region = environment.region
    for where, zone, _ in _zones(environment) if region else ():
        if _is_in(zone, region):
            continue
        intended = _intended_region(environment)
        if _ZONE_ELSEWHERE.fullmatch(zone):
            message = f"{zone} is a Local or Wavelength Zone, which does not support the stack"
        else:
            message = f"{zone} is not an availability zone of {region}"
        hint = f"use zones such as {region}a and {region}b"
        if intended:
            hint = f"did you mean the region {intended}?"
        yield Finding(where, message, hint, key=True)


@rule(
    "FB202",
    "fewer than two zones",
    "network.zones",
    "existing_network.zones",
    why="RDS rejects a subnet group in a single zone, and an outage of that zone would take the "
    "whole stack down.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
    "USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    accepted={"network.zones": examples.zones("eu-west-1a", "eu-west-1b")},
    refused={"network.zones": examples.zones("eu-west-1a")},
)
def two_zones(environment: Environment) -> Iterator[Finding]:
    """A stack must use at least two availability zones."""
    for use, instance in _networks(environment):
        zones = use.value(instance, "zones")
        if isinstance(zones, dict) and len(zones) < 2:
            where = use.where(instance, "zones")
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
def no_host_bits(environment: Environment) -> Iterator[Finding]:
    """A CIDR range must start at the first address of its network, such as 10.20.0.0/16."""
    subnets = ((where, text) for where, _, text in _subnet_ranges(environment))
    internet = _items(environment, "access", "internet_cidrs")
    clients = ((where, text) for where, _, text in _clients(environment, "cidr", str))
    routes = ((where, text) for where, _, text in _routes(environment, "destination_cidr", str))
    for where, text in (*_vpc_ranges(environment), *subnets, *routes, *internet, *clients):
        interface = _interface(text)
        if interface is None:
            hint = "write an IPv4 range such as 10.20.0.0/16"
            yield Finding(where, f"{text} is not an IPv4 range in CIDR notation", hint)
        elif interface.ip != interface.network.network_address:
            message = f"{text} is an address inside {interface.network}, not a range"
            yield Finding(where, message, f"write {interface.network}")
        elif text != str(interface):
            message = f"{text} has a prefix length that Terraform does not read"
            yield Finding(where, message, f"write {interface}")


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
def subnet_in_vpc(environment: Environment) -> Iterator[Finding]:
    """Every subnet must be inside the range of the VPC."""
    suggested: list[IPv4Network] = []
    for _, vpc in _vpcs(environment):
        for subnet in _subnets(environment):
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
def subnets_apart(environment: Environment) -> Iterator[Finding]:
    """Subnets must not overlap."""
    # Two CIDR ranges are either disjoint or one contains the other. Sorted by first address, the
    # larger range first, a range can overlap only the ranges on this stack, which contain it.
    position = environment.document.position
    around: list[_Subnet] = []
    suggested: list[IPv4Network] = []
    for subnet in sorted(_subnets(environment), key=lambda s: s.network):
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
def not_docker(environment: Environment) -> Iterator[Finding]:
    """The VPC must not overlap 172.17.0.0/16."""
    for where, vpc in _vpcs(environment):
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
def room_in_subnet(environment: Environment) -> Iterator[Finding]:
    """Private and database subnets must be /26 or larger."""
    for subnet in _subnets(environment):
        if not subnet.public and subnet.network.prefixlen > _SMALLEST:
            usable = subnet.network.num_addresses - _RESERVED
            message = f"{subnet.network} is too small: it has {usable} usable addresses"
            yield Finding(subnet.where, message, f"use a range of /{_SMALLEST} or larger")


@rule(
    "FB211",
    "client range that is not private",
    "access.clients",
    why="A client outside of the VPC comes through a VPN, a peering or a transit gateway, from "
    "private addresses. A public range, or a range wider than 10.0.0.0/8, would open the data to "
    "the internet, or to everything that is ever connected.",
    source=_RANGES,
    accepted={"access.clients": examples.client(cidr="10.80.0.0/16")},
    refused={"access.clients": examples.client(cidr="0.0.0.0/0")},
)
def private_client(environment: Environment) -> Iterator[Finding]:
    """The range of a client must be private: in 10/8, 172.16/12, 192.168/16 or 100.64/10."""
    for where, name, text in _clients(environment, "cidr", str):
        found = _interface(text)
        if not (found and _is_private(found.network)):
            message = f"{text} is not a private IPv4 range, and {name} would open the data to it"
            yield Finding(where, message, "write the range of the VPN or of the peered network")


@rule(
    "FB212",
    "client range in the VPC",
    "access.clients",
    why="No route leads from the VPC to its own range in another network. Clients in the VPC are "
    "in a security group, which names them more exactly than addresses that others get later.",
    source="https://docs.aws.amazon.com/vpc/latest/peering/invalid-peering-configurations.html",
    accepted={"access.clients": examples.client(cidr="10.21.0.0/16")},
    refused={"access.clients": examples.client(cidr="10.20.16.0/20")},
    yaml_only="access does not know the range of the VPC",
)
def client_outside(environment: Environment) -> Iterator[Finding]:
    """The range of a client must not overlap the VPC."""
    for where, name, text in _clients(environment, "cidr", str):
        found = _interface(text)
        for _, vpc in _vpcs(environment):
            if found and _is_private(found.network) and found.network.overlaps(vpc):
                message = f"{text} of {name} overlaps {vpc}, the range of the VPC"
                hint = "remove cidr, so that the client gets a group, or name its group"
                yield Finding(where, message, hint)


@rule(
    "FB213",
    "client that is a group and a range",
    "access.clients",
    why="Each rule of a security group has one source. Two clients say which of the two is meant.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
    accepted={"access.clients": examples.client(security_group_id="sg-0123456789abcdef0")},
    refused={
        "access.clients": examples.client(
            security_group_id="sg-0123456789abcdef0", cidr="10.80.0.0/16"
        )
    },
)
def one_source(environment: Environment) -> Iterator[Finding]:
    """A client must have a security group of others or a range, not both."""
    ranges = {where[:-1] for where, _, _ in _clients(environment, "cidr", str)}
    for where, name, _ in _clients(environment, "security_group_id", str):
        if where[:-1] in ranges:
            message = f"{name} has a security_group_id and a cidr"
            yield Finding(where, message, "remove one of them, or write two clients", key=True)


@rule(
    "FB214",
    "client of a cache that is left out",
    "access.clients",
    why="The environment has no cache, so there is nothing that the client could reach. The cache "
    "is not a part of a further database; clients of the first one may reach it.",
    source="https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/elasticache-vpc-accessing.html",
    accepted={"access.clients": examples.client(to=["database"]), "cache": None},
    refused={"access.clients": examples.client(to=["cache"]), "cache": None},
)
def client_of_cache(environment: Environment) -> Iterator[Finding]:
    """A client must not reach a cache that its database, or the environment, does not have."""
    has_cache = any(True for _ in environment.instances("cache"))
    access = environment.module("access")
    for where, name, to in _clients(environment, "to", list):
        further = where[2] == "instances" and access is not None and access.contract.repeats
        if "cache" not in to or (has_cache and not further):
            continue
        message = f"{name} reaches the cache, but the environment has no cache"
        hint = "remove cache from `to`, or add the module"
        if further:
            message = f"{name} is a client of the database `{where[3]}`, which has no cache"
            hint = "remove cache from `to`, and write the client in `access.clients` as well"
        yield Finding(where, message, hint)


@rule(
    "FB220",
    "two clients with one source",
    "access.clients",
    why="A security group has one rule for a source and its ports. AWS rejects the second one in "
    "the middle of the apply (InvalidPermission.Duplicate), also with another description.",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/"
    "API_AuthorizeSecurityGroupIngress.html",
    accepted={
        "access.clients": examples.client(cidr="10.80.0.0/16")
        | examples.client("branch", cidr="10.80.0.0/17")
    },
    refused={
        "access.clients": examples.client(cidr="10.80.0.0/16")
        | examples.client("branch", cidr="10.80.0.0/16")
    },
    yaml_only="a plan accepts it, and the released versions of access do not check it",
)
def one_client(environment: Environment) -> Iterator[Finding]:
    """Clients with one range, or with one group of others, must reach different targets."""
    targets = {where[:-1]: to for where, _, to in _clients(environment, "to", list)}
    first: dict[tuple[Where, str, str], str] = {}
    for key in ("cidr", "security_group_id"):
        for where, name, text in _clients(environment, key, str):
            range_ = _interface(text)
            source = str(range_.network) if range_ else text
            for target in targets.get(where[:-1], ()):
                other = first.setdefault((where[:-2], source, str(target)), name)
                if other != name:
                    message = f"{other} and {name} both let {source} reach the {target}"
                    yield Finding(where, message, "remove one of them, or its target in `to`")
                    break


@rule(
    "FB215",
    "route to a range that is not private",
    "network.routes",
    why="A peered network has private addresses. A route to public ones, or to all addresses, "
    "would let a peering or a transit gateway decide where traffic to the internet goes, and "
    "would let the data leave.",
    source="https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-routing.html",
    accepted={"network.routes": examples.peered()},
    refused={"network.routes": examples.peered(destination_cidr="0.0.0.0/0")},
)
def private_route(environment: Environment) -> Iterator[Finding]:
    """A route must lead to a private range: in 10/8, 172.16/12, 192.168/16 or 100.64/10."""
    for where, name, text in _routes(environment, "destination_cidr", str):
        found = _interface(text)
        if not (found and _is_private(found.network)):
            message = f"{text} of {name} is not a private IPv4 range, as a peered network has"
            hint = "write the range of the VPN or of the peered network"
            if found is None or found.network.prefixlen == 0:
                hint += "; only a VPC with `existing_network` can have central egress"
            yield Finding(where, message, hint)


@rule(
    "FB216",
    "route to a range in the VPC",
    "network.routes",
    why="The VPC keeps the traffic to its own range, also beside a wider route. AWS rejects a "
    "route to that range, or to a part of it, at apply. Before 2.2.0, `network` also refused a "
    "range that contains the VPC.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html",
    accepted={"network.routes": examples.peered(destination_cidr="10.0.0.0/8")},
    refused={"network.routes": examples.peered(destination_cidr="10.20.0.0/16")},
    yaml_only="AWS rejects it at apply, and the check of network 2.1.0 refused more than that",
)
def route_outside(environment: Environment) -> Iterator[Finding]:
    """The range of a route must not be in the VPC."""
    network = environment.module("network")
    wider = network is not None and network.version >= _WIDER_ROUTES
    for where, name, text in _routes(environment, "destination_cidr", str):
        found = _interface(text)
        for _, vpc in _vpcs(environment):
            if not (found and _is_private(found.network) and found.network.overlaps(vpc)):
                continue
            if found.network.subnet_of(vpc):
                message = f"{text} of {name} is in {vpc}, the range of the VPC"
                yield Finding(where, message, "write the ranges of the peered networks")
            elif not wider:
                message = f"{text} of {name} contains {vpc}, the range of the VPC"
                hint = f"pin `network` {_WIDER_ROUTES} or newer, which allows this"
                yield Finding(where, message, hint)


@rule(
    "FB217",
    "two routes to one range",
    "network.routes",
    why="A route table has one route to a range. AWS rejects the second one at apply "
    "(RouteAlreadyExists); a plan accepts it.",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html",
    accepted={"network.routes": examples.peered() | examples.peered("batch", tiers=["private"])},
    refused={"network.routes": examples.peered() | examples.peered("branch")},
)
def one_route(environment: Environment) -> Iterator[Finding]:
    """Routes of one tier must lead to different ranges."""
    cidrs = {where[:-1]: text for where, _, text in _routes(environment, "destination_cidr", str)}
    first: dict[tuple[str, str], str] = {}
    for where, name, tiers in _routes(environment, "tiers", list):
        cidr = cidrs.get(where[:-1], name)
        twice = [
            t for t in tiers if isinstance(t, str) and first.setdefault((t, cidr), name) != name
        ]
        if twice:
            other = first[twice[0], cidr]
            message = f"{other} and {name} both lead the {twice[0]} subnets to {cidr}"
            yield Finding((*where[:-1], "destination_cidr"), message, "remove one of them")


@rule(
    "FB218",
    "route without one target",
    "network.routes",
    why="A route leads through one peering connection or one transit gateway.",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html",
    accepted={"network.routes": examples.peered()},
    refused={"network.routes": examples.peered(vpc_peering_connection_id="pcx-0123456789abcdef0")},
)
def one_target(environment: Environment) -> Iterator[Finding]:
    """A route must have a peering connection or a transit gateway, and not both."""
    names = ("vpc_peering_connection_id", "transit_gateway_id")
    # One that is already reported as wrong is still a target.
    targets = [where[:-1] for n in names for where, _, _ in _routes(environment, n, object)]
    for where, name, _ in _routes(environment, "reason", str):
        if (count := targets.count(where[:-1])) != 1:
            ids = f"{names[0]} {'and' if count else 'nor'} {names[1]}"
            message = f"{name} has {'both' if count else 'neither'} {ids}"
            hint = "remove one of them, or write two routes" if count else "add one of them"
            yield Finding(where[:-1], message, hint, key=True)


@note(
    "FB316",
    "client range without a route",
    "access.clients",
    "network.routes",
    why="The security groups let the client in, but the answers follow the route table of the "
    "database subnets. Without a route to the client, they do not leave, and it cannot connect.",
    source="https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-routing.html",
    accepted={
        "access.clients": examples.client(cidr="10.80.4.0/24"),
        "network.routes": examples.peered(),
    },
    refused={
        "access.clients": examples.client(cidr="10.81.0.0/16"),
        "network.routes": examples.peered(),
    },
)
def route_to_client(environment: Environment) -> Iterator[Finding]:
    """A route of the database subnets should lead to the range of each client."""
    network = environment.module("network")
    if network is None or all(i.name != "routes" for i in network.contract.inputs):
        return
    cidrs = {where[:-1]: text for where, _, text in _routes(environment, "destination_cidr", str)}
    routed = [
        interface.network
        for where, _, tiers in _routes(environment, "tiers", list)
        if "database" in tiers and (interface := _interface(cidrs.get(where[:-1], "")))
    ]
    reached = list(collapse_addresses(routed))
    for where, name, text in _clients(environment, "cidr", str):
        found = _interface(text)
        if not (found and _is_private(found.network)):
            continue
        here = any(found.network.overlaps(vpc) for _, vpc in _vpcs(environment))
        if not here and not any(found.network.subnet_of(range_) for range_ in reached):
            message = f"no route leads from the database subnets to {text} of {name}"
            hint = "add the range to `network.routes`, with the tier database"
            yield Finding(where, message, hint)


@dataclass(frozen=True)
class _Subnet:
    where: Where
    name: str
    network: IPv4Network

    @property
    def public(self) -> bool:
        return self.where[-1] == "public_cidr"


def _zones(environment: Environment) -> Iterator[tuple[Where, str, Any]]:
    """Yield the path of each zone, its name, and its value."""
    for use, instance in _networks(environment):
        zones = use.value(instance, "zones")
        for zone, ranges in zones.items() if isinstance(zones, dict) else ():
            yield use.where(instance, "zones", zone), zone, ranges


def _intended_region(environment: Environment) -> str | None:
    """Return the known region that contains all zones, if the file's own region is unknown."""
    known = environment.catalogue.regions()
    if environment.region in known:
        return None
    zones = [zone for _, zone, _ in _zones(environment)]
    return next((region for region in known if all(_is_in(zone, region) for zone in zones)), None)


def _is_in(zone: str, region: str) -> bool:
    """Return whether a zone is a regular availability zone of the region.

    >>> _is_in("eu-west-1a", "eu-west-1"), _is_in("us-west-2-lax-1a", "us-west-2")
    (True, False)
    """
    return re.fullmatch(f"{re.escape(region)}[a-z]", zone) is not None


def _networks(environment: Environment) -> Iterator[tuple[ModuleUse, Instance]]:
    """Yield the network that the stack creates, or the one that exists already."""
    yield from environment.instances("network")
    yield from environment.instances("existing_network")


def _vpc_ranges(environment: Environment) -> Iterator[tuple[Where, str]]:
    for use, instance in _networks(environment):
        if isinstance(text := use.value(instance, "cidr"), str):
            yield use.where(instance, "cidr"), text


def _subnet_ranges(environment: Environment) -> Iterator[tuple[Where, str, str]]:
    """Yield the path of each subnet's range, the name of the subnet, and the range."""
    for where, zone, ranges in _zones(environment):
        for tier in _TIERS if isinstance(ranges, dict) else ():
            if isinstance(text := ranges.get(tier), str):
                yield (*where, tier), f"{zone}.{tier}", text


def _suggestion(environment: Environment, subnet: _Subnet, suggested: list[IPv4Network]) -> str:
    """Return a free range of the same size for a hint, and add it to those ``suggested`` before.

    The first part of the VPC that overlaps no range of the file; empty if there is none.
    """
    taken = [other.network for other in _subnets(environment)] + suggested
    if len(taken) > _MOST_TRIED or len(suggested) > 8:  # A hint is not worth seconds.
        return ""
    size = subnet.network.num_addresses
    for _, vpc in _vpcs(environment):
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


def _items(environment: Environment, module: str, name: str) -> Iterator[tuple[Where, str]]:
    """Yield each text in the list of an input, with its path."""
    for use, instance in environment.instances(module):
        values = use.value(instance, name)
        for index, text in enumerate(values if isinstance(values, list) else ()):
            if isinstance(text, str):
                yield (*use.where(instance, name), index), text


def _clients(
    environment: Environment, name: str, type_: type[_Value]
) -> Iterator[tuple[Where, str, _Value]]:
    """Yield each value of this name and type in the clients of access: path, client, value."""
    return _entries(environment, "access", "clients", name, type_)


def _routes(
    environment: Environment, name: str, type_: type[_Value]
) -> Iterator[tuple[Where, str, _Value]]:
    """Yield each value of this name and type in the routes of network: path, route, value."""
    return _entries(environment, "network", "routes", name, type_)


def _entries(
    environment: Environment, module: str, input_: str, name: str, type_: type[_Value]
) -> Iterator[tuple[Where, str, _Value]]:
    for use, instance in environment.instances(module):
        entries = use.value(instance, input_)
        for entry, values in entries.items() if isinstance(entries, dict) else ():
            if isinstance(values, dict) and name in values and isinstance(values[name], type_):
                yield (*use.where(instance, input_), entry, name), entry, values[name]


def _vpcs(environment: Environment) -> Iterator[tuple[Where, IPv4Network]]:
    for where, text in _vpc_ranges(environment):
        if interface := _interface(text):
            yield where, interface.network


def _subnets(environment: Environment) -> Iterator[_Subnet]:
    for where, name, text in _subnet_ranges(environment):
        if interface := _interface(text):
            yield _Subnet(where, name, interface.network)


def _is_private(network: IPv4Network) -> bool:
    return any(network.subnet_of(private) for private in _PRIVATE)


def _interface(text: str) -> IPv4Interface | None:
    """Read an address with its prefix length; return None if the text is not one.

    >>> _interface("10.20.0.7/16").network
    IPv4Network('10.20.0.0/16')
    >>> _interface("10.20.0.0") is None, _interface("10.20.0.0/33") is None
    (True, True)
    """
    if _CIDR.fullmatch(text) is None:
        return None
    try:
        return IPv4Interface(text)
    except ValueError:
        return None


@rule(
    "FB208",
    "service without an endpoint of its own",
    "network.interface_endpoints",
    why="The network has a gateway endpoint for S3. AWS rejects the private name of an interface "
    "endpoint for S3 before that one exists, and DynamoDB is reached by a gateway endpoint, too. "
    "The module adds `com.amazonaws.` and the region to a name, so a full name would be doubled.",
    source="https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html",
    accepted={"network.interface_endpoints": ["secretsmanager", "sqs"]},
    refused={"network.interface_endpoints": ["secretsmanager", "s3"]},
    yaml_only="the list of services is data of finbase",
)
def no_gateway_service(environment: Environment) -> Iterator[Finding]:
    """Interface endpoints must be the short names of services without a gateway endpoint."""
    known = (*_GATEWAYS, *environment.catalogue.endpoints())
    for where, name in _items(environment, "network", "interface_endpoints"):
        service = _short(name, known)
        if service in _GATEWAYS:
            message = f"{service} has a gateway endpoint, so it needs no interface endpoint"
            yield Finding(where, message, f"remove {name}")
        elif service != name:
            message = f"{name} is a full service name; the module adds the prefix and region"
            example = service or "the service alone, such as secretsmanager"
            yield Finding(where, message, f"write {example}")


@rule(
    "FB209",
    "name that no bucket can have",
    "state",
    "network.readable_buckets",
    why="S3 reserves these names for access points, tables and its own use, and refuses two dots "
    "together and IP addresses. A plan checks none of this.",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
    accepted={"network.readable_buckets": ["al2023-repos-eu-west-1-de612dc2"]},
    refused={"network.readable_buckets": ["amzn-s3-demo-bucket"]},
    yaml_only="the list of reserved names is data of finbase",
)
def bucket_names(environment: Environment) -> Iterator[Finding]:
    """Names of buckets must not be reserved by S3."""
    state = (("state", "bucket"), environment.state.get("bucket"))
    for where, name in (state, *_items(environment, "network", "readable_buckets")):
        if isinstance(name, str) and (reserved := _RESERVED_BUCKET.search(name)):
            message = f"S3 has no bucket named {name}, because of `{reserved[0]}`"
            yield Finding(where, message, "write the name of the bucket as S3 lists it")


@rule(
    "FB210",
    "policy of the S3 endpoint is too long",
    "network.readable_buckets",
    why="AWS rejects the policy of an endpoint above 20,480 characters at apply, when the VPC "
    "already exists. The policy names each bucket.",
    source="https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html",
    accepted={"network.readable_buckets": [f"{_LONG_BUCKET}-{n:03}" for n in range(250)]},
    refused={"network.readable_buckets": [f"{_LONG_BUCKET}-{n:03}" for n in range(300)]},
    yaml_only="Terraform builds the policy from values that AWS returns",
)
def endpoint_policy(environment: Environment) -> Iterator[Finding]:
    """The policy of the S3 endpoint must have at most 20,480 characters."""
    for use, instance in environment.instances("network"):
        buckets = instance.inputs.get("readable_buckets")
        names = [b for b in buckets if isinstance(b, str)] if isinstance(buckets, list) else []
        start = f"arn:{environment.partition}:s3:::"
        accounts = use.value(instance, "reachable_account_ids")
        length = _POLICY_OF_NONE + sum(len(f'"{start}{name}/*",') for name in names)
        length += len('"000000000000",') * len(accounts if isinstance(accounts, list) else ())
        if length > _MOST_OF_POLICY:
            message = f"the policy of the S3 endpoint needs {length} characters, more than 20,480"
            hint = "list fewer buckets, or mirror the packages in one bucket"
            yield Finding(use.where(instance, "readable_buckets"), message, hint, key=True)


def _short(name: str, known: Iterable[str]) -> str:
    """Return the known service of a full name, or an empty text; other names are returned.

    >>> known = ["ecr.api", "kms"]
    >>> _short("com.amazonaws.eu-west-1.ecr.api", known), _short("eu-west-1.kms", known)
    ('ecr.api', 'kms')
    >>> _short("com.amazonaws.vpce.eu-west-1.vpce-svc-0123", known), _short("newer", known)
    ('', 'newer')
    """
    if not _FULL_NAME.search(name):
        return name
    end = f".{name.rstrip('.')}"
    return max((k for k in known if end.endswith(f".{k}")), key=len, default="")


RULES: Final[tuple[Rule, ...]] = (
    no_gateway_service,
    bucket_names,
    endpoint_policy,
    zone_in_region,
    two_zones,
    no_host_bits,
    subnet_in_vpc,
    subnets_apart,
    not_docker,
    room_in_subnet,
    private_client,
    client_outside,
    one_source,
    client_of_cache,
    one_client,
    private_route,
    route_outside,
    one_route,
    one_target,
    route_to_client,
)
