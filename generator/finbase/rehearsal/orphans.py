"""Find resources that AWS has but the state lacks, because Terraform was killed.

A provider reports a resource to Terraform when it is ready, not when AWS starts to create it. If
both are killed in between, the resource is in no state, and the next apply would create it again,
or fail because the name is in use. An ``import`` block for each fixes that.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from finbase.plan.model import managed_in_state
from finbase.rehearsal.inventory import Resource
from finbase.render.hcl import literal

IMPORTS = "zz_finbase_imports.tf"
"""The file with the ``import`` blocks in the copy of the stack."""


@dataclass(frozen=True)
class Orphan:
    """A resource in no state; ``address`` is None if several or no addresses match."""

    resource: Resource
    address: str | None


def orphans(
    existing: Collection[Resource], state: Mapping[str, Any], plan: Mapping[str, Any]
) -> tuple[Orphan, ...]:
    """Return the resources that the account has but the state lacks, each with its address.

    ``plan`` must be made after the kill, so that it has every argument of the resources that
    were in creation. Resources that AWS itself retains are ignored.
    """
    state_values: dict[str, list[set[str]]] = {}
    for resource in managed_in_state(state):
        state_values.setdefault(resource["type"], []).append(_texts(resource["values"]))
    creations = [
        change
        for change in plan.get("resource_changes", ())
        if change["change"]["actions"] == ["create"]
    ]
    results: list[Orphan] = []
    for candidate in sorted(existing, key=str):
        in_state = any(_is(candidate, texts) for texts in state_values.get(candidate.type, ()))
        if candidate.retained or in_state:
            continue
        address = _matching_address(candidate, creations)
        used = address in {orphan.address for orphan in results}
        results.append(Orphan(candidate, None if used else address))
    return tuple(results)


def import_blocks(lost: Iterable[Orphan]) -> str:
    """Return the ``import`` blocks of the orphans with an address.

    >>> address = "module.network.aws_vpc.this"
    >>> print(import_blocks([Orphan(Resource("aws_vpc", "vpc-1"), address)]), end="")
    import {
      to = module.network.aws_vpc.this
      id = "vpc-1"
    }
    """
    return "\n".join(
        f"import {{\n  to = {orphan.address}\n  id = {literal(orphan.resource.id)}\n}}\n"
        for orphan in lost
        if orphan.address
    )


def _is(resource: Resource, texts: Collection[str]) -> bool:
    return resource.id in texts or (resource.composed and resource.facts <= set(texts))


def _matching_address(resource: Resource, changes: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the only address whose arguments match; a resource without facts matches its type."""
    addresses = [
        str(change["address"])
        for change in changes
        if change["type"] == resource.type and _matches(resource, change["change"]["after"])
    ]
    return addresses[0] if len(addresses) == 1 else None


def _matches(resource: Resource, after: Mapping[str, Any]) -> bool:
    texts = _texts(after)
    prefix = after.get("name_prefix")
    return all(
        fact in texts or (prefix is not None and _is_generated_name(fact, str(prefix)))
        for fact in resource.facts
    )


def _is_generated_name(name: str, prefix: str) -> bool:
    """Return whether the provider made a name from ``name_prefix``: a time and a counter follow.

    >>> _is_generated_name("initial-2026113001193442500000000e", "initial-")
    True
    >>> _is_generated_name("initial-copy", "initial-")
    False
    """
    suffix = name.removeprefix(prefix)
    return suffix != name and re.fullmatch(r"[0-9]{18}[0-9a-f]{8}", suffix) is not None


def _texts(values: Mapping[str, Any]) -> set[str]:
    tags = values.get("tags_all") or {}
    plain = {str(value) for value in values.values() if isinstance(value, (str, int))}
    return plain | {str(tags.get("Name", ""))}
