"""The stores of data, their subnets, groups and keys, and the class of their data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from existing import added_beside
from kinds import ISOLATED, PUBLIC, listed
from stack_graph import Resource, Stack, once
from tables import SUBNETS, is_of_table, tables_of

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
_RDS = ("aws_db_subnet_group", "aws_docdb_subnet_group", "aws_neptune_subnet_group")
_IN_SUBNETS: Mapping[tuple[str, ...], Mapping[str, str]] = {
    _RDS: {
        "aws_db_instance": "db_subnet_group_name",
        "aws_rds_cluster": "db_subnet_group_name",
        "aws_docdb_cluster": "db_subnet_group_name",
        "aws_neptune_cluster": "neptune_subnet_group_name",
    },
    ("aws_elasticache_subnet_group",): {
        "aws_elasticache_replication_group": "subnet_group_name",
        "aws_elasticache_cluster": "subnet_group_name",
    },
    ("aws_memorydb_subnet_group",): {"aws_memorydb_cluster": "subnet_group_name"},
    ("aws_redshift_subnet_group",): {"aws_redshift_cluster": "cluster_subnet_group_name"},
}
"""The arguments that name a subnet group, by the types of groups."""
_SUBNET_GROUPS = [type_ for types in _IN_SUBNETS for type_ in types]
_INHERITS = {
    "aws_db_instance": ("replicate_source_db", "aws_db_instance"),
    "aws_elasticache_cluster": ("replication_group_id", "aws_elasticache_replication_group"),
}


@once
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
        subnets |= {s.address: s for s in members(stack, group)[0] if s.mode == "managed"}
    return subnets


def subnet_groups(stack: Stack) -> list[Resource]:
    """Return the subnet groups of databases and caches."""
    return [group for type_ in _SUBNET_GROUPS for group in stack.all(type_)]


def members(stack: Stack, group: Resource) -> tuple[list[Resource], list[str]]:
    """Return the subnets of a group, and those that the plan does not show, as texts.

    Known ids decide, also those that an expression hides. A subnet of another stack has routes that
    no plan of this stack shows, unless ``existing_network`` reads them.
    """
    path = "subnet_ids"
    ids, ends = group.items(path), stack.trace(group, path)
    if all(isinstance(id_, str) for id_ in ids):
        subnets = [s for type_ in SUBNETS for s in stack.resources if s.type == type_]
        by_id = {s.planned("id"): s for s in sorted(subnets, key=lambda s: s.mode)}
        found = [by_id[id_] for id_ in ids if id_ in by_id]
        hidden = [id_ for id_ in ids if id_ not in by_id]
    else:
        found = [r for end in ends for r in end.resources if r.type in SUBNETS]
        hidden = [e.text for e in ends if not any(r.type in SUBNETS for r in e.resources)]
    read = stack.existing("aws_subnet", ISOLATED)
    hidden += [s.address for s in found if s.mode != "managed" and s not in read]
    return found, hidden if found or hidden else [f"of {group.address}.{path}"]


def ungrouped(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Yield each store of data without a subnet group of the plan, and the argument for it."""
    for types, arguments in _IN_SUBNETS.items():
        groups = [group for type_ in types for group in stack.all(type_)]
        for type_, argument in arguments.items():
            for store in stack.all(type_):
                name = store.planned(argument)
                by_name = isinstance(name, str) and any(
                    name in (group.planned("name"), group.planned("id")) for group in groups
                )
                named = by_name or any(stack.some(store, argument, each) for each in types)
                if not named and not _inherits(stack, store):
                    yield store, argument


def _inherits(stack: Stack, store: Resource) -> bool:
    """Return whether a store is where another of the plan and of its region is, as a replica is."""
    path, type_ = _INHERITS.get(store.type, ("", ""))
    sources = stack.some(store, path, type_) if path else ()
    provider = "provider_config_key"
    return bool(sources) and all(
        source.configuration.get(provider) == store.configuration.get(provider)
        for source in sources
    )


def is_public(stack: Stack, subnet: Resource) -> bool:
    """Return whether a subnet is public, by its name or by a route to an internet gateway."""
    if subnet.name == PUBLIC:
        return True
    tables = tables_of(stack, subnet)
    return not (tables.hidden or tables.unclear) and any(
        r.type == "aws_internet_gateway"
        for _, route, path in routes_of(stack, subnet)
        for r in referenced(stack, route, f"{path}gateway_id")
    )


def routes_of(stack: Stack, subnet: Resource) -> Iterator[tuple[Resource, Resource, str]]:
    """Yield every route that can apply to a subnet: its table, the resource, a prefix of paths."""
    for table in tables_of(stack, subnet).all:
        for route in stack.all("aws_route"):
            if is_of_table(stack, route, table):
                yield table, route, ""
        numbers = added_beside(stack, table, "route")
        if table.holds("route"):
            inline = table.planned("route")
            numbers = [*range(len(inline) if isinstance(inline, list) else 0)]
        for n in numbers:
            yield table, table, f"route.{n}."


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
        if is_of_table(stack, part, table)
    ]
    return listed(found)
