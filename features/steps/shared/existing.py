"""Find what existing resources have in AWS that no resource of the plan writes.

The provider reads the separate rules of a group, the routes of a table and the policies of a role
back into the group, table or role. The plan of an applied or imported stack shows them there. Each
must be one that a resource of the plan writes, or one that it has written so far. Anything else was
added beside the stack, and Terraform keeps it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stack_graph import Resource, Stack

Values = Mapping[str, Any]
Part = tuple[Any, ...]

PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_SIDES = ("ingress", "egress")
_SOURCES = {
    "range": ("cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6"),
    "prefix list": ("prefix_list_ids", "prefix_list_id"),
    "group": ("security_groups", "source_security_group_id", "referenced_security_group_id"),
}
_RANGES = (
    *("cidr_block", "ipv6_cidr_block", "destination_cidr_block"),
    *("destination_ipv6_cidr_block", "destination_prefix_list_id"),
)
TARGETS = (
    *("carrier_gateway_id", "core_network_arn", "egress_only_gateway_id", "gateway_id"),
    *("local_gateway_id", "nat_gateway_id", "network_interface_id", "transit_gateway_id"),
    *("vpc_endpoint_id", "vpc_peering_connection_id", "odb_network_arn"),
)


def added_beside(stack: Stack, resource: Resource, argument: str) -> list[int]:
    """Return the numbers of the planned items that no resource of the plan writes."""
    finder = _FINDERS.get((resource.type, argument))
    if not finder or resource.writes(argument):
        return []
    items = resource.planned(argument)
    identity = resource.planned("name" if resource.type == "aws_iam_role" else "id")
    if not isinstance(items, list) or not isinstance(identity, str):
        return []
    parts, written = finder
    known = set(written(stack, identity, argument))
    return [n for n, item in enumerate(items) if not known.issuperset(parts(item, identity))]


def _flows(rule: Values, group: str) -> Iterator[Part]:
    """Yield a part for each source or target of a rule or block: protocol, ports, other end."""
    kind = str(rule.get("protocol") or rule.get("ip_protocol")).lower()
    kind = PROTOCOLS.get(kind, kind)
    ports = () if kind == "-1" else (rule.get("from_port"), rule.get("to_port"))
    for end, names in _SOURCES.items():
        for value in (item for name in names for item in _list(rule.get(name))):
            yield kind, *ports, end, _network(value) if end == "range" else _bare(value)
    if rule.get("self"):
        yield kind, *ports, "group", group


def _written_flows(stack: Stack, group: str, side: str) -> Iterator[Part]:
    for rule in stack.states(f"aws_vpc_security_group_{side}_rule"):
        if rule.get("security_group_id") == group:
            yield from _flows(rule, group)
    for rule in stack.states("aws_security_group_rule"):
        if (rule.get("security_group_id"), rule.get("type")) == (group, side):
            yield from _flows(rule, group)


def _routes(route: Values, _table: str) -> Iterator[Part]:
    targets = [str(route[name]) for name in TARGETS if route.get(name)]
    yield from ((_network(route[name]), *targets) for name in _RANGES if route.get(name))


def _written_routes(stack: Stack, table: str, _: str) -> Iterator[Part]:
    for route in stack.states("aws_route"):
        if route.get("route_table_id") == table:
            yield from _routes(route, table)


def _policy(policy: Values, _role: str) -> Iterator[Part]:
    yield (policy.get("name"),)


def _written_policies(stack: Stack, role: str, _: str) -> Iterator[Part]:
    for policy in stack.states("aws_iam_role_policy"):
        if _bare(policy.get("role")) == role:
            yield (policy.get("name"),)


def _arn(arn: Any, _role: str) -> Iterator[Part]:
    yield (arn,)


def _written_arns(stack: Stack, role: str, _: str) -> Iterator[Part]:
    for attachment in stack.states("aws_iam_role_policy_attachment"):
        if _bare(attachment.get("role")) == role:
            yield (attachment.get("policy_arn"),)
    for attachment in stack.states("aws_iam_policy_attachment"):
        if role in map(_bare, _list(attachment.get("roles"))):
            yield (attachment.get("policy_arn"),)


_Finder = tuple[Callable[[Any, str], Iterator[Part]], Callable[[Stack, str, str], Iterator[Part]]]
_FINDERS: Mapping[tuple[str, str], _Finder] = {
    **{
        (type_, side): (_flows, _written_flows)
        for type_ in ("aws_security_group", "aws_default_security_group")
        for side in _SIDES
    },
    ("aws_route_table", "route"): (_routes, _written_routes),
    ("aws_default_route_table", "route"): (_routes, _written_routes),
    ("aws_iam_role", "inline_policy"): (_policy, _written_policies),
    ("aws_iam_role", "managed_policy_arns"): (_arn, _written_arns),
}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _bare(value: Any) -> str:
    """Return the last part of an ARN, or of a group of another account.

    >>> _bare("111122223333/sg-1"), _bare("arn:aws:iam::111122223333:role/x"), _bare("x")
    ('sg-1', 'x', 'x')
    """
    return str(value).rpartition("/")[2]


def _network(value: Any) -> str:
    """Return a range as AWS writes it.

    >>> _network("10.0.0.7/16"), _network("pl-1")
    ('10.0.0.0/16', 'pl-1')
    """
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        return str(value)
