"""Decide what is the internet, and which routes lead to it.

It is the one place that decides so, for every control. Ranges are added up, because a route or a
rule for each half is one for all. The entries of a prefix list count like ranges. One
whose entries the plan does not show stands for ``UNKNOWN``, which can be any address.

A route is a resource and a prefix of paths: ``aws_route.x`` and ``""``, or a table and
``route.0.``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from existing import TARGETS
from kinds import is_hidden, listed
from stack_graph import UNKNOWN, Resource, Stack

Range = ipaddress.IPv4Network | ipaddress.IPv6Network
Route = tuple[Resource, str]

_PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]
_ALL = {4: 1 << 32, 6: 1 << 125}
"""How many addresses the internet has; those of IPv6 are in 2000::/3."""
_SHARE = 128
"""The part of the internet that counts as the internet: 1/128, a /7 or four of the largest blocks
of IPv6 that regions have."""
_IPV4_BY_IPV6 = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv6 addresses that a NAT gateway translates: they end with an IPv4 address."""
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
_MANAGED_LIST = "aws_ec2_managed_prefix_list"
_LISTS = (_MANAGED_LIST, "aws_prefix_list", "aws_vpc_endpoint")


def network(value: Any) -> Range | None:
    """Return a range, or None if the value is none.

    >>> network("10.0.0.0/16")
    IPv4Network('10.0.0.0/16')
    """
    if isinstance(value, Range):
        return value
    try:
        return ipaddress.ip_network(value, strict=False) if isinstance(value, str) else None
    except ValueError:
        return None


def within(value: Any, ranges: Iterable[Any]) -> bool:
    """Return whether a range is inside one of the others, of the same version of IP.

    >>> within("10.0.1.0/24", [network("10.0.0.0/16")]), within("0.0.0.0/0", [])
    (True, False)
    """
    inner = network(value)
    return inner is not None and any(
        inner.version == outer.version and inner.subnet_of(outer) for outer in ranges
    )


def reaches_internet(value: Any) -> bool:
    """Return whether a range holds public addresses; so does a value that is not a range.

    >>> reaches_internet("0.0.0.0/1"), reaches_internet("10.9.0.0/16"), reaches_internet(None)
    (True, False, True)
    """
    return not within(value, _PRIVATE)


def is_internet(values: Iterable[Any]) -> bool:
    """Return whether ranges are together the internet, or 1/128 of it, or not known.

    >>> is_internet(["0.0.0.0/0"]), is_internet(["10.0.0.0/8", "203.0.113.0/24"])
    (True, False)
    >>> is_internet(["8.0.0.0/8"]), is_internet(["8.0.0.0/8", "12.0.0.0/8"])
    (False, True)
    >>> regions = ["2400::/12", "2600::/12", "2800::/12", "2a00::/12"]
    >>> is_internet(regions[:3]), is_internet(regions)
    (False, True)
    >>> is_internet(["64:ff9b::800:0/103"]), is_internet([None])
    (True, True)
    """
    found: dict[int, list[Any]] = {4: [], 6: []}
    for value in values:
        range_ = network(value)
        if range_ is None:
            return True
        if within(range_, [_IPV4_BY_IPV6]):
            last = int(range_.network_address) & 0xFFFFFFFF
            range_ = ipaddress.IPv4Network((last, range_.prefixlen - 96))
        found[range_.version].append(range_)
    return any(_public(ranges) * _SHARE >= _ALL[version] for version, ranges in found.items())


def _public(ranges: list[Any]) -> int:
    """Return how many public addresses some ranges of one version hold together."""
    count = 0
    for range_ in ipaddress.collapse_addresses(ranges):
        if reaches_internet(range_):
            count += range_.num_addresses
            count -= sum(p.num_addresses for p in _PRIVATE if within(p, [range_]))
    return count


def entries(
    stack: Stack, resource: Resource, paths: Iterable[str], value: Any
) -> list[Range] | None:
    """Return the ranges of the prefix lists that an argument means; None if the plan hides some.

    No ranges are those of data sources that have read empty lists.

    ``value`` is the planned id. If it is unknown, the first of the paths that is set leads to the
    lists: a block can have one expression for all of it.
    """
    if value is UNKNOWN:
        path = next((path for path in paths if stack.trace(resource, path)), "")
        ends = [r for origin in stack.trace(resource, path) for r in origin.resources]
        lists = () if is_hidden(stack, resource, path) else [r for r in ends if r.type in _LISTS]
    else:
        ids = ("id", "prefix_list_id")
        lists = [r for r in stack.resources if r.type in _LISTS and value in map(r.planned, ids)]
    found = [network(value) for each in lists for value in _held(stack, each)]
    ranges = [range_ for range_ in found if range_]
    read = bool(lists) and all(each.mode == "data" for each in lists)
    return ranges if (ranges or read) and len(ranges) == len(found) else None


def _held(stack: Stack, prefix_list: Resource) -> Iterator[Any]:
    """Yield each range of a list, and ``UNKNOWN`` for what the plan does not show."""
    if prefix_list.type != _MANAGED_LIST:
        yield from _items(prefix_list.planned("cidr_blocks"))
        return
    if prefix_list.mode == "data":
        yield from _items(prefix_list.planned("entries"), "cidr")
        return
    separate = [
        entry.planned("cidr")
        for entry in stack.all(f"{_MANAGED_LIST}_entry")
        if is_of(stack, entry, "prefix_list_id", prefix_list)
    ]
    yield from separate
    inline = prefix_list.planned("entry")
    # The provider does not know the entries of a new list with separate ones.
    if not separate or inline is not UNKNOWN:
        yield from _items(inline or [], "cidr")


def _items(values: Any, name: str = "") -> Iterator[Any]:
    if not isinstance(values, list):
        yield UNKNOWN
        return
    yield from (item.get(name) if name and isinstance(item, dict) else item for item in values)


def is_of(stack: Stack, part: Resource, path: str, whole: Resource) -> bool:
    """Return whether a part names a resource by its id, or the plan does not show that it does not.

    So a route is of its table, and an entry of its prefix list.
    """
    planned = part.planned(path)
    if planned is not UNKNOWN and whole.planned("id") is not UNKNOWN:
        return bool(planned == whole.planned("id"))
    sources = [r for origin in stack.trace(part, path) for r in origin.resources]
    return whole in sources or (planned is UNKNOWN and is_hidden(stack, part, path))


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
