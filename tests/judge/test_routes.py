"""A large part of the internet is a way out, whatever gateway it takes."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

from kinds import ISOLATED, PRIVATE, PUBLIC
from routes import tier, wide_routes
from stack_graph import Stack
from stores import routes_of

NAT = "aws_nat_gateway"
INTERNET = "aws_internet_gateway"


def refer(*addresses: str) -> dict[str, list[str]]:
    return {"references": [name for a in addresses for name in (f"{a}.id", a)]}


def stack(*routes: tuple[str, str], table: Any = None) -> Stack:
    """A subnet ``x`` with one table, and a route for each pair of a range and a gateway.

    ``table`` is the expression for the table of the routes, if it is not just ``x``.
    """
    written: dict[str, dict[str, Any]] = {
        "aws_vpc.x": {},
        "aws_subnet.x": {"vpc_id": refer("aws_vpc.x")},
        "aws_route_table.x": {"vpc_id": refer("aws_vpc.x")},
        "aws_route_table.y": {"vpc_id": refer("aws_vpc.x")},
        "aws_route_table_association.x": {
            "subnet_id": refer("aws_subnet.x"),
            "route_table_id": refer("aws_route_table.x"),
        },
        f"{NAT}.x": {},
        f"{INTERNET}.x": {},
    }
    planned: dict[str, dict[str, Any]] = {}
    for number, (range_, gateway) in enumerate(routes):
        name = "destination_ipv6_cidr_block" if ":" in range_ else "destination_cidr_block"
        argument = "nat_gateway_id" if gateway == NAT else "gateway_id"
        written[f"aws_route.r{number}"] = {
            "route_table_id": table or refer("aws_route_table.x"),
            argument: refer(f"{gateway}.x"),
        }
        planned[f"aws_route.r{number}"] = {name: range_}
    resources = [
        {
            "address": address,
            "mode": "managed",
            "type": address.partition(".")[0],
            "name": address.partition(".")[2],
            "expressions": expressions,
            "values": planned.get(address, {}),
        }
        for address, expressions in written.items()
    ]
    unknown = dict.fromkeys(("id", "route_table_id", "subnet_id", "vpc_id", "gateway_id"), True)
    unknown["nat_gateway_id"] = True
    changes = [
        {
            "address": address,
            "change": {
                "after_unknown": {n: True for n in unknown if n == "id" or n in expressions}
            },
        }
        for address, expressions in written.items()
    ]
    root = {"resources": resources}
    return Stack(
        {
            "configuration": {"root_module": root},
            "planned_values": {"root_module": root},
            "resource_changes": changes,
        }
    )


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([], ISOLATED),
        ([("10.1.0.0/16", INTERNET)], ISOLATED),
        ([("203.0.113.0/24", NAT)], ISOLATED),
        ([("0.0.0.0/0", INTERNET)], PUBLIC),
        ([("0.0.0.0/0", NAT)], PRIVATE),
        ([("0.0.0.0/1", INTERNET)], PUBLIC),
        ([("0.0.0.0/1", NAT), ("128.0.0.0/1", NAT)], PRIVATE),
        ([("0.0.0.0/1", INTERNET), ("128.0.0.0/1", NAT)], PRIVATE),
        ([("::/1", INTERNET)], PUBLIC),
        ([("2000::/3", INTERNET)], PUBLIC),
        ([("fd00::/8", INTERNET)], ISOLATED),
    ],
)
def test_tier_counts_wide_routes(routes: list[tuple[str, str]], expected: str) -> None:
    planned = stack(*routes)
    (subnet,) = planned.all("aws_subnet")
    assert tier(planned, subnet) == expected


@pytest.mark.parametrize(
    ("ranges", "wide"),
    [
        (["0.0.0.0/0"], True),
        (["128.0.0.0/1"], True),
        (["64.0.0.0/2"], True),
        (["8000::/1"], True),
        (["2000::/3"], True),
        (["2600::/12"], False),
        (["8.0.0.0/8"], False),
        (["8.0.0.0/8", "203.0.113.0/24"], False),
        (["8.0.0.0/8", "203.0.0.0/8"], True),
        (["10.0.0.0/8", "172.16.0.0/12", "fc00::/7"], False),
    ],
)
def test_wide_routes_are_the_internet_together(ranges: list[str], wide: bool) -> None:
    planned = stack(*((range_, INTERNET) for range_ in (*ranges, "10.1.0.0/16")))
    table = planned.all("aws_route_table", "x")[0]
    names = [route.name for route in wide_routes(planned, table)]
    assert names == [f"r{number}" for number in range(len(ranges))] * wide


@pytest.mark.parametrize(
    ("table", "count"),
    [
        (refer("aws_route_table.x"), 1),
        (refer("aws_route_table.y"), 0),
        (refer("aws_route_table.y", "aws_route_table.x"), 1),
        # coalesce(local.table, aws_route_table.y.id)
        ({"references": ["local.table", "aws_route_table.y.id", "aws_route_table.y"]}, 1),
    ],
)
def test_routes_that_may_be_of_a_subnet_count(table: Any, count: int) -> None:
    planned = stack(("0.0.0.0/0", INTERNET), table=table)
    (subnet,) = planned.all("aws_subnet")
    assert len([*routes_of(planned, subnet)]) == count
