"""Rules about routes to other networks."""

from __future__ import annotations

from ipaddress import collapse_addresses
from typing import Final

from finbase.contract.version import Version
from finbase.environment.model import Environment
from finbase.environment.rules import examples
from finbase.environment.rules.inputs import fields
from finbase.environment.rules.ranges import (
    client_ranges,
    interface_of,
    private_range,
    route_ranges,
    vpcs_of,
)
from finbase.environment.rules.rule import AWS, Finding, Findings, note, rule

_ROUTES: Final = "network.routes"
_WIDER_ROUTES: Final = Version(2, 2, 0)
"""The first version of `network` with routes to a range that contains the VPC."""


@rule(
    "FB215",
    "route to a range that is not private",
    "network.routes",
    why="A peered network has private addresses. A route to public ones, or to all addresses, "
    "would let a peering or a transit gateway decide where traffic to the internet goes, and "
    "would let the data leave.",
    source=f"{AWS}vpc/latest/peering/vpc-peering-routing.html",
    accepted={"network.routes": examples.peered()},
    refused={"network.routes": examples.peered(destination_cidr="0.0.0.0/0")},
)
def private_route(environment: Environment) -> Findings:
    """A route must lead to a private range: in 10/8, 172.16/12, 192.168/16 or 100.64/10."""
    for where, name, text in route_ranges(environment):
        if private_range(text) is None:
            message = f"{text} of {name} is not a private IPv4 range, as a peered network has"
            hint = "write the range of the VPN or of the peered network"
            found = interface_of(text)
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
    source=f"{AWS}vpc/latest/userguide/route-tables-priority.html",
    accepted={"network.routes": examples.peered(destination_cidr="10.0.0.0/8")},
    refused={"network.routes": examples.peered(destination_cidr="10.20.0.0/16")},
    yaml_only="AWS rejects it at apply, and the check of network 2.1.0 refused more than that",
)
def route_outside(environment: Environment) -> Findings:
    """The range of a route must not be in the VPC."""
    network = environment.module("network")
    wider = network is not None and network.version >= _WIDER_ROUTES
    for where, name, text in route_ranges(environment):
        found = private_range(text)
        for _, vpc in vpcs_of(environment):
            if not (found and found.overlaps(vpc)):
                continue
            if found.subnet_of(vpc):
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
    source=f"{AWS}AWSEC2/latest/APIReference/API_CreateRoute.html",
    accepted={"network.routes": examples.peered() | examples.peered("batch", tiers=["private"])},
    refused={"network.routes": examples.peered() | examples.peered("branch")},
)
def one_route(environment: Environment) -> Findings:
    """Routes of one tier must lead to different ranges."""
    cidrs = {where[:-1]: text for where, _, text in route_ranges(environment)}
    first: dict[tuple[str, str], str] = {}
    for where, name, tiers in fields(environment, _ROUTES, "tiers", list):
        cidr = cidrs.get(where[:-1], name)
        known = [t for t in tiers if isinstance(t, str)]
        twice = [t for t in known if first.setdefault((t, cidr), name) != name]
        if twice:
            other = first[twice[0], cidr]
            message = f"{other} and {name} both lead the {twice[0]} subnets to {cidr}"
            yield Finding((*where[:-1], "destination_cidr"), message, "remove one of them")


@rule(
    "FB218",
    "route without one target",
    "network.routes",
    why="A route leads through one peering connection or one transit gateway.",
    source=f"{AWS}AWSEC2/latest/APIReference/API_CreateRoute.html",
    accepted={"network.routes": examples.peered()},
    refused={"network.routes": examples.peered(vpc_peering_connection_id="pcx-0123456789abcdef0")},
)
def one_target(environment: Environment) -> Findings:
    """A route must have a peering connection or a transit gateway, and not both."""
    names = ("vpc_peering_connection_id", "transit_gateway_id")
    # One that is already reported as wrong is still a target.
    targets = [where[:-1] for n in names for where, _, _ in fields(environment, _ROUTES, n, object)]
    for where, name, _ in fields(environment, _ROUTES, "reason", str):
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
    source=f"{AWS}vpc/latest/peering/vpc-peering-routing.html",
    accepted={"access.clients": examples.client(cidr="10.80.4.0/24"), _ROUTES: examples.peered()},
    refused={"access.clients": examples.client(cidr="10.81.0.0/16"), _ROUTES: examples.peered()},
)
def route_to_client(environment: Environment) -> Findings:
    """A route of the database subnets should lead to the range of each client."""
    network = environment.module("network")
    if network is None or not network.declares("routes"):
        return
    cidrs = {where[:-1]: text for where, _, text in route_ranges(environment)}
    routed = [
        interface.network
        for where, _, tiers in fields(environment, _ROUTES, "tiers", list)
        if "database" in tiers and (interface := interface_of(cidrs.get(where[:-1], "")))
    ]
    reached = list(collapse_addresses(routed))
    for where, name, text in client_ranges(environment):
        found = private_range(text)
        if found is None or any(found.overlaps(vpc) for _, vpc in vpcs_of(environment)):
            continue
        if not any(found.subnet_of(range_) for range_ in reached):
            message = f"no route leads from the database subnets to {text} of {name}"
            hint = "add the range to `network.routes`, with the tier database"
            yield Finding(where, message, hint)
