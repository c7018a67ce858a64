"""The ranges of addresses that an environment names, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from typing import Any, Final, TypeVar

from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.source.document import Where

_Value = TypeVar("_Value")
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


def networks_of(environment: Environment) -> Iterator[tuple[ModuleUse, Instance]]:
    """Yield the network that the stack creates, or the one that exists already."""
    yield from environment.instances("network")
    yield from environment.instances("existing_network")


def zones_of(environment: Environment) -> Iterator[tuple[Where, str, Any]]:
    """Yield the path of each zone, its name, and its value."""
    for use, instance in networks_of(environment):
        zones = use.value(instance, "zones")
        for zone, ranges in zones.items() if isinstance(zones, dict) else ():
            yield use.where(instance, "zones", zone), zone, ranges


def vpc_ranges(environment: Environment) -> Iterator[tuple[Where, str]]:
    """Yield the path and the text of the range of the VPC."""
    for use, instance in networks_of(environment):
        if isinstance(text := use.value(instance, "cidr"), str):
            yield use.where(instance, "cidr"), text


def subnet_ranges(environment: Environment) -> Iterator[tuple[Where, str, str]]:
    """Yield the path of each subnet's range, the name of the subnet, and the range."""
    for where, zone, ranges in zones_of(environment):
        for tier in _TIERS if isinstance(ranges, dict) else ():
            if isinstance(text := ranges.get(tier), str):
                yield (*where, tier), f"{zone}.{tier}", text


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


def client_values(
    environment: Environment, name: str, type_: type[_Value]
) -> Iterator[tuple[Where, str, _Value]]:
    """Yield each value of this name and type in the clients of access: path, client, value."""
    return _entries(environment, "access", "clients", name, type_)


def route_values(
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


def is_private(network: IPv4Network) -> bool:
    """Return whether a range is in 10/8, 172.16/12, 192.168/16 or 100.64/10."""
    return any(network.subnet_of(private) for private in _PRIVATE)


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


def texts_of(environment: Environment, module: str, name: str) -> Iterator[tuple[Where, str]]:
    """Yield each text in the list of an input, with its path."""
    for use, instance in environment.instances(module):
        values = use.value(instance, name)
        for index, text in enumerate(values if isinstance(values, list) else ()):
            if isinstance(text, str):
                yield (*use.where(instance, name), index), text
