"""Resources that AWS has and the state has not, because Terraform was killed while it made them.

A provider tells Terraform of a resource when it is ready, not when AWS has begun to make it. What
is in between when both are killed is in no state, and the next apply would make it again, or be
refused where the name is taken. The way out is an ``import`` block for each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from finbase.rehearsal.inventory import Thing
from finbase.rehearsal.terraform import managed
from finbase.render.hcl import literal

__all__ = ["IMPORTS", "Orphan", "import_blocks", "orphans"]

IMPORTS = "zz_finbase_imports.tf"
"""The file of the copy that holds the ``import`` blocks."""


@dataclass(frozen=True)
class Orphan:
    """A resource in no state; ``address`` is None where it is not clear whose it is."""

    thing: Thing
    address: str | None


def orphans(
    there: Collection[Thing], state: Mapping[str, Any], plan: Mapping[str, Any]
) -> tuple[Orphan, ...]:
    """Find what the account has and the state does not know, with the address that wanted it.

    ``plan`` is made after the kill, so it knows all that was finished before that, and with it
    every argument of what was in the making. What is going anyway does not count.
    """
    known: dict[str, list[set[str]]] = {}
    for resource in managed(state):
        known.setdefault(resource["type"], []).append(_texts(resource["values"]))
    wanted = [
        change
        for change in plan.get("resource_changes", ())
        if change["change"]["actions"] == ["create"]
    ]
    found: list[Orphan] = []
    for thing in sorted(there, key=str):
        if thing.going or any(_is(thing, texts) for texts in known.get(thing.type, ())):
            continue
        address = _wanted_by(thing, wanted)
        taken = address in {orphan.address for orphan in found}
        found.append(Orphan(thing, None if taken else address))
    return tuple(found)


def import_blocks(found: Iterable[Orphan]) -> str:
    """Write the ``import`` blocks for those whose address is known."""
    blocks = (
        f"import {{\n  to = {orphan.address}\n  id = {literal(orphan.thing.id)}\n}}\n"
        for orphan in found
        if orphan.address
    )
    return "\n".join(blocks)


def _is(thing: Thing, texts: Collection[str]) -> bool:
    return thing.id in texts or (thing.composed and thing.facts <= set(texts))


def _wanted_by(thing: Thing, changes: Iterable[Mapping[str, Any]]) -> str | None:
    """Match what is known of it; where that is nothing, the only one of its type will do."""
    fitting = [
        change
        for change in changes
        if change["type"] == thing.type and thing.facts <= _texts(change["change"]["after"])
    ]
    return str(fitting[0]["address"]) if len(fitting) == 1 else None


def _texts(values: Mapping[str, Any]) -> set[str]:
    tags = values.get("tags_all") or {}
    plain = {str(value) for value in values.values() if isinstance(value, (str, int))}
    return plain | {str(tags.get("Name", ""))}
