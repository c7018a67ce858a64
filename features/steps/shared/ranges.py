"""Decide which ranges are the internet, for every control.

Ranges are added up, because a route or a rule for each half is one for all. The entries of a prefix
list count like ranges. One whose entries the plan does not show stands for ``UNKNOWN``, which can
be any address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any

from kinds import is_hidden
from stack_graph import UNKNOWN, Resource, Stack

Range = ipaddress.IPv4Network | ipaddress.IPv6Network

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
