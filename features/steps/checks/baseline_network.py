"""Steps about the ways from outside the VPC to the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import existing_network as existing
from findings import Finding, check
from kinds import is_unclear, listed, origins
from networks import Source, has_reason, ingress, network, reaches_internet, vpc_ranges, within
from stack_graph import UNKNOWN, Resource, Stack, shown
from stores import (
    GROUPS,
    data_subnets,
    in_groups,
    is_public,
    referenced,
    routes_of,
    subnet_groups,
)

_OPEN = ("aws_db_instance", "aws_rds_cluster_instance", "aws_redshift_cluster")
_SNAPSHOTS = ("aws_db_snapshot", "aws_db_snapshot_copy", "aws_db_cluster_snapshot")
_ADDRESSES = (
    "map_public_ip_on_launch",
    "map_customer_owned_ip_on_launch",
    "assign_ipv6_address_on_creation",
)
_WIDEST = 8
"""The shortest prefix of a private range outside of the VPC that may reach the data."""
_DESTINATIONS = ("destination_cidr_block", "destination_ipv6_cidr_block", "cidr_block")
_EXITS = (
    "nat_gateway_id",
    "egress_only_gateway_id",
    "carrier_gateway_id",
    "network_interface_id",
    "instance_id",
)


_PEERED = ("vpc_peering_connection_id", "transit_gateway_id")


@check("no database instance or snapshot is public", "database")
def no_public_instance(stack: Stack) -> Iterator[Finding]:
    """Require ``publicly_accessible = false``, and snapshots that are not shared with all."""
    for type_ in _OPEN:
        for instance in stack.all(type_):
            value = instance.planned("publicly_accessible")
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
        hidden = [o.text for o in stack.trace(group, "subnet_ids") if not o.resources]
        if hidden or not stack.trace(group, "subnet_ids"):
            text = f"the subnets {listed(hidden)} are not shown by this plan"
            fix = "plan them in the same stack, so that their routes can be judged"
            yield Finding(False, f"{group.address}: {text}; {fix}")
    for subnet in data_subnets(stack).values():
        wrong, peered = False, []
        for table, route, path in routes_of(stack, subnet):
            peered += _peered(route, path)
            if exit_ := _exit(stack, route, path):
                wrong = True
                text = f"{table.address} → {route.address} to {exit_}; remove the route"
                if is_unclear(stack, route, "route_table_id", table):
                    text = f"this plan does not show whether {route.address}, to {exit_}, is of it"
                    text = f"{table.address}: {text}; refer to its route table directly"
                yield Finding(False, f"{subnet.address} → {text}")
        if not wrong:
            others = f", only to {listed(peered)}" if peered else ""
            yield Finding(True, f"{subnet.address}: no route to the internet{others}")


def _peered(route: Resource, path: str) -> list[str]:
    """Return the range and the target of a route to another network, which no plan shows."""
    names = [*_DESTINATIONS, "ipv6_cidr_block"]
    ranges = [value for n in names if isinstance(value := route.planned(path + n), str)]
    targets = [value for n in _PEERED if (value := route.planned(path + n)) is not None]
    return [f"{range_} through {shown(target)}" for range_ in ranges for target in targets]


def _exit(stack: Stack, route: Resource, path: str) -> str:
    """Return the target of a route that leads to the internet, or an empty text."""
    for name in _EXITS:
        value = route.planned(path + name)
        if value not in (None, "") and (path or route.writes(name)):
            return origins(stack, route, path + name) or name
    ranges = [
        value
        for name in (*_DESTINATIONS, "ipv6_cidr_block")
        if (value := route.planned(path + name)) not in (None, "")
    ]
    gateway = f"{path}gateway_id"
    planned = route.planned(gateway)
    if planned not in (None, "", "local") and (path or route.writes("gateway_id")):
        private = {"aws_vpn_gateway", "aws_vpc_endpoint"}
        # Inline routes have one expression for all of them.
        places = [gateway, *([path.partition(".")[0]] * bool(path))]
        targets = next(filter(None, (referenced(stack, route, p) for p in places)), [])
        if not targets or any(target.type not in private for target in targets):
            ends = next(filter(None, (origins(stack, route, p) for p in places)), "")
            hidden = "a gateway that this plan does not show" * (planned is UNKNOWN)
            through = ends or hidden or str(planned)
            return f"{listed(map(str, ranges))} through {through}" if path else through
    public = [str(value) for value in ranges if reaches_internet(value)]
    return listed(public) if planned != "local" else ""


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
        foreign = [end.text for end in ends if not end.resources or end.resources[0] not in groups]
        planned = store.planned(argument)
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
    of_data = {
        group.address
        for store, argument in in_groups(stack)
        for group in referenced(stack, store, argument)
    }
    ports = {int(row["port"]) for row in table}
    ports |= {p for s, _ in in_groups(stack) if isinstance(p := s.planned("port"), int)}
    for rule in ingress(stack):
        opened = rule.ports(ports)
        data = bool(opened) or not of_data.isdisjoint(rule.groups)
        name = f"{rule.rule.address}{' ' + rule.under.strip('.') if rule.under else ''}"
        if rule.under == "ingress":
            text = "its inline rules are not shown by this plan; write separate rules"
            yield Finding(False, f"{name}: {text}")
        wrong = [
            reason for s in rule.sources if (reason := _outside(stack, rule.rule, s, inside, data))
        ]
        for reason in wrong:
            yield Finding(False, f"{name}: {reason}")
        if not wrong:
            sources = listed(str(source.value) for source in rule.sources) or "the group itself"
            yield Finding(True, f"{name}: from {sources}")


def _outside(stack: Stack, rule: Resource, source: Source, inside: list[Any], data: bool) -> str:
    """Return why a source is refused, or an empty text."""
    kind, value = source
    if kind == "range":
        found = network(value)
        if value is UNKNOWN or found is None:
            of_vpc = all(
                origin.resources and all(r.type == "aws_vpc" for r in origin.resources)
                for name in ("cidr_ipv4", "cidr_blocks")
                for origin in stack.trace(rule, name)
            )
            known = value is UNKNOWN and of_vpc and rule.writes("cidr_ipv4")
            return "" if known else "its source is not shown by this plan; write it as a literal"
        if found.prefixlen == 0 or (reaches_internet(value) and found.prefixlen < 8):
            return f"{value} is the internet; name a group or a range of the VPC"
        private = found.prefixlen >= _WIDEST and not reaches_internet(value)
        if data and not within(value, inside) and not (private and has_reason(rule)):
            where = listed(map(str, inside)) or "a VPC that is not in this plan"
            fix = "name a group, or a private range of /8 or less with a tag Reason"
            return f"{value} is outside {where}, and the port belongs to data; {fix}"
        return ""
    if kind == "prefix list":
        lists = [
            r
            for name in ("prefix_list_id", "prefix_list_ids")
            for r in referenced(stack, rule, name)
        ]
        entries = [e.get("cidr") for r in lists for e in _entries(stack, r)]
        if lists and entries and all(within(e, inside) for e in entries):
            return ""
        return "a prefix list is not a range of the VPC; name a group" if data or not lists else ""
    if isinstance(value, str) and "/" in value:
        return f"the group {value} belongs to another account; name a group of the stack"
    return ""


def _entries(stack: Stack, prefix_list: Resource) -> Iterator[dict[str, Any]]:
    inline = prefix_list.planned("entry")
    yield from inline if isinstance(inline, list) else ()
    for entry in stack.all("aws_ec2_managed_prefix_list_entry"):
        if prefix_list in referenced(stack, entry, "prefix_list_id"):
            yield {"cidr": entry.planned("cidr")}
