"""Steps about the ways from outside the VPC to the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import existing_network as existing
from findings import Finding, check
from internet import destination, leaving, target
from kinds import is_unclear, listed, source_of
from networks import (
    Ingress,
    Source,
    groups_of,
    has_reason,
    ingress,
    is_absent,
    is_shown,
    ranges_of,
    vpc_ranges,
)
from ranges import is_internet, reaches_internet, within
from stack_graph import UNKNOWN, Stack
from stores import (
    GROUPS,
    data_subnets,
    in_groups,
    is_public,
    members,
    propagated,
    routes_of,
    subnet_groups,
    ungrouped,
)
from tables import tables_of

_OPEN = (
    *("aws_db_instance", "aws_rds_cluster_instance", "aws_rds_shard_group"),
    *("aws_redshift_cluster", "aws_redshiftserverless_workgroup"),
)
_CLOSED = (
    *("aws_rds_cluster", "aws_neptune_cluster_instance", "aws_lightsail_database"),
    *("aws_dms_replication_instance", "aws_timestreaminfluxdb_db_instance"),
    "aws_timestreaminfluxdb_db_cluster",
)
"""The databases, and copiers of databases, that are not public unless an argument says so."""
_SNAPSHOTS = (
    *("aws_db_snapshot", "aws_db_snapshot_copy"),
    *("aws_db_cluster_snapshot", "aws_rds_cluster_snapshot_copy"),
)
_ADDRESSES = (
    "map_public_ip_on_launch",
    "map_customer_owned_ip_on_launch",
    "assign_ipv6_address_on_creation",
)
_WIDEST = 8
"""The shortest prefix of a private range outside of the VPC that may reach the data."""
_PEERED = ("vpc_peering_connection_id", "transit_gateway_id")


@check("no database instance or snapshot is public", "database")
def no_public_instance(stack: Stack) -> Iterator[Finding]:
    """Require ``publicly_accessible = false``, and snapshots that are not shared with all."""
    for instance in (each for type_ in (*_OPEN, *_CLOSED) for each in stack.all(type_)):
        value = instance.planned("publicly_accessible")
        if instance.type in _CLOSED and value is not True:
            value = UNKNOWN if value and instance.writes("publicly_accessible") else False
        now = value if isinstance(value, bool) else "not shown by this plan"
        text = f"{instance.address}: publicly_accessible = {str(now).lower()}"
        yield Finding(value is False, text if value is False else f"{text}; set it to false")
    for type_ in _SNAPSHOTS:
        for snapshot in stack.all(type_):
            accounts = snapshot.planned("shared_accounts")
            fine = accounts is None or (isinstance(accounts, list) and "all" not in accounts)
            text = f"{snapshot.address}: shared with {accounts or 'no account'}"
            yield Finding(fine, text if fine else f"{text}; list single accounts, or none")


@check("no subnet of the data has a route to the internet", "subnet of data")
def no_way_out(stack: Stack) -> Iterator[Finding]:
    """Look at every route that can apply to a subnet of a database or of a subnet group."""
    yield from existing.no_way_out(stack)
    for group in subnet_groups(stack):
        if hidden := members(stack, group)[1]:
            text = f"the routes of the subnets {listed(hidden)} are not shown by this plan"
            fix = "plan them in the same stack, so that their routes can be judged"
            yield Finding(False, f"{group.address}: {text}; {fix}")
    for store, argument in ungrouped(stack):
        text = "its subnets are not shown by this plan; name a subnet group of the stack"
        yield Finding(False, f"{store.address}: {source_of(stack, store, argument)}: {text}")
    for subnet in data_subnets(stack).values():
        wrong, peered = False, []
        tables = tables_of(stack, subnet)
        if tables.hidden:
            wrong = True
            text = f"its route table is not shown by this plan: {tables.hidden}"
            yield Finding(False, f"{subnet.address}: {text}")
        for table, route, path in routes_of(stack, subnet):
            if exit_ := leaving(stack, route, path):
                wrong = True
                text = f"{table.address} → {route.address} to {exit_}; remove the route"
                if table.address in tables.unclear:
                    text = f"{table.address}, to {exit_}, may be its route table, as this plan does"
                    text += f" not show whose it is: {tables.unclear[table.address]}"
                elif is_unclear(stack, route, "route_table_id", table):
                    text = f"this plan does not show whether {route.address}, to {exit_}, is of it"
                    text = f"{table.address}: {text}; refer to its route table directly"
                yield Finding(False, f"{subnet.address} → {text}")
            elif any(route.planned(path + name) is not None for name in _PEERED):
                through = target(stack, route, path)
                peered.append(f"{destination(stack, route, path)} through {through}")
        for table in tables.all:
            if table.writes("route") and table.planned("route") is UNKNOWN:
                wrong = True
                text = f"{table.address} has routes that this plan does not show, in its route"
                yield Finding(False, f"{subnet.address} → {text}; write them as aws_route")
            if who := propagated(stack, table):
                wrong = True
                text = f"{table.address} has routes that this plan does not show, from {who}"
                yield Finding(False, f"{subnet.address} → {text}; write them as aws_route")
        if not wrong:
            others = f", only to {listed(peered)}" if peered else ""
            yield Finding(True, f"{subnet.address}: no route to the internet{others}")


@check("only public subnets assign public addresses", "subnet")
def no_public_addresses(stack: Stack) -> Iterator[Finding]:
    """Refuse public IPv4 and IPv6 addresses for what starts in a private or data subnet."""
    yield from existing.no_public_addresses(stack)
    isolated = data_subnets(stack)
    for subnet in stack.all("aws_subnet"):
        if is_public(stack, subnet) and subnet.address not in isolated:
            yield Finding(True, f"{subnet.address}: public, by its name or its route")
            continue
        wrong = [name for name in _ADDRESSES if subnet.planned(name) not in (None, False)]
        hidden = [name for name in wrong if subnet.planned(name) is UNKNOWN]
        text = f"{listed(wrong)} must be false or unset" if wrong else "no public addresses"
        if hidden:
            text += f"; this plan does not show {listed(hidden)}"
        yield Finding(not wrong, f"{subnet.address}: {text}")


@check("every store of data is in security groups of the stack", "store of data")
def grouped(stack: Stack) -> Iterator[Finding]:
    """Require planned groups: without one, the default group of the VPC decides."""
    for store, argument in in_groups(stack):
        ends = stack.trace(store, argument)
        groups = [g for end in ends for g in end.resources if g.type == GROUPS[0]]
        foreign = [
            end.text
            for end in ends
            if not (end.resources[0] in groups if end.resources else is_absent(end, "group"))
        ]
        planned = store.planned(argument)
        proved = isinstance(planned, list) and stack.some(store, argument, GROUPS[0])
        if proved and all(isinstance(id_, str) for id_ in planned):
            groups, foreign = [*proved], []
        if isinstance(planned, list):  # Only a plan of an applied stack shows every id.
            ids = {group.planned("id") for group in groups}
            foreign += [v for v in planned if isinstance(v, str) and v not in ids]
        if groups and not foreign:
            names = listed(group.address for group in groups)
            yield Finding(True, f"{store.address}: {argument} has {names}")
        else:
            now = f"comes from {listed(foreign)}" if foreign else "is not set"
            text = f"{argument} {now}; list aws_security_group resources of the stack"
            yield Finding(False, f"{store.address}: {text}")


@check(
    "no group lets the internet in, and data ports are open only to the VPC and to private ranges "
    "with a reason",
    "ingress rule",
)
def no_way_in(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Judge separate, legacy and inline rules by their source, their group and their ports."""
    inside = vpc_ranges(stack)
    stores = [*in_groups(stack)]
    of_data = {group for store in stores for group in groups_of(stack, *store)} - {""}
    ports = {int(row["port"]) for row in table}
    ports |= {p for s, _ in stores if isinstance(p := s.planned("port"), int)}
    rules = [*ingress(stack)]
    found = [[ranges_of(stack, rule, source) for source in rule.sources] for rule in rules]
    together = _together(rules, found)
    for rule, sources in zip(rules, found, strict=True):
        opened = rule.ports(ports)
        data = bool(opened) or not of_data.isdisjoint(rule.groups)
        name = f"{rule.rule.address}{' ' + rule.under.strip('.') if rule.under else ''}"
        if rule.under == "ingress":
            text = "its inline rules are not shown by this plan; write separate rules"
            yield Finding(False, f"{name}: {text}")
        others = together.get((rule.rule.address, rule.under))
        wrong = [
            reason
            for source, ranges in zip(rule.sources, sources, strict=True)
            if (reason := _outside(stack, rule, source, ranges, inside, data, others))
        ]
        for reason in wrong:
            yield Finding(False, f"{name}: {reason}")
        if not wrong:
            texts = listed(str(source.value) for source in rule.sources) or "the group itself"
            yield Finding(True, f"{name}: from {texts}")


