"""Decide which routes lead to the internet, for every control.

A route is a resource and a prefix of paths: ``aws_route.x`` and ``""``, or a table and
``route.0.``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from existing import TARGETS
from kinds import listed
from ranges import entries, is_internet, reaches_internet
from stack_graph import UNKNOWN, Resource, Stack

Route = tuple[Resource, str]

_RANGES = (
    *("destination_cidr_block", "destination_ipv6_cidr_block"),
    *("cidr_block", "ipv6_cidr_block"),
)
_LIST = "destination_prefix_list_id"
EGRESS_ONLY = "egress_only_gateway_id"
"""The target of a gateway for IPv6 that lets nothing in, as a NAT gateway does for IPv4."""
_EXITS = (
    *("nat_gateway_id", EGRESS_ONLY, "carrier_gateway_id"),
    *("network_interface_id", "instance_id"),
)
"""Targets of routes that lead out of the VPC, to any destination."""
_KINDS = {"aws_vpn_gateway": "vpn", "aws_vpc_endpoint": "endpoint"}
_IDS = {"vgw-": "vpn", "vpce-": "endpoint"}


def reached(stack: Stack, route: Resource, path: str) -> list[Any]:
    """Return the ranges that a route leads to; ``UNKNOWN`` for those that the plan hides."""
    values = [value for name in _RANGES if (value := route.planned(path + name)) is not None]
    prefix_list = route.planned(path + _LIST)
    if prefix_list is not None:
        found = entries(stack, route, _places(path, _LIST), prefix_list)
        values += [UNKNOWN] if found is None else found
    return values


def destination(stack: Stack, route: Resource, path: str) -> str:
    """Write where a route leads to, for a message."""
    ranges = [value for name in _RANGES if (value := route.planned(path + name)) is not None]
    texts = ["a range that this plan does not show" if v is UNKNOWN else str(v) for v in ranges]
    if (prefix_list := route.planned(path + _LIST)) is not None:
        found = entries(stack, route, _places(path, _LIST), prefix_list)
        hidden = ", which this plan does not show" * (found is None)
        name = _named(stack, route, path, _LIST) or "a prefix list"
        texts.append(f"the entries of {name}{hidden}")
    return listed(texts) or "nowhere"


def target(stack: Stack, route: Resource, path: str) -> str:
    """Return what a route leads through: the resources that its target names, or else its id."""
    for name in (*TARGETS, "instance_id"):
        if _has(route, path, name):
            return _named(stack, route, path, name) or f"a {name} that this plan does not show"
    return "an unknown target"


def _named(stack: Stack, route: Resource, path: str, name: str) -> str:
    """Return the resources that an argument of a route names, or its value, or its origins."""
    planned = route.planned(path + name)
    ends = next(filter(None, (stack.trace(route, p) for p in _places(path, name))), ())
    resources = listed(end.text for end in ends if end.resources)
    from_ = "" if planned is UNKNOWN else str(planned)
    return resources or from_ or listed(end.text for end in ends)


def leaving(stack: Stack, route: Resource, path: str) -> str:
    """Return the target of a route that leads out of the VPC to public addresses, or nothing.

    A gateway endpoint leads to addresses of AWS only.
    """
    for name in _EXITS:
        if _has(route, path, name):
            return target(stack, route, path)
    if _is_inside(stack, route, path):
        return ""
    if _gateway(stack, route, path) == "internet":
        through = target(stack, route, path)
        return f"{destination(stack, route, path)} through {through}" if path else through
    if not any(map(reaches_internet, reached(stack, route, path))):
        return ""
    to = destination(stack, route, path)
    return f"{to} through {target(stack, route, path)}"


def hides_destination(stack: Stack, route: Resource, path: str) -> bool:
    """Return whether a route leads out only because the plan does not show its destination."""
    leads_out = any(_has(route, path, name) for name in _EXITS) or _is_direct(stack, route, path)
    ranges = reached(stack, route, path)
    shown = [range_ for range_ in ranges if range_ is not UNKNOWN]
    return UNKNOWN in ranges and not leads_out and not any(map(reaches_internet, shown))


def past(
    stack: Stack, routes: Iterable[Route], through: Callable[[Resource, str], bool]
) -> list[Route]:
    """Return the routes that lead to the internet, but not ``through`` the right gateway.

    An internet, carrier or egress-only gateway always leads there, another NAT gateway with public
    addresses, all others together if their ranges are the internet, or are not shown.
    """
    direct: list[Route] = []
    others: list[Route] = []
    for route, path in routes:
        if through(route, path):
            continue
        ranges = reached(stack, route, path)
        if _is_direct(stack, route, path):
            direct.append((route, path))
        elif any(map(reaches_internet, ranges)) and not _is_inside(stack, route, path):
            alone = UNKNOWN in ranges or _has(route, path, "nat_gateway_id")
            (direct if alone else others).append((route, path))
    added = [range_ for route, path in others for range_ in reached(stack, route, path)]
    return direct + others * is_internet(added)


def _is_inside(stack: Stack, route: Resource, path: str) -> bool:
    kind = _gateway(stack, route, path)
    return kind == "local" or (kind == "endpoint" and _is_service(stack, route, path))


def _is_direct(stack: Stack, route: Resource, path: str) -> bool:
    gateways = ("carrier_gateway_id", EGRESS_ONLY)
    leads_out = any(_has(route, path, name) for name in gateways)
    return leads_out or _gateway(stack, route, path) == "internet"


def _has(route: Resource, path: str, name: str) -> bool:
    """Return whether a route has a target; the provider does not know those of a new resource."""
    return route.planned(path + name) is not None and bool(path or route.writes(name))


def _gateway(stack: Stack, route: Resource, path: str) -> str:
    """Return which kind of gateway ``gateway_id`` names: ``internet`` also for a hidden one."""
    planned = route.planned(f"{path}gateway_id")
    if planned == "local" or not _has(route, path, "gateway_id"):
        return "local" if planned == "local" else ""
    if isinstance(planned, str) and planned.startswith((*_IDS,)):
        return _IDS[planned.partition("-")[0] + "-"]
    places = _places(path, "gateway_id")
    ends = next(filter(None, (stack.trace(route, place) for place in places)), ())
    found = {_KINDS.get(r.type, "internet") for end in ends for r in end.resources}
    return found.pop() if len(found) == 1 else "vpn" if found == {*_KINDS.values()} else "internet"


def _is_service(stack: Stack, route: Resource, path: str) -> bool:
    """Return whether a route to an endpoint has the prefix list of that service of AWS."""
    value = route.planned(path + _LIST)
    ends = stack.trace(route, path + _LIST)
    types = {r.type for end in ends for r in end.resources}
    lists = [r.planned("prefix_list_id") for r in stack.resources if r.type == "aws_vpc_endpoint"]
    return value in lists if isinstance(value, str) else types == {"aws_vpc_endpoint"}


def _places(path: str, name: str) -> list[str]:
    """Return where an argument of a route is written; inline routes can have one expression."""
    return [path + name, *([path.partition(".")[0]] * bool(path))]
