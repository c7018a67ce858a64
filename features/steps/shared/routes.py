"""Follow a subnet to its route table and its default route, and read its tier from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from internet import reached
from kinds import ISOLATED, PRIVATE, PUBLIC, is_unclear, listed, zone
from ranges import is_internet, reaches_internet
from stack_graph import UNKNOWN, Resource, Stack
from tables import unclear_associations, unclear_table

_ANYWHERE = "0.0.0.0/0"
_USERS = (
    ("aws_lambda_function", "vpc_config.0.subnet_ids"),
    ("aws_db_subnet_group", "subnet_ids"),
    ("aws_elasticache_serverless_cache", "subnet_ids"),
)


class Path(NamedTuple):
    """The path from a subnet to its default route; ``route`` is None if the path breaks off."""

    text: str
    route: Resource | None = None


def tier(stack: Stack, subnet: Resource) -> str:
    """Return whether a subnet is public, private or isolated (``database``).

    The names of the design decide. The tier of a subnet with another name follows from its default
    route and its use: a subnet of a function is for workloads, so it must be private.
    """
    if subnet.name in (PUBLIC, PRIVATE, ISOLATED):
        return subnet.name
    users = {type_ for type_, path in _USERS if _uses(stack, type_, path, subnet)}
    found = route_tables(stack, subnet)
    if len(found) != 1 or unclear_associations(stack, subnet):
        return PRIVATE
    routes = _default_routes(stack, found[0]) or wide_routes(stack, found[0])
    if not routes and _USERS[0][0] not in users:
        return ISOLATED
    leads_out = [r for r in routes if stack.one(r, "gateway_id", "aws_internet_gateway")]
    return PUBLIC if leads_out and leads_out == routes and not users else PRIVATE


def subnets(stack: Stack, wanted: str) -> list[Resource]:
    """Return the subnets of a tier."""
    return [subnet for subnet in stack.all("aws_subnet") if tier(stack, subnet) == wanted]


def default_route(stack: Stack, subnet: Resource) -> Path:
    """Return the path from a subnet to its only default route."""
    text = f"{zone(subnet)}: {subnet.address}"
    tables = route_tables(stack, subnet)
    if len(tables) != 1:
        if unclear := unclear_associations(stack, subnet):
            return Path(f"{text}: its route table is not shown by this plan: {unclear}")
        return Path(f"{text} is associated with {len(tables)} route tables; associate it with one")
    table = tables[0]
    text = f"{text} → {table.address}"
    if table.holds("route"):
        fix = "inline routes, which remove separate ones; write aws_route resources instead"
        return Path(f"{text} has {fix}")
    routes = _default_routes(stack, table)
    if len(routes) != 1:
        for route in () if routes else _routes_to_anywhere(stack):
            if is_unclear(stack, route, "route_table_id", table):
                now = unclear_table(stack, route)
                return Path(f"{text}: its routes are not shown by this plan: {now}")
        unknown = [
            r.address
            for r in routes_of(stack, table)
            if r.planned("destination_cidr_block") is UNKNOWN
        ]
        if not routes and unknown:
            return Path(f"{text}: this plan does not show the destination of {listed(unknown)}")
        return Path(f"{text} has {len(routes)} routes to {_ANYWHERE}; it must have exactly one")
    return Path(f"{text} → {routes[0].address}", routes[0])


def route_tables(stack: Stack, subnet: Resource) -> list[Resource]:
    """Return the route table of each association of a subnet, where the plan shows which.

    A subnet without an association has the main route table of its VPC.
    """
    tables = [
        table
        for association in stack.all("aws_route_table_association")
        if stack.one(association, "subnet_id", "aws_subnet") == subnet
        and (table := stack.one(association, "route_table_id", "aws_route_table"))
    ]
    if tables or unclear_associations(stack, subnet):
        return tables
    vpc = stack.one(subnet, "vpc_id", "aws_vpc")
    return [
        table
        for main in stack.all("aws_main_route_table_association")
        if vpc
        and stack.one(main, "vpc_id", "aws_vpc") == vpc
        and (table := stack.one(main, "route_table_id", "aws_route_table"))
    ]


def _default_routes(stack: Stack, table: Resource) -> list[Resource]:
    return [r for r in routes_of(stack, table) if r in [*_routes_to_anywhere(stack)]]


def routes_of(stack: Stack, table: Resource) -> list[Resource]:
    """Return the separate routes of a table, where the plan shows that they are."""
    return [
        route
        for route in stack.all("aws_route")
        if stack.one(route, "route_table_id", "aws_route_table") == table
    ]


def wide_routes(stack: Stack, table: Resource) -> list[Resource]:
    """Return the routes of a table to public addresses, if they lead together to the internet."""
    reach = [(route, reached(stack, route, "")) for route in routes_of(stack, table)]
    public = [(r, ranges) for r, ranges in reach if any(map(reaches_internet, ranges))]
    wide = is_internet(range_ for _, ranges in public for range_ in ranges)
    return [route for route, _ in public if wide]


def _routes_to_anywhere(stack: Stack) -> Iterator[Resource]:
    for route in stack.all("aws_route"):
        if route.planned("destination_cidr_block") == _ANYWHERE:
            yield route


def _uses(stack: Stack, type_: str, path: str, subnet: Resource) -> bool:
    return any(
        subnet in origin.resources
        for user in stack.all(type_)
        for origin in stack.trace(user, path)
    )
