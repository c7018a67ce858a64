"""Steps about security groups and the rules that stand beside them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parent))

from findings import Finding, check
from kinds import listed, origins
from stack_graph import Resource, Stack

_GROUPS = ("aws_security_group", "aws_default_security_group")
_INGRESS = "aws_vpc_security_group_ingress_rule"
_EGRESS = "aws_vpc_security_group_egress_rule"
_OLD_RULE = "aws_security_group_rule"


@check("no security group carries a rule in itself")
def no_inline_rules(stack: Stack) -> Iterator[Finding]:
    """Neither written, not even as an empty list, nor made by a dynamic block."""
    for group in (each for type_ in _GROUPS for each in stack.all(type_)):
        inline = [side for side in ("ingress", "egress") if group.holds(side)]
        text = f"{group.address}: {listed(inline) or 'no rule'} within the group"
        yield Finding(not inline, text)


@check("every security group has rules of their own")
def separate_rules(stack: Stack) -> Iterator[Finding]:
    """A group that no rule names lets nobody in and nobody out: it was forgotten."""
    subjects: dict[str, list[str]] = {each.address: [] for each in stack.all(_GROUPS[0])}
    for rule in _rules(stack):
        group = stack.one(rule, "security_group_id", _GROUPS[0])
        if group is None:
            now = origins(stack, rule, "security_group_id")
            yield Finding(False, f"{rule.address}: its group comes from {now}")
        else:
            subjects[group.address].append(rule.address)
    for address, rules in subjects.items():
        yield Finding(bool(rules), f"{address}, rules: {len(rules)}")
    for rule in stack.all(_OLD_RULE):
        yield Finding(False, f"{rule.address}: {_OLD_RULE} mixes flows; write one rule for each")


@check("every rule says what it is for")
def described_rules(stack: Stack) -> Iterator[Finding]:
    """Each separate rule has a description."""
    for rule in _rules(stack):
        description = rule.planned("description")
        fine = isinstance(description, str) and bool(description.strip())
        yield Finding(fine, f"{rule.address}: {description if fine else 'no description'}")


@check("every flow between two groups is allowed at both ends")
def both_ends(stack: Stack) -> Iterator[Finding]:
    """Each rule that names a group has its counterpart at that group."""
    out = {rule.address: _flow(stack, rule, outward=True) for rule in stack.all(_EGRESS)}
    into = {rule.address: _flow(stack, rule, outward=False) for rule in stack.all(_INGRESS)}
    for ours, theirs, end in ((out, into, "ingress"), (into, out, "egress")):
        for address, flow in ours.items():
            if flow and flow not in theirs.values():
                yield Finding(False, f"{address}: no {end} rule for {_arrow(flow)}")
    for flow in dict.fromkeys(out.values()):
        if flow:
            yield Finding(True, _arrow(flow))


class _Flow(NamedTuple):
    """What a rule allows, from group to group."""

    source: str
    target: str
    protocol: Any
    ports: str


def _arrow(flow: _Flow) -> str:
    return f"{flow.source} → {flow.target}, {flow.protocol} {flow.ports}"


def _flow(stack: Stack, rule: Resource, *, outward: bool) -> _Flow | None:
    """Return the flow of a rule; None where its other end is no group."""
    if not stack.is_set(rule, "referenced_security_group_id"):
        return None
    ends = [
        group.address if group else origins(stack, rule, end)
        for end in ("security_group_id", "referenced_security_group_id")
        for group in [stack.one(rule, end, _GROUPS[0])]
    ]
    source, target = ends if outward else reversed(ends)
    ports = f"{rule.planned('from_port')}-{rule.planned('to_port')}"
    return _Flow(source, target, rule.planned("ip_protocol"), ports)


def _rules(stack: Stack) -> tuple[Resource, ...]:
    return stack.all(_INGRESS) + stack.all(_EGRESS)
