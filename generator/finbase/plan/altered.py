"""Find attributes that somebody changed on AWS and that the configuration does not set.

A plan compares only what the configuration sets. So it says "No changes" when, for example, a
function runs other code: the provider compares the archive's hash with the one that it saved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from finbase.aws.changes_alone import changes_alone
from finbase.plan.addresses import block_of
from finbase.plan.effects import Argument, differences
from finbase.plan.model import blocks

_FROM_NOTHING = {"aws_db_instance": ("master_user_secret",), "aws_vpc": ("ipv6_cidr_block",)}
"""What AWS never sets by itself: a password that RDS manages, an IPv6 range."""


@dataclass(frozen=True)
class Alteration:
    """Attributes of a resource that changed outside Terraform, and that no apply changes back."""

    address: str
    arguments: tuple[Argument, ...]


def alterations(plan: Mapping[str, Any]) -> Iterator[Alteration]:
    """Yield what changed since the last apply; ``plan`` was made with a refresh."""
    configured = {
        address: block.get("expressions", {}).keys()
        for address, block in blocks(plan["configuration"]["root_module"])
    }
    for resource in plan.get("resource_drift", ()):
        change, address = resource["change"], resource["address"]
        if resource["mode"] != "managed" or change["actions"] != ["update"]:
            continue
        known = configured.get(block_of(address), ())
        arguments = tuple(
            argument
            for argument in differences(change)
            if argument.attribute not in known
            and _matters(argument.attribute, resource["type"], change["before"] or {})
        )
        if arguments:
            yield Alteration(address, arguments)


def _matters(name: str, type_: str, before: Mapping[str, Any]) -> bool:
    if name in changes_alone(type_):
        return False
    # The provider fills in what is empty when it reads a resource for the first time.
    return bool(before.get(name)) or name in _FROM_NOTHING.get(type_, ())
