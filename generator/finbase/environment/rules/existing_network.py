"""Rules about a network that exists already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from finbase.environment.model import Environment
from finbase.environment.rules import examples
from finbase.environment.rules.rule import Finding, Rule, rule
from finbase.source.document import Where


@rule(
    "FB219",
    "subnet listed twice",
    "existing_network.zones",
    why="A subnet is in one zone and has one route table. One that is private and for the database "
    "at once would open the database to the internet.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html",
    accepted={"existing_network.zones": examples.existing_zones("eu-west-1a", "eu-west-1b")},
    refused={"existing_network.zones": examples.existing_zones("eu-west-1a", "eu-west-1b", same=1)},
)
def each_subnet_once(environment: Environment) -> Iterator[Finding]:
    """The zones of an existing network must name each subnet once."""
    first: dict[str, Where] = {}
    for use, instance in environment.instances("existing_network"):
        zones = use.value(instance, "zones")
        for zone, subnets in zones.items() if isinstance(zones, dict) else ():
            for tier, subnet in subnets.items() if isinstance(subnets, dict) else ():
                where = use.where(instance, "zones", zone, tier)
                if isinstance(subnet, str) and (other := first.setdefault(subnet, where)) != where:
                    message = f"{subnet} is already {other[-2]}.{other[-1]}"
                    yield Finding(where, message, "write the id of another subnet")


RULES: Final[tuple[Rule, ...]] = (each_subnet_once,)
