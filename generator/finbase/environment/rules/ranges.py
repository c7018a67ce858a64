"""The ranges of addresses that an environment names, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Interface, IPv4Network
from typing import Any, Final

from finbase.environment.model import Environment
from finbase.environment.rules.inputs import entries, fields, values
from finbase.source.document import Where

_TIERS: Final = ("public_cidr", "private_cidr", "database_cidr")
_CIDR = re.compile(r"[0-9.]+/[0-9]+")
_PRIVATE: Final = tuple(
    map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
)


@dataclass(frozen=True)
class Subnet:
    """A subnet that the file describes: the path of its range, its name, and the range."""

    where: Where
    name: str
    network: IPv4Network

    @property
    def public(self) -> bool:
        """Whether it is a public subnet."""
        return self.where[-1] == "public_cidr"


def zones_of(environment: Environment) -> Iterator[tuple[Where, str, Any]]:
    """Yield the path of each zone, its name, and its value."""
    return entries(environment, "network.zones", "existing_network.zones")


def vpc_ranges(environment: Environment) -> Iterator[tuple[Where, str]]:
    """Yield the path and the text of the range of the VPC, also of one that exists already."""
    return values(environment, str, "network.cidr", "existing_network.cidr")


def subnet_ranges(environment: Environment) -> Iterator[tuple[Where, str, str]]:
    """Yield the path of each subnet's range, the name of the subnet, and the range."""
    for where, zone, ranges in zones_of(environment):
        for tier in _TIERS if isinstance(ranges, dict) else ():
            if isinstance(text := ranges.get(tier), str):
                yield (*where, tier), f"{zone}.{tier}", text


def client_ranges(environment: Environment) -> Iterator[tuple[Where, str, str]]:
    """Yield the path of the range of each client that has one, the client, and the range."""
    return fields(environment, "access.clients", "cidr", str)


def route_ranges(environment: Environment) -> Iterator[tuple[Where, str, str]]:
    """Yield the path of the range of each route, the name of the route, and the range."""
    return fields(environment, "network.routes", "destination_cidr", str)


def vpcs_of(environment: Environment) -> Iterator[tuple[Where, IPv4Network]]:
    """Yield the path and the range of the VPC, if it is a range."""
    for where, text in vpc_ranges(environment):
        if interface := interface_of(text):
            yield where, interface.network


def subnets_of(environment: Environment) -> Iterator[Subnet]:
    """Yield each subnet whose range is one."""
    for where, name, text in subnet_ranges(environment):
        if interface := interface_of(text):
            yield Subnet(where, name, interface.network)


def private_range(text: str) -> IPv4Network | None:
    """Return the range of a text if it is in 10/8, 172.16/12, 192.168/16 or 100.64/10, or None."""
    interface = interface_of(text)
    if interface and any(interface.network.subnet_of(private) for private in _PRIVATE):
        return interface.network
    return None


@lru_cache(maxsize=1024)
def interface_of(text: str) -> IPv4Interface | None:
    """Read an address with its prefix length; return None if the text is not one.

    >>> interface_of("10.20.0.7/16").network
    IPv4Network('10.20.0.0/16')
    >>> interface_of("10.20.0.0") is None, interface_of("10.20.0.0/33") is None
    (True, True)
    """
    if _CIDR.fullmatch(text) is None:
        return None
    try:
        return IPv4Interface(text)
    except ValueError:
        return None
