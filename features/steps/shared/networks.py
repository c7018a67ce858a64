"""Compare address ranges, and read ingress rules in every form that Terraform has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from existing import PROTOCOLS, added_beside
from ranges import entries, network, within
from stack_graph import UNKNOWN, Origin, Resource, Stack, prefix
from stores import GROUPS

_RULE = "aws_vpc_security_group_ingress_rule"
_OLD_RULE = "aws_security_group_rule"
_ALL = ("-1", "all", "")
_WITH_PORTS = ("tcp", "udp", "6", "17")
_RANGES = ("cidr_block", "ipv6_cidr_block")
_NAMED: Mapping[str, Mapping[str, Sequence[str]]] = {
    "range": {
        "aws_vpc": (*_RANGES, "cidr_block_associations"),
        "aws_default_vpc": _RANGES,
        "aws_subnet": _RANGES,
        "aws_default_subnet": _RANGES,
        "aws_vpc_ipv4_cidr_block_association": _RANGES,
        "aws_vpc_ipv6_cidr_block_association": _RANGES,
    },
    "prefix list": {
        "aws_ec2_managed_prefix_list": ("id",),
        "aws_prefix_list": ("id", "prefix_list_id"),
        "aws_vpc_endpoint": ("prefix_list_id",),
    },
    "group": {
        **dict.fromkeys(GROUPS, ("id",)),
        "aws_security_groups": ("ids",),
        "aws_vpc": ("default_security_group_id",),
        "aws_default_vpc": ("default_security_group_id",),
        "aws_eks_cluster": ("vpc_config.0.cluster_security_group_id",),
    },
}
"""The attributes that are a range of a VPC, a prefix list or a group of the account, also before
the plan shows their values."""


class Source(NamedTuple):
    """Where a rule lets traffic in from: a range, a prefix list or a group, by its argument."""

    kind: str
    value: Any
    path: str


class Ingress(NamedTuple):
    """One rule that lets traffic in: its resource, the path of its block, its group, its ports.

    ``groups`` are the addresses of the groups that it can be of, and an empty text for any other.
    """

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
            Source(kind, value, name)
            for kind, name in single
            if (value := rule.planned(name)) is not None
            and (value is not UNKNOWN or stack.is_set(rule, name))
        ]
        yield _rule(stack, rule, "", "ip_protocol", sources)
    for rule in stack.all(_OLD_RULE):
        if rule.planned("type") != "egress":
            yield _rule(stack, rule, "", "protocol", _old_sources(stack, rule, ""))
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
                block = _rule(stack, group, under, "protocol", _old_sources(stack, group, under))
                yield block._replace(groups=(group.address,))


def _rule(
    stack: Stack, rule: Resource, under: str, protocol: str, sources: list[Source]
) -> Ingress:
    groups = groups_of(stack, rule, "security_group_id")
    ports = (rule.planned(f"{under}{name}") for name in ("from_port", "to_port"))
    first, last = ports
    kind = rule.planned(f"{under}{protocol}")
    return Ingress(rule, under, groups, kind, first, last, tuple(sources))


def _old_sources(stack: Stack, rule: Resource, under: str) -> list[Source]:
    lists = (
        ("range", "cidr_blocks"),
        ("range", "ipv6_cidr_blocks"),
        ("prefix list", "prefix_list_ids"),
        ("group", "security_groups"),
        ("group", "source_security_group_id"),
    )
    sources: list[Source] = []
    for kind, name in lists:
        path = f"{under}{name}"
        value = rule.planned(path)
        # A rule from ranges or from itself has no other group, but the provider computes one.
        if name == "source_security_group_id" and value is UNKNOWN:
            shown = any(s.kind == "range" and s.value is not UNKNOWN for s in sources)
            value = None if shown or rule.planned("self") is True else value
        values = value if isinstance(value, list) else [value]
        if values in ([None], [UNKNOWN]) and not isinstance(value, list):
            values = [UNKNOWN] * (value is UNKNOWN and bool(under or stack.is_set(rule, name)))
        # An item that is known only after apply is null.
        sources += [Source(kind, UNKNOWN if item is None else item, path) for item in values]
    return sources


def groups_of(stack: Stack, resource: Resource, path: str) -> tuple[str, ...]:
    """Return the addresses of the groups that an argument can mean, by its id or by reference.

    One that the plan does not have is its id, and one that it does not show an empty text.
    """
    by_id = {group.planned("id"): group.address for type_ in GROUPS for group in stack.all(type_)}
    known = [by_id.get(id_, id_) for id_ in resource.items(path) if isinstance(id_, str)]
    ends = _origins(stack, resource, path)
    found = [r.address for end in ends for r in end.resources if r.type in GROUPS]
    shown = all(r.type in GROUPS for end in ends for r in end.resources)
    hidden = not known and not (
        found and shown and all(end.resources or is_absent(end, "group") for end in ends)
    )
    return tuple(dict.fromkeys([*known, *found, *[""] * hidden]))


def is_shown(stack: Stack, rule: Ingress, source: Source) -> bool:
    """Return whether an unknown source is provably a range of a VPC, or a list or group of AWS.

    Inline rules have one expression for all their arguments, so each of its references must be
    one that cannot hide another source.
    """
    ends = _origins(stack, rule.rule, source.path)
    kinds = [*_NAMED] if rule.under else [source.kind]
    return any(_is(end, source.kind) for end in ends) and all(
        any(_is(end, kind) or is_absent(end, kind) for kind in kinds) or _is_harmless(end)
        for end in ends
    )


def is_absent(end: Origin, kind: str) -> bool:
    """Return whether an origin is a resource without instances, as modules have alternatives."""
    text = re.sub(r"(^|\.)module\.[\w-]+(\[[^]]*\])?(?=\.)|(^|\.)data(?=\.)", "", end.text)
    type_, _, name = text.strip(".").partition(".")
    return not end.resources and bool(name) and type_ in _NAMED[kind]


def _is(end: Origin, kind: str) -> bool:
    """Return whether an origin is a range of a VPC, a prefix list, or a group."""
    of_type = [_NAMED[kind].get(resource.type, ()) for resource in end.resources]
    place = f"{end.attribute}."
    return bool(of_type) and all(
        names and (not end.attribute or any(place.startswith(f"{name}.") for name in names))
        for names in of_type
    )


def _is_harmless(end: Origin) -> bool:
    """Return whether an origin is known, and is neither a range nor a group of another account."""
    values = [resource.planned(end.attribute) for resource in end.resources if end.attribute]
    if end.resources and end.attribute == "port":
        return True
    if not end.resources:
        values = [end.literal]
    elif None in values:  # The provider can still compute it.
        return False
    texts = [text for value in values for text in _texts(value)]
    return bool(values) and not any(
        text is UNKNOWN or ("/" in text and (network(text) or "/sg-" in text)) for text in texts
    )


def _texts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)
    elif value is UNKNOWN or isinstance(value, str):
        yield value


def _origins(stack: Stack, resource: Resource, path: str) -> list[Origin]:
    """Return the origins of an argument, and of all inline blocks where they have one expression.

    An ``each.value`` is any item of ``for_each``; a key is known, so it is left out.
    """
    block, _, name = path.partition(".")
    name = name.rpartition(".")[2]
    paths = [p for p in resource.paths(block) if p == block or p.endswith(f".{name}")]
    above = prefix(resource.module)
    ends: list[Origin] = []
    for end in (end for written in paths for end in stack.trace(resource, written)):
        if re.search(r"(^|\.)(each\.key|count\.index)$", end.text):
            continue
        if not end.resources and re.match(r"each\.value\b", end.text.removeprefix(above)):
            ends += stack.trace_items(resource) or [end]
        else:
            ends.append(end)
    return ends


def ranges_of(stack: Stack, rule: Ingress, source: Source) -> list[Any]:
    """Return the ranges of a source; ``UNKNOWN`` for what the plan does not show."""
    if source.kind == "range":
        return [network(source.value) or UNKNOWN]
    if source.kind != "prefix list":
        return []
    if source.value is UNKNOWN and not is_shown(stack, rule, source):
        return [UNKNOWN]
    paths = [source.path, *(["ingress"] * bool(rule.under))]
    found = entries(stack, rule.rule, paths, source.value)
    return [UNKNOWN] if found is None else [*found]


def has_reason(rule: Resource) -> bool:
    """Return whether a rule has a tag ``Reason``, as those of clients outside of the stack have."""
    reason = rule.planned("tags.Reason")
    return isinstance(reason, str) and bool(reason.strip())


def vpc_ranges(stack: Stack) -> list[Any]:
    """Return the ranges of the VPCs and subnets in the plan, those that are read included."""
    found: list[Any] = []
    for type_ in _NAMED["range"]:
        for resource in (r for r in stack.resources if r.type == type_):
            values = [resource.planned(name) for name in _RANGES]
            more = resource.planned("cidr_block_associations")
            values += [each.get("cidr_block") for each in more] if isinstance(more, list) else []
            found += [r for v in values if (r := network(v)) and not within(r, found)]
    return found
