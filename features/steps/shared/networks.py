"""Compare address ranges, and read ingress rules in every form that Terraform has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from existing import PROTOCOLS, added_beside
from internet import entries, network
from stack_graph import UNKNOWN, Resource, Stack
from stores import GROUPS, referenced

_RULE = "aws_vpc_security_group_ingress_rule"
_OLD_RULE = "aws_security_group_rule"
_ALL = ("-1", "all", "")
_WITH_PORTS = ("tcp", "udp", "6", "17")


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

    @property
    def point(self) -> tuple[str, int]:
        """Its protocol, ``-1`` for all, and its first port: the rules that open both overlap.

        Rules that overlap each other all open the first port of one of them.
        """
        kind = "-1" if self.protocol in (UNKNOWN, None) else str(self.protocol).lower()
        kind = PROTOCOLS.get(kind, kind) or "-1"
        has_ports = kind in _WITH_PORTS and isinstance(self.first, int) and self.first >= 0
        return kind, self.first if has_ports else 0

    def opens(self, point: tuple[str, int]) -> bool:
        """Return whether the rule opens a port of a protocol, or the plan does not show it."""
        own, port = self.point[0], point[1]
        known = isinstance(self.first, int) and isinstance(self.last, int)
        if own not in ("-1", point[0]):
            return False
        if own not in _WITH_PORTS or not known or -1 in (self.first, self.last):
            return True
        return bool(self.first <= port <= self.last)


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
        if values in ([None], [UNKNOWN]) and not isinstance(value, list):
            values = [UNKNOWN] * (value is UNKNOWN and bool(under or rule.writes(name)))
        # An item that is known only after apply is null.
        sources += [Source(kind, UNKNOWN if item is None else item) for item in values]
    return sources


def ranges_of(stack: Stack, rule: Ingress, source: Source) -> list[Any]:
    """Return the ranges of a source; ``UNKNOWN`` for what the plan does not show."""
    if source.kind == "range":
        return [network(source.value) or UNKNOWN]
    if source.kind != "prefix list":
        return []
    names = ("prefix_list_id", "prefix_list_ids")
    paths = [*(f"{rule.under}{name}" for name in names), *(["ingress"] * bool(rule.under))]
    found = entries(stack, rule.rule, paths, source.value)
    return [UNKNOWN] if found is None else [*found]


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
