"""Find the route tables that a subnet can have, and say what the plan hides of them.

A subnet without an association has the main table of its VPC. The VPC itself stands for that table:
routes can name it as ``aws_vpc.x.main_route_table_id``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kinds import is_hidden, is_unclear, source_of
from ranges import is_of
from stack_graph import UNKNOWN, Resource, Stack

_ASSOCIATION = "aws_route_table_association"
_DEFAULT = "aws_default_route_table"
_DIRECTLY = "refer to one resource directly, as with [count.index] or [each.key]"
_ID = "route_table_id"
_MAIN = ("main_route_table_id", "default_route_table_id")
_TABLES = ("aws_route_table", _DEFAULT)
_VPCS = ("aws_vpc", "aws_default_vpc")
SUBNETS = ("aws_subnet", "aws_default_subnet")


class Tables(NamedTuple):
    """Every table that a subnet can have; ``hidden`` says what else the plan does not show.

    ``unclear`` has the association of a table, if it can also be of another subnet.
    """

    all: list[Resource]
    unclear: dict[str, str]
    hidden: str


def tables_of(stack: Stack, subnet: Resource) -> Tables:
    """Return the tables of a subnet. One association is all that AWS allows."""
    parts = [a for a in stack.all(_ASSOCIATION) if is_of(stack, a, "subnet_id", subnet)]
    own = [a for a in parts if _is_surely(stack, a, "subnet_id", subnet)]
    found: dict[str, Resource] = {}
    unclear: dict[str, str] = {}
    hidden = []
    if not own:
        main = _main(stack, subnet)
        found = {table.address: table for table in main.all}
        hidden = [main.hidden]
    for association in own or parts:
        tables = [*_named(stack, association)]
        hidden.append(_hides(stack, association, tables))
        for table in tables:
            if not own and _is_elsewhere(stack, table, subnet):
                continue
            if not own and table.address not in found:
                unclear[table.address] = _unclear(stack, association, "subnet_id")
            found[table.address] = table
    return Tables([*_same(stack, found).values()], unclear, next(filter(None, hidden), ""))


def is_of_table(stack: Stack, part: Resource, table: Resource, path: str = _ID) -> bool:
    """Return whether a route is of a table, or the plan does not show that it is not."""
    if table.type not in _VPCS:
        return is_of(stack, part, path, table)
    planned, ids = part.planned(path), [table.planned(name) for name in _MAIN]
    if isinstance(planned, str) and any(isinstance(id_, str) for id_ in ids):
        return planned in ids
    ends = stack.trace(part, path)
    named = any(table in end.resources and end.attribute in ("", *_MAIN) for end in ends)
    return named or (planned is UNKNOWN and is_hidden(stack, part, path))


def unclear_associations(stack: Stack, subnet: Resource) -> str:
    """Say which associations may be of a subnet, without showing it or its route table."""
    for association in stack.all(_ASSOCIATION):
        if is_unclear(stack, association, "subnet_id", subnet):
            return _unclear(stack, association, "subnet_id")
        of_subnet = stack.one(association, "subnet_id", "aws_subnet") == subnet
        if of_subnet and not stack.one(association, _ID, "aws_route_table"):
            return _unclear(stack, association, _ID)
    return ""


def unclear_table(stack: Stack, part: Resource) -> str:
    """Say where the table of a route comes from, which the plan does not show."""
    return _unclear(stack, part, _ID)


def _main(stack: Stack, subnet: Resource) -> Tables:
    """Return every table that can be the main one of a subnet's VPC."""
    vpcs = [v for type_ in _VPCS for v in stack.all(type_) if is_of(stack, subnet, "vpc_id", v)]
    if subnet.type == "aws_default_subnet":
        vpcs = [*stack.all("aws_default_vpc")]
    tables: list[Resource] = []
    hidden = []
    for vpc in vpcs:
        parts = stack.all("aws_main_route_table_association")
        mains = [main for main in parts if is_of(stack, main, "vpc_id", vpc)]
        named = [[*_named(stack, main)] for main in mains]
        hidden += [_hides(stack, *each) for each in zip(mains, named, strict=True)]
        own = [*_same(stack, {vpc.address: vpc}).values(), *(t for each in named for t in each)]
        tables += own
        if vpc.type == _VPCS[1] and own == [vpc]:
            hidden.append(f"the main table of {vpc.address} leads to the internet by default")
    if not vpcs and subnet.type == "aws_default_subnet":
        hidden.append("a default subnet has a route to the internet by default")
    elif subnet.type != "aws_default_subnet" and not any(
        _is_surely(stack, subnet, "vpc_id", vpc) for vpc in vpcs
    ):
        hidden.append(f"it has the main table of a VPC: {source_of(stack, subnet, 'vpc_id')}")
    return Tables(tables, {}, next(filter(None, hidden), ""))


def _named(stack: Stack, association: Resource) -> Iterator[Resource]:
    """Yield every table that an association can name; a known id decides."""
    planned = association.planned(_ID)
    for type_ in (*_TABLES, *_VPCS):
        for table in stack.all(type_):
            ids = [table.planned(name) for name in (_MAIN if type_ in _VPCS else ("id",))]
            ends = stack.trace(association, _ID)
            meant = any(table in end.resources and _is_table(table, end.attribute) for end in ends)
            if planned in ids if isinstance(planned, str) else meant:
                yield table


def _hides(stack: Stack, association: Resource, tables: list[Resource]) -> str:
    """Say that an association can have a table beside those that it names."""
    ends = stack.trace(association, _ID)
    known = isinstance(association.planned(_ID), str)
    other = any(
        not any(_is_table(r, end.attribute) and r.mode == "managed" for r in end.resources)
        for end in ends
    )
    shown = tables and (known or not other)
    return "" if shown else _unclear(stack, association, _ID)


def _is_table(resource: Resource, attribute: str) -> bool:
    return resource.type in _TABLES or (resource.type in _VPCS and attribute in _MAIN)


def _same(stack: Stack, tables: dict[str, Resource]) -> dict[str, Resource]:
    """Add the other resources for the same tables: a VPC and its default table."""
    pairs = [
        (default, vpc)
        for default in stack.all(_DEFAULT)
        for type_ in _VPCS
        for vpc in stack.all(type_)
        if is_of_table(stack, default, vpc, _MAIN[1])
    ]
    both = [table for pair in pairs if any(t.address in tables for t in pair) for table in pair]
    return tables | {table.address: table for table in both}


def _is_surely(stack: Stack, part: Resource, path: str, whole: Resource) -> bool:
    """Return whether a part names a resource, by its known id or by its expression."""
    planned = part.planned(path)
    by_id = isinstance(planned, str) and planned == whole.planned("id")
    return by_id or stack.one(part, path, whole.type) == whole


def _is_elsewhere(stack: Stack, table: Resource, subnet: Resource) -> bool:
    """Return whether a table is provably of another VPC of the plan than a subnet."""
    vpcs = [
        [v for type_ in _VPCS if (v := stack.one(part, "vpc_id", type_))]
        for part in (table, subnet)
    ]
    return all(vpcs) and vpcs[0] != vpcs[1]


def _unclear(stack: Stack, resource: Resource, path: str) -> str:
    now = source_of(stack, resource, path)
    return f"{resource.address}: {now}; {_DIRECTLY}{stack.if_applied}"
