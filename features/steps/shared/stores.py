"""The stores of data, their subnets, groups and keys, and the class of their data."""

from __future__ import annotations

from collections.abc import Iterator

from existing import added_beside
from internet import is_of
from kinds import ISOLATED, PUBLIC, listed
from stack_graph import Resource, Stack

CLASSES = ("public", "internal", "confidential", "restricted")
"""The classes of data, from the least to the most protected."""

STRICT = ("confidential", "restricted")

GROUPS = ("aws_security_group", "aws_default_security_group")
_KEYS = ("aws_kms_key", "aws_kms_external_key", "aws_kms_replica_key")
_IN_GROUPS = {
    "aws_db_instance": "vpc_security_group_ids",
    "aws_rds_cluster": "vpc_security_group_ids",
    "aws_docdb_cluster": "vpc_security_group_ids",
    "aws_neptune_cluster": "vpc_security_group_ids",
    "aws_redshift_cluster": "vpc_security_group_ids",
    "aws_db_proxy": "vpc_security_group_ids",
    "aws_elasticache_serverless_cache": "security_group_ids",
    "aws_elasticache_replication_group": "security_group_ids",
    "aws_elasticache_cluster": "security_group_ids",
    "aws_memorydb_cluster": "security_group_ids",
}
_PROPAGATING = "propagating_vgws"
_PROPAGATIONS = ("aws_vpn_gateway_route_propagation", "aws_vpc_route_server_propagation")
_SUBNET_GROUPS = (
    "aws_db_subnet_group",
    "aws_elasticache_subnet_group",
    "aws_memorydb_subnet_group",
    "aws_redshift_subnet_group",
    "aws_docdb_subnet_group",
    "aws_neptune_subnet_group",
)


def data_class(stack: Stack) -> str:
    """Return the strictest class of data that a tag of the plan names, or ``confidential``."""
    named = {
        str(value).strip().lower()
        for resource in stack.resources
        if isinstance(tags := resource.planned("tags_all"), dict)
        for name, value in tags.items()
        if name.lower().replace("_", "").replace("-", "") == "dataclassification"
    }
    classes = [c for c in CLASSES if c in named]
    return classes[-1] if classes else "confidential"


def keys_of(stack: Stack, resource: Resource, path: str) -> tuple[Resource, ...]:
    """Return the keys of the stack that an argument refers to; empty if it can mean another."""
    for type_ in _KEYS:
        if keys := stack.some(resource, path, type_):
            return keys
    aliases = stack.some(resource, path, "aws_kms_alias")
    groups = [keys_of(stack, alias, "target_key_id") for alias in aliases]
    if groups and all(groups):
        return tuple({key.address: key for group in groups for key in group}.values())
    planned = resource.planned(path)
    return tuple(
        key
        for type_ in _KEYS
        for key in stack.all(type_)
        if isinstance(planned, str) and planned in (key.planned("arn"), key.planned("key_id"))
    )


def in_groups(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Yield each store of data with the argument that lists its security groups."""
    for type_, argument in _IN_GROUPS.items():
        yield from ((store, argument) for store in stack.all(type_))


def referenced(stack: Stack, resource: Resource, path: str) -> list[Resource]:
    """Return every planned resource that an argument can refer to."""
    return [r for origin in stack.trace(resource, path) for r in origin.resources]


def data_subnets(stack: Stack) -> dict[str, Resource]:
    """Return the subnets of the data by address: by their name, or by a subnet group."""
    subnets = {subnet.address: subnet for subnet in stack.all("aws_subnet", ISOLATED)}
    for group in subnet_groups(stack):
        for subnet in referenced(stack, group, "subnet_ids"):
            if subnet.type == "aws_subnet" and subnet.mode == "managed":
                subnets[subnet.address] = subnet
    return subnets


def subnet_groups(stack: Stack) -> list[Resource]:
    """Return the subnet groups of databases and caches."""
    return [group for type_ in _SUBNET_GROUPS for group in stack.all(type_)]


def is_public(stack: Stack, subnet: Resource) -> bool:
    """Return whether a subnet is public, by its name or by a route to an internet gateway."""
    return subnet.name == PUBLIC or any(
        r.type == "aws_internet_gateway"
        for _, route, path in routes_of(stack, subnet)
        for r in referenced(stack, route, f"{path}gateway_id")
    )


def routes_of(stack: Stack, subnet: Resource) -> Iterator[tuple[Resource, Resource, str]]:
    """Yield every route that can apply to a subnet: its table, the resource, a prefix of paths."""
    for table in tables_of(stack, subnet):
        for route in stack.all("aws_route"):
            if is_of(stack, route, "route_table_id", table):
                yield table, route, ""
        numbers = added_beside(stack, table, "route")
        if table.holds("route"):
            inline = table.planned("route")
            numbers = [*range(len(inline) if isinstance(inline, list) else 0)]
        for n in numbers:
            yield table, table, f"route.{n}."


def tables_of(stack: Stack, subnet: Resource) -> list[Resource]:
    """Return every route table that a subnet can have.

    A subnet without an association uses the main table of its VPC.
    """
    tables = [
        table
        for association in stack.all("aws_route_table_association")
        if subnet in referenced(stack, association, "subnet_id")
        for table in referenced(stack, association, "route_table_id")
    ]
    if not tables:
        tables = [
            *stack.all("aws_default_route_table"),
            *(
                table
                for main in stack.all("aws_main_route_table_association")
                for table in referenced(stack, main, "route_table_id")
            ),
        ]
    return [*{table.address: table for table in tables}.values()]


def propagated(stack: Stack, table: Resource) -> str:
    """Return who propagates routes to a table, which no plan shows; or an empty text."""
    gateways = table.planned(_PROPAGATING)
    found = [str(gateway) for gateway in gateways] if isinstance(gateways, list) else []
    if table.writes(_PROPAGATING) and gateways not in (None, []):
        resources = [r.address for r in referenced(stack, table, _PROPAGATING)]
        found = resources or found or ["a VPN gateway"]
    found += [
        part.address
        for type_ in _PROPAGATIONS
        for part in stack.all(type_)
        if is_of(stack, part, "route_table_id", table)
    ]
    return listed(found)
