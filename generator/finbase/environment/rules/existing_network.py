"""Rules about a network that exists already."""

from __future__ import annotations

from collections.abc import Iterator

from finbase.environment.model import Environment
from finbase.environment.rules import examples
from finbase.environment.rules.inputs import entries, values
from finbase.environment.rules.rule import AWS, Finding, rule
from finbase.source.document import Where


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
def each_subnet_once(environment: Environment) -> Iterator[Finding]:
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
def one_way_out(environment: Environment) -> Iterator[Finding]:
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
