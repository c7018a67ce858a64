"""Read every flow that the security groups of a plan allow.

The features require a separate rule at each end of a flow. A plan may still have rules inside a
group, or as ``aws_security_group_rule``, and a list of all flows must not miss them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from finbase.plan.addresses import type_of

if TYPE_CHECKING:
    from stack_graph import Resource, Stack

GROUPS = ("aws_security_group", "aws_default_security_group")
UNKNOWN = "unknown in the plan"

_RULES = {"aws_vpc_security_group_egress_rule": True, "aws_vpc_security_group_ingress_rule": False}
_ENDPOINT = "aws_vpc_endpoint"
_OLD_RULE = "aws_security_group_rule"
_RANGES = (
    *("cidr_ipv4", "cidr_ipv6", "prefix_list_id"),
    *("cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids"),
)
_SIDES = {"egress": True, "ingress": False}


@dataclass(frozen=True)
class Flow:
    """Traffic from one group or range to another.

    ``outward`` and ``inward`` are the addresses of the rules at its two ends, and empty if that end
    has no rule.
    """

    source: str
    target: str
    protocol: str
    ports: str
    description: str
    outward: str = ""
    inward: str = ""


@dataclass(frozen=True)
class _End:
    """The traffic that one end allows, from or to its group."""

    address: str
    outward: bool
    group: str
    other: str
    protocol: str
    ports: str
    description: str


def flows(stack: Stack) -> tuple[Flow, ...]:
    """Return each flow once, whether one of its ends allows it or both do."""
    merged: dict[tuple[str, str, str, str], Flow] = {}
    for end in _ends(stack):
        source, target = (end.group, end.other) if end.outward else (end.other, end.group)
        key = (source, target, end.protocol, end.ports)
        flow = merged.get(key) or Flow(*key, end.description)
        if end.outward:
            merged[key] = replace(flow, outward=end.address)
        else:
            merged[key] = replace(flow, inward=end.address)
    return tuple(sorted(merged.values(), key=lambda f: (f.source, f.target, f.protocol, f.ports)))


def text(value: Any) -> str:
    """Return a planned value as text; empty if it is unset or known only after apply."""
    return str(value) if isinstance(value, str | int) else ""


def _ends(stack: Stack) -> Iterator[_End]:
    for type_, outward in _RULES.items():
        for rule in stack.all(type_):
            group = _group(stack, rule, "security_group_id")
            others = [*_groups(stack, rule, "referenced_security_group_id"), *_ranges(rule)]
            others = others or _endpoints(stack, rule)
            yield from _at(rule, "", outward, group, others)
    for rule in stack.all(_OLD_RULE):
        group = _group(stack, rule, "security_group_id")
        named = _groups(stack, rule, "source_security_group_id")
        others = [*named, *_ranges(rule, "", group)]
        yield from _at(rule, "", rule.planned("type") == "egress", group, others)
    for holder in (group for type_ in GROUPS for group in stack.all(type_)):
        for side, outward in _SIDES.items():
            # A plan sorts these blocks, so a named group may belong to any of them.
            paths = [f"{side}.{number}." for number in range(_count(holder, side))]
            named = [g for path in paths for g in _groups(stack, holder, f"{path}security_groups")]
            for path in paths:
                mine = named if holder.planned(f"{path}security_groups") != [] else []
                others = [*mine, *_ranges(holder, path, holder.address)]
                yield from _at(holder, path, outward, holder.address, others)


def _at(
    holder: Resource, path: str, outward: bool, group: str, others: Sequence[str]
) -> Iterator[_End]:
    protocols = (text(holder.planned(path + name)) for name in ("ip_protocol", "protocol"))
    protocol = next(filter(None, protocols), "")
    first, last = (text(holder.planned(path + name)) for name in ("from_port", "to_port"))
    any_protocol = protocol == "-1"
    for other in others or [UNKNOWN]:
        yield _End(
            address=holder.address,
            outward=outward,
            group=group,
            other=other,
            protocol="everything" if any_protocol else protocol,
            ports="" if any_protocol else first if first == last else f"{first}-{last}",
            description=text(holder.planned(f"{path}description")),
        )


def _groups(stack: Stack, holder: Resource, path: str) -> list[str]:
    """Return the groups that an argument names: addresses, ids of others, or ``UNKNOWN``."""
    named = [group.address for group in stack.some(holder, path, GROUPS[0])]
    others = [id_ for id_ in map(text, holder.items(path)) if id_.startswith("sg-")]
    return named or others or [UNKNOWN] * stack.is_set(holder, path)


def _endpoints(stack: Stack, rule: Resource) -> list[str]:
    """Return the gateway endpoint whose addresses a rule allows, if the plan shows that."""
    endpoint = stack.one(rule, "prefix_list_id", _ENDPOINT)
    return [endpoint.address] if endpoint else []


def _ranges(holder: Resource, path: str = "", own: str = "") -> Iterator[str]:
    """Yield the ranges of a rule, and ``own`` if the rule lets a group reach itself."""
    if holder.planned(f"{path}self") is True:
        yield own
    for name in _RANGES:
        value = holder.planned(path + name)
        yield from filter(None, map(text, value if isinstance(value, list) else [value]))


def _group(stack: Stack, rule: Resource, argument: str) -> str:
    groups = (stack.one(rule, argument, type_) for type_ in GROUPS)
    return next((group.address for group in groups if group), UNKNOWN)


def _count(group: Resource, side: str) -> int:
    """Return the number of rules inside a group; of an existing group, only configured ones."""
    planned = group.planned(side)
    known = isinstance(planned, list)
    is_new = not isinstance(group.planned("id"), str)
    return len(planned) if known and (group.writes(side) or is_new) else 0


def is_group(end: str) -> bool:
    """Return whether an end of a flow is a security group, not a range of addresses."""
    return type_of(end) in GROUPS


def is_endpoint(end: str) -> bool:
    """Return whether an end of a flow is the addresses that a gateway endpoint serves."""
    return type_of(end) == _ENDPOINT


def is_allowed(flow: Flow) -> bool:
    """Return whether each end that is a group has a rule for the flow."""
    return all(rule or not is_group(end) for end, rule in rules_of(flow))


def rules_of(flow: Flow) -> tuple[tuple[str, str], ...]:
    """Return the two ends of a flow, each with its rule or an empty string."""
    return (flow.source, flow.outward), (flow.target, flow.inward)
