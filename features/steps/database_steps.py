"""Steps about the parameters, windows and logs of the database instances."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))

from findings import Finding, check
from kinds import listed, of_kind, origins, zone
from stack_graph import UNKNOWN, Stack
from windows import business, daily, overlap, weekly

_PARAMETERS = "aws_db_parameter_group"
_WINDOWS = ("backup_window", "maintenance_window")


@check("every instance uses a parameter group that sets {parameter:PROPERTY} to {values:ANY}")
def parameter(stack: Stack, parameter: str, values: str) -> Iterator[Finding]:
    """The group is found by reference, and the parameter in the group that was found."""
    for instance in of_kind(stack, "instance"):
        group = stack.one(instance, "parameter_group_name", _PARAMETERS)
        if group is None:
            now = origins(stack, instance, "parameter_group_name")
            yield Finding(False, f"{instance.address}: its parameter group comes from {now}")
            continue
        settings: Any = group.planned("parameter")
        found = [s["value"] for s in settings or () if s["name"] == parameter]
        fine = bool(found) and all(value in re.split(r", | or ", values) for value in found)
        text = f"{instance.address}: {parameter} = {listed(found) or 'unset'} in {group.address}"
        yield Finding(fine, text)


@check("every {kind:PROPERTY} exports the logs {names:ANY}")
def exports(stack: Stack, kind: str, names: str) -> Iterator[Finding]:
    """Each of the logs goes to CloudWatch."""
    for instance in of_kind(stack, kind):
        planned: Any = instance.planned("enabled_cloudwatch_logs_exports") or []
        exported = [str(each) for each in planned]
        fine = set(names.split(" and ")) <= set(exported)
        yield Finding(fine, f"{instance.address}: exports {listed(exported) or 'no log'}")


@check("the backup and the maintenance window of every primary are apart")
def windows_apart(stack: Stack) -> Iterator[Finding]:
    """RDS refuses windows that overlap, but at apply only."""
    for primary in of_kind(stack, "primary"):
        backup, maintenance = (
            primary.planned("backup_window"),
            primary.planned("maintenance_window"),
        )
        text = f"{primary.address}: backup {backup}, maintenance {maintenance}"
        spans = daily(str(backup)), weekly(str(maintenance))
        yield Finding(all(spans) and not overlap(*spans), text)


@check("no window of any instance lies within business hours")
def windows_at_night(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """The table gives the hours, in UTC, of the regions that begin with a prefix."""
    zones = sorted({zone(each) for each in stack.all("aws_subnet")})
    hours = {r["hours in UTC"] for z in zones for r in table if z.startswith(r["region"])}
    if len(hours) != 1:  # none, or regions that do not fit together
        yield Finding(False, f"{listed(zones)}: the table gives no business hours for them")
        return
    (busy,) = hours
    for instance in of_kind(stack, "instance"):
        backup, maintenance = (str(instance.planned(name)) for name in _WINDOWS)
        spans = daily(backup) + weekly(maintenance)
        fine = bool(weekly(maintenance)) and not overlap(spans, business(busy))
        shown = f"backup {backup}, maintenance {maintenance}, business hours {busy}"
        yield Finding(fine, f"{instance.address}: {shown}")


@check("every replica keeps Performance Insights as long as its primary")
def same_retention(stack: Stack) -> Iterator[Finding]:
    """The retention is the primary's by reference, or equal to it."""
    name = "performance_insights_retention_period"
    replicas = of_kind(stack, "replica")
    if not replicas and of_kind(stack, "primary"):
        yield Finding(True, "no replica is planned, so none differs from the primary")
    for replica in replicas:
        primary = stack.one(replica, "replicate_source_db", "aws_db_instance")
        if primary is None:
            now = origins(stack, replica, "replicate_source_db")
            yield Finding(False, f"{replica.address}: its primary comes from {now}")
            continue
        ours, theirs = replica.planned(name), primary.planned(name)
        taken = stack.one(replica, name, "aws_db_instance") == primary
        text = f"{replica.address}: {name} = {ours}, of {primary.address} {theirs}"
        yield Finding(taken or (ours == theirs and ours not in (None, UNKNOWN)), text)
