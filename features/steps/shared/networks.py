"""Compare address ranges, and read ingress rules in every form that Terraform has."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, NamedTuple

from existing import added_beside
from stack_graph import UNKNOWN, Resource, Stack
from stores import GROUPS, referenced

_RULE = "aws_vpc_security_group_ingress_rule"
_OLD_RULE = "aws_security_group_rule"
_ALL = ("-1", "all", "")
_WITH_PORTS = ("tcp", "udp", "6", "17")
_PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]


class Source(NamedTuple):
    """Where a rule lets traffic in from: a range, a prefix list, a group, or the group itself."""

    kind: str
    value: Any


class Ingress(NamedTuple):
    """One rule that lets traffic in: its resource, the path of its block, its group, its ports."""

    rule: Resource
    under: str
    groups: tuple[str, ...]
    protocol: Any
    first: Any
    last: Any
    sources: tuple[Source, ...]

    def ports(self, wanted: set[int]) -> set[int]:
        """Return which ports the rule opens; all of them if the plan does not show the range."""
        protocol = str(self.protocol).lower()
        if self.protocol is not UNKNOWN and protocol not in (*_ALL, *_WITH_PORTS):
            return set()
        known = isinstance(self.first, int) and isinstance(self.last, int)
        if protocol in _ALL or not known or -1 in (self.first, self.last):
            return wanted
        if protocol in ("udp", "17"):
            return set()
        return {port for port in wanted if self.first <= port <= self.last}


def ingress(stack: Stack) -> Iterator[Ingress]:
    """Yield every rule that lets traffic into a group: separate, legacy and inline ones."""
    single = (
        ("range", "cidr_ipv4"),
        ("range", "cidr_ipv6"),
        ("prefix list", "prefix_list_id"),
        ("group", "referenced_security_group_id"),
    )
    for rule in stack.all(_RULE):
        sources = [
            Source(kind, value)
            for kind, name in single
            if (value := rule.planned(name)) is not None
            and (value is not UNKNOWN or stack.is_set(rule, name))
        ]
        yield _rule(stack, rule, "", "ip_protocol", sources)
    for rule in stack.all(_OLD_RULE):
        if rule.planned("type") != "egress":
            yield _rule(stack, rule, "", "protocol", _old_sources(rule, ""))
    for type_ in GROUPS:
        for group in stack.all(type_):
            blocks = group.planned("ingress")
            numbers = added_beside(stack, group, "ingress")
            if group.holds("ingress"):
                if not isinstance(blocks, list):
                    yield Ingress(group, "ingress", (group.address,), UNKNOWN, UNKNOWN, UNKNOWN, ())
                    continue
                numbers = [*range(len(blocks))]
            for n in numbers:
                under = f"ingress.{n}."
                block = _rule(stack, group, under, "protocol", _old_sources(group, under))
                yield block._replace(groups=(group.address,))


def _rule(
    stack: Stack, rule: Resource, under: str, protocol: str, sources: list[Source]
) -> Ingress:
    groups = [g.address for g in referenced(stack, rule, "security_group_id") if g.type in GROUPS]
    ports = (rule.planned(f"{under}{name}") for name in ("from_port", "to_port"))
    first, last = ports
    kind = rule.planned(f"{under}{protocol}")
    return Ingress(rule, under, tuple(groups), kind, first, last, tuple(sources))


def _old_sources(rule: Resource, under: str) -> list[Source]:
    lists = (
        ("range", "cidr_blocks"),
        ("range", "ipv6_cidr_blocks"),
        ("prefix list", "prefix_list_ids"),
        ("group", "security_groups"),
        ("group", "source_security_group_id"),
    )
    sources = []
    for kind, name in lists:
        value = rule.planned(f"{under}{name}")
        values = value if isinstance(value, list) else [value]
        written = not under and not rule.writes(name)
        sources += [
            Source(kind, item)
            for item in values
            if item is not None and not (item is UNKNOWN and written)
        ]
        sources += [Source(kind, UNKNOWN) for item in values if item is None and len(values) > 1]
    return sources


def network(value: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return a range, or None if the value is none.

    >>> network("10.0.0.0/16")
    IPv4Network('10.0.0.0/16')
    """
    try:
        return ipaddress.ip_network(value, strict=False) if isinstance(value, str) else None
    except ValueError:
        return None


def within(value: Any, ranges: list[Any]) -> bool:
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


def has_reason(rule: Resource) -> bool:
    """Return whether a rule has a tag ``Reason``, as those of clients outside of the stack have."""
    reason = rule.planned("tags.Reason")
    return isinstance(reason, str) and bool(reason.strip())


def vpc_ranges(stack: Stack) -> list[Any]:
    """Return the ranges of the VPCs in the plan, those that are read included."""
    kinds = (
        "aws_vpc",
        "aws_vpc_ipv4_cidr_block_association",
        "aws_vpc_ipv6_cidr_block_association",
    )
    names = ("cidr_block", "ipv6_cidr_block")
    values = [r.planned(n) for r in stack.resources if r.type in kinds for n in names]
    return [found for value in values if (found := network(value))]