def _together(rules: list[Ingress], found: list[list[list[Any]]]) -> dict[tuple[str, str], int]:
    """Return the rules of which a group has others that let the internet in with them: how many.

    A rule whose group the plan does not show counts for every group.
    """
    public = [
        (rule, known)
        for rule, sources in zip(rules, found, strict=True)
        if (known := [r for s in sources for r in s if r is not UNKNOWN and reaches_internet(r)])
    ]
    groups = {group for rule, _ in public for group in rule.groups}
    counts: dict[tuple[str, str], int] = {}
    for group in groups if groups == {""} else groups - {""}:
        of_group = [(r, known) for r, known in public if not {"", group}.isdisjoint(r.groups)]
        for point in {rule.point for rule, _ in of_group}:
            opened = [(rule, known) for rule, known in of_group if rule.opens(point)]
            if is_internet(range_ for _, ranges in opened for range_ in ranges):
                for rule, _ in opened:
                    place = rule.rule.address, rule.under
                    if rule.point == point:
                        counts[place] = max(counts.get(place, 0), len(opened) - 1)
    return counts


def _outside(
    stack: Stack,
    rule: Ingress,
    source: Source,
    ranges: list[Any],
    inside: list[Any],
    data: bool,
    others: int | None,
) -> str:
    """Return why a source is refused, or an empty text.

    ``others`` says with how many other rules the rule lets the internet in, or None if not.
    """
    kind, value, _ = source
    if kind == "group" and value is UNKNOWN:
        fix = f"refer to a group of the stack directly{', in a separate rule' * bool(rule.under)}"
        text = f"its group is not shown by this plan; {fix}{stack.if_applied}"
        return "" if is_shown(stack, rule, source) else text
    if kind == "group":
        foreign = isinstance(value, str) and "/" in value
        text = f"the group {value} belongs to another account; name a group of the stack"
        return text if foreign else ""
    if UNKNOWN in ranges:
        return _hidden(stack, rule, source, data)
    if is_internet(ranges):
        return f"{value} is the internet; name a group or a range of the VPC"
    if others is not None and any(map(reaches_internet, ranges)):
        by = f"the sources of {others} other rule{'s' * (others > 1)}"
        by = by if others else "the other sources of this rule"
        return f"{value} and {by} are together the internet; name a group or a range of the VPC"
    if not data or all(within(range_, inside) for range_ in ranges):
        return ""
    if kind == "prefix list":
        return "a prefix list is not a range of the VPC; name a group"
    private = all(r.prefixlen >= _WIDEST and not reaches_internet(r) for r in ranges)
    if private and has_reason(rule.rule):
        return ""
    where = listed(map(str, inside)) or "a VPC that is not in this plan"
    fix = "name a group, or a private range of /8 or less with a tag Reason"
    return f"{value} is outside {where}, and the port belongs to data; {fix}"


def _hidden(stack: Stack, rule: Ingress, source: Source, data: bool) -> str:
    """Return why a source is refused that the plan does not show; the range of a VPC is not."""
    if source.kind == "prefix list":
        name = "a prefix list" if source.value is UNKNOWN else source.value
        what = "is not a range of the VPC" if data else "has entries that this plan does not show"
        return f"{name} {what}; name a group"
    if source.value is UNKNOWN and is_shown(stack, rule, source):
        return ""
    fix = f"write it as a literal{', in a separate rule' * bool(rule.under)}"
    return f"its source is not shown by this plan; {fix}"
