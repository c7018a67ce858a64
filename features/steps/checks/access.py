"""Steps about security groups and their separate rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from findings import Finding, check
from kinds import is_hidden, is_unclear, listed, origins, unproved
from networks import has_reason
from stack_graph import UNKNOWN, Resource, Stack, shown

_GROUPS = ("aws_security_group", "aws_default_security_group")
_INGRESS = "aws_vpc_security_group_ingress_rule"
_EGRESS = "aws_vpc_security_group_egress_rule"
_OLD_RULE = "aws_security_group_rule"
_ENDS = ("security_group_id", "referenced_security_group_id")
_PORTS = ("ip_protocol", "from_port", "to_port")


@check("no security group has inline rules", "security group")
def no_inline_rules(stack: Stack) -> Iterator[Finding]:
    """Refuse blocks, empty lists and dynamic blocks of rules in a group."""
    for group in (group for type_ in _GROUPS for group in stack.all(type_)):
        inline = [side for side in ("ingress", "egress") if group.holds(side)]
        fix = f"inline {listed(inline)}; write aws_vpc_security_group_*_rule resources instead"
        yield Finding(not inline, f"{group.address}: {fix if inline else 'no inline rules'}")


@check("every security group has separate rules", "security group")
def separate_rules(stack: Stack) -> Iterator[Finding]:
    """Require a rule for each group: without any, it allows no traffic and was forgotten."""
    groups = stack.all(_GROUPS[0])
    rules_of: dict[str, list[str]] = {group.address: [] for group in groups}
    for rule in _rules(stack):
        group = stack.one(rule, "security_group_id", _GROUPS[0])
        if group is None:
            text = unproved(stack, rule, "security_group_id", "one security group")
            yield Finding(False, f"{rule.address}: {text}")
        else:
            rules_of.setdefault(group.address, []).append(rule.address)
    for rule in stack.all(_OLD_RULE):
        if group := stack.one(rule, "security_group_id", _GROUPS[0]):
            rules_of[group.address].append(rule.address)
    all_rules = _rules(stack) + stack.all(_OLD_RULE)
    for group in groups:
        rules = rules_of[group.address]
        # The line of a rule that may be the group's says so; another line would contradict it.
        if not rules and any(is_unclear(stack, r, "security_group_id", group) for r in all_rules):
            continue
        fix = "" if rules else "; write an ingress or egress rule for it, or remove the group"
        yield Finding(bool(rules), f"{group.address}: {len(rules)} separate rules{fix}")
    for rule in stack.all(_OLD_RULE):
        text = (
            f"an {_OLD_RULE} may combine several flows; write one {_INGRESS} or {_EGRESS} for each"
        )
        yield Finding(False, f"{rule.address}: {text}")


@check("every rule has a description", "security group rule")
def described_rules(stack: Stack) -> Iterator[Finding]:
    """Require a description that is known at plan time and not blank."""
    for rule in _rules(stack):
        description = rule.planned("description")
        fine = isinstance(description, str) and bool(description.strip())
        text = "no description; say what the flow is for"
        if description is UNKNOWN:
            text = "this plan does not show its description; write a literal or a variable"
        yield Finding(fine, f"{rule.address}: {description if fine else text}")


@check("every flow between two groups is allowed by both groups", "rule between two groups")
def both_ends(stack: Stack) -> Iterator[Finding]:
    """Require for each rule that names another group a matching rule of that group.

    A plan does not show the rules of a group of others. A rule that names one says so, with a
    reason, and its line says what the plan does not show.
    """
    outgoing = {rule.address: _flow(stack, rule, outward=True) for rule in stack.all(_EGRESS)}
    incoming = {rule.address: _flow(stack, rule, outward=False) for rule in stack.all(_INGRESS)}
    sides = ((outgoing, incoming, _INGRESS), (incoming, outgoing, _EGRESS))
    rules = {rule.address: rule for rule in _rules(stack)}
    for own, opposite, type_ in sides:
        unmatched = [rules[a] for a, flow in opposite.items() if flow not in own.values()]
        for address, flow in own.items():
            if flow and flow not in opposite.values():
                if group := _of_others(stack, rules[address]):
                    end = "the other end is not shown by this plan: its owner must allow it"
                    yield Finding(True, f"{address}: {group} is a group of others; {end}")
                    continue
                text = f"no matching {type_} for {_arrow(flow)}; write one"
                if hidden := _not_shown(stack, rules[address]):
                    text = hidden
                elif others := [r.address for r in unmatched if _not_shown(stack, r)]:
                    text = f"this plan does not show whether {listed(others)} matches it"
                yield Finding(False, f"{address}: {text}")
    for flow in dict.fromkeys(outgoing.values()):
        if flow:
            yield Finding(True, _arrow(flow))


class _Flow(NamedTuple):
    """What a rule allows, from group to group."""

    source: str
    target: str
    protocol: Any
    ports: str


def _arrow(flow: _Flow) -> str:
    return f"{flow.source} → {flow.target}, {shown(flow.protocol)} {flow.ports}"


def _flow(stack: Stack, rule: Resource, *, outward: bool) -> _Flow | None:
    """Return the flow that a rule allows; None if its other end is not a group."""
    if not stack.is_set(rule, "referenced_security_group_id"):
        return None
    ends = [
        group.address if group else origins(stack, rule, end) or "unset"
        for end in _ENDS
        for group in [stack.one(rule, end, _GROUPS[0])]
    ]
    source, target = ends if outward else reversed(ends)
    ports = f"{shown(rule.planned('from_port'))}-{shown(rule.planned('to_port'))}"
    return _Flow(source, target, rule.planned("ip_protocol"), ports)


def _not_shown(stack: Stack, rule: Resource) -> str:
    """Say what the plan does not show of a rule: a group or the ports; or return empty."""
    for end in _ENDS:
        if stack.one(rule, end, _GROUPS[0]) is None and is_hidden(stack, rule, end):
            return unproved(stack, rule, end, "one security group")
    hidden = [n for n in _PORTS if rule.planned(n) is UNKNOWN and stack.is_set(rule, n)]
    return f"this plan does not show {listed(hidden)}; write literals or variables" * bool(hidden)


def _of_others(stack: Stack, rule: Resource) -> str:
    """Return the id of a group that no resource of the plan has, if the rule has a reason."""
    named = rule.planned(_ENDS[1])
    own = {group.planned("id") for type_ in _GROUPS for group in stack.all(type_)}
    foreign = isinstance(named, str) and named not in own and has_reason(rule)
    return str(named) if foreign and stack.one(rule, _ENDS[0], _GROUPS[0]) else ""


def _rules(stack: Stack) -> tuple[Resource, ...]:
    return stack.all(_INGRESS) + stack.all(_EGRESS)
