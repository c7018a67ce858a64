"""The words of the sentences: primary, replica and instance, key, tiers and zones of subnets."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from stack_graph import Resource, Stack

_KEYS = (
    "aws_kms_key",
    "aws_kms_external_key",
    "aws_kms_replica_key",
    "aws_kms_replica_external_key",
)
PUBLIC, ISOLATED = "public", "database"
"""Tiers, as the resources of the subnets are named. Every other subnet is private."""


def of_kind(stack: Stack, kind: str) -> tuple[Resource, ...]:
    """Return the primaries, the replicas, all database instances, all keys, or all of a type."""
    if kind == "key":
        return tuple(each for type_ in _KEYS for each in stack.all(type_))
    if kind not in ("primary", "replica", "instance"):
        return stack.all(kind)
    instances = stack.all("aws_db_instance")
    if kind == "instance":
        return instances
    return tuple(each for each in instances if _is_replica(stack, each) == (kind == "replica"))


def _is_replica(stack: Stack, instance: Resource) -> bool:
    """Whether a database has a source, as it is written or as it is planned."""
    source = "replicate_source_db"
    return stack.is_set(instance, source) or instance.planned(source) is not None


def is_private(subnet: Resource) -> bool:
    """Whether a subnet is one for workloads: neither public nor cut off from the internet."""
    return subnet.name not in (PUBLIC, ISOLATED)


def zone(subnet: Resource) -> str:
    """Return the availability zone of a subnet; for one without, what no other subnet has."""
    planned = subnet.planned("availability_zone")
    return planned if isinstance(planned, str) else f"the unknown zone of {subnet.address}"


def origins(stack: Stack, resource: Resource, path: str) -> str:
    """Tell what an argument is taken from, for a message."""
    return listed(each.text for each in stack.trace(resource, path)) or "nothing"


def listed(texts: Iterable[str]) -> str:
    """Join texts to ``a, b and c``."""
    *first, last = list(texts) or [""]
    return f"{', '.join(first)} and {last}" if first else last
