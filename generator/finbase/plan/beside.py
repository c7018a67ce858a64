"""Find what somebody added on AWS to resources of a stack: rules, routes and permissions.

Each is a resource of its own for Terraform, so a plan neither shows nor removes an added one. But
AWS lists all of them with their group, table or role, whose attributes Terraform refreshes.
``features/steps/shared/existing.py`` fails a control for them; it runs without this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

_ByType: TypeAlias = Mapping[str, list[Mapping[str, Any]]]

_SOURCES: Final = ("cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups")
_SOURCE: Final = ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id")
_ROUTE: Final = ("cidr_block", "ipv6_cidr_block", "destination_prefix_list_id")
_DESTINATION: Final = (
    "destination_cidr_block",
    "destination_ipv6_cidr_block",
    "destination_prefix_list_id",
)
_RULES: Final = {
    "ingress": "aws_vpc_security_group_ingress_rule",
    "egress": "aws_vpc_security_group_egress_rule",
}


@dataclass(frozen=True)
class Addition:
    """A part that the resource has on AWS, and that no resource of the stack describes."""

    address: str
    what: str


def additions(resources: Iterable[Mapping[str, Any]]) -> Iterator[Addition]:
    """Yield each addition to the managed resources of a refreshed state."""
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for resource in resources:
        by_type.setdefault(resource["type"], []).append(resource)
    yield from _rules(by_type)
    yield from _routes(by_type)
    yield from _permissions(by_type)


def _rules(by_type: _ByType) -> Iterator[Addition]:
    for direction, type_ in _RULES.items():
        known = {
            (rule["security_group_id"], *_ports(rule, "ip_protocol"), rule[name])
            for rule in _values(by_type, type_)
            for name in _SOURCE
            if rule.get(name)
        }
        for group in by_type.get("aws_security_group", ()):
            values = group["values"]
            for entry in values.get(direction) or ():
                sources = [source for name in _SOURCES for source in entry.get(name) or ()]
                for source in [*sources, *([values["id"]] if entry.get("self") else [])]:
                    protocol, ports = _ports(entry, "protocol")
                    if (values["id"], protocol, ports, source) not in known:
                        what = f"{direction} rule: {protocol} {ports}, {source}"
                        yield Addition(group["address"], what)


def _ports(rule: Mapping[str, Any], protocol: str) -> tuple[str, str]:
    """Return protocol and ports as text; the ports of "all protocols" mean nothing.

    >>> _ports({"protocol": "-1", "from_port": 0, "to_port": 0}, "protocol")
    ('all', 'all ports')
    >>> _ports({"ip_protocol": "tcp", "from_port": 5432, "to_port": 5432}, "ip_protocol")
    ('tcp', '5432-5432')
    """
    name = str(rule.get(protocol))
    if name == "-1":
        return "all", "all ports"
    return name, f"{rule.get('from_port')}-{rule.get('to_port')}"


def _routes(by_type: _ByType) -> Iterator[Addition]:
    known = {
        (route["route_table_id"], route[name])
        for route in _values(by_type, "aws_route")
        for name in _DESTINATION
        if route.get(name)
    }
    for table in by_type.get("aws_route_table", ()):
        for entry in table["values"].get("route") or ():
            to = next((entry[name] for name in _ROUTE if entry.get(name)), "an unknown destination")
            if (table["values"]["id"], to) not in known:
                yield Addition(table["address"], f"route to {to}")


def _permissions(by_type: _ByType) -> Iterator[Addition]:
    attached = {
        (attachment["role"], attachment["policy_arn"])
        for attachment in _values(by_type, "aws_iam_role_policy_attachment")
    }
    inline = {
        (policy["role"], policy["name"]) for policy in _values(by_type, "aws_iam_role_policy")
    }
    for role in by_type.get("aws_iam_role", ()):
        name = role["values"]["name"]
        for arn in role["values"].get("managed_policy_arns") or ():
            if (name, arn) not in attached:
                yield Addition(role["address"], f"attached policy {arn}")
        for policy in role["values"].get("inline_policy") or ():
            if (name, policy["name"]) not in inline:
                yield Addition(role["address"], f"inline policy {policy['name']}")


def _values(by_type: _ByType, type_: str) -> Iterator[Mapping[str, Any]]:
    yield from (resource["values"] for resource in by_type.get(type_, ()))
