"""Steps about the parameters, windows and logs of the database instances."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from findings import Finding, check
from kinds import (
    are_named,
    business_hours,
    listed,
    of_kind,
    switch,
    unknown_hours,
    unproved,
)
from stack_graph import UNKNOWN, Resource, Stack, shown
from windows import SHORTEST, business, daily, overlap, weekly

_PARAMETERS = "aws_db_parameter_group"
_WINDOWS = ("backup_window", "maintenance_window")


@check(
    "every instance uses a parameter group that sets {parameter:PROPERTY} to {values:ANY}",
    "instance",
)
def parameter(stack: Stack, parameter: str, values: str) -> Iterator[Finding]:
    """Follow the reference to the group and require one of the values in that group."""
    for instance in of_kind(stack, "instance"):
        group = stack.one(instance, "parameter_group_name", _PARAMETERS)
        if group is None:
            text = unproved(stack, instance, "parameter_group_name", f"one {_PARAMETERS}")
            yield Finding(False, f"{instance.address}: {text}")
            continue
        settings: Any = group.planned("parameter")
        if not are_named(settings):
            text = f"{group.address}, whose parameters are not all shown by this plan"
            yield Finding(False, f"{instance.address}: {text}; write their names as literals")
            continue
        planned = [
            group.planned(f"parameter.{number}.value")
            for number, setting in enumerate(settings or ())
            if setting["name"].lower() == parameter
        ]
        fine = bool(planned) and all(switch(v) in re.split(r", | or ", values) for v in planned)
        now = listed(map(shown, planned)) or "unset"
        text = f"{instance.address}: {parameter} = {now} in {group.address}"
        yield Finding(fine, text if fine else f"{text}; set it to {values}")


@check("every {kind:PROPERTY} exports the logs {names:ANY}")
def exports(stack: Stack, kind: str, names: str) -> Iterator[Finding]:
    """Require that each log is exported to CloudWatch."""
    for instance in of_kind(stack, kind):
        planned = instance.planned("enabled_cloudwatch_logs_exports")
        logs = instance.items("enabled_cloudwatch_logs_exports")
        exported = [shown(log) for log in logs] if isinstance(planned, list) else []
        fine = set(names.split(" and ")) <= set(exported)
        text = f"{instance.address}: exports {listed(exported) or shown(planned)}"
        fix = f"; enabled_cloudwatch_logs_exports must list {names}"
        yield Finding(fine, text if fine else text + fix)


@check("the backup and maintenance windows of every instance do not overlap", "instance")
def windows_apart(stack: Stack) -> Iterator[Finding]:
    """Refuse what RDS would refuse too, but only at apply.

    A replica whose backup window is not set has that of its primary.
    """
    for instance in of_kind(stack, "instance"):
        primary = stack.one(instance, "replicate_source_db", "aws_db_instance")
        backup, maintenance = (instance.planned(name) for name in _WINDOWS)
        inherited = ""
        if primary and not isinstance(backup, str):
            backup = primary.planned("backup_window")
            inherited = f", backup_window {shown(backup)} of {primary.address}"
        spans = daily(str(backup)), weekly(str(maintenance))
        fine = all(spans) and not overlap(*spans)
        fix = f"; choose windows of {SHORTEST} minutes or more that do not overlap"
        text = f"{instance.address}: {_windows(instance)}{inherited}"
        yield Finding(fine, text if fine else text + fix)


@check("no window of any instance overlaps the business hours of its region", "instance")
def windows_at_night(stack: Stack) -> Iterator[Finding]:
    """Compare each window that is set with the hours of the region; a primary sets both."""
    instances = of_kind(stack, "instance")
    busy = business_hours(stack)
    if instances and not busy:
        yield Finding(False, unknown_hours(stack))
        return
    for instance in instances:
        backup, maintenance = (str(instance.planned(name)) for name in _WINDOWS)
        spans = daily(backup) + weekly(maintenance)
        fine = bool(weekly(maintenance)) and not overlap(spans, business(busy))
        fix = "" if fine else "; choose windows outside business hours (UTC)"
        text = f"{_windows(instance)}, business hours {busy}"
        yield Finding(fine, f"{instance.address}: {text}{fix}")


def _windows(instance: Resource) -> str:
    """Return the windows of an instance for a message."""
    planned = ((name, instance.planned(name)) for name in _WINDOWS)
    return ", ".join(f"{name} {shown(value)}" for name, value in planned)


@check("every replica keeps Performance Insights data as long as its primary", "replica")
def same_retention(stack: Stack) -> Iterator[Finding]:
    """Require the primary's retention, by reference or as an equal value."""
    name = "performance_insights_retention_period"
    for replica in of_kind(stack, "replica"):
        primary = stack.one(replica, "replicate_source_db", "aws_db_instance")
        if primary is None:
            text = unproved(stack, replica, "replicate_source_db", "one aws_db_instance")
            yield Finding(False, f"{replica.address}: {text}")
            continue
        own, expected = replica.planned(name), primary.planned(name)
        referenced = stack.one(replica, name, "aws_db_instance") == primary
        fine = referenced or (own == expected and own not in (None, UNKNOWN))
        text = f"{replica.address}: {name} = {shown(own)}; {primary.address} has {shown(expected)}"
        yield Finding(fine, text if fine else f"{text}; set the same value")
