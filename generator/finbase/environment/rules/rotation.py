"""Rules about when the secrets of roles rotate, and the alarm for a late rotation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from finbase.aws.schedules import fault, hours_left, longest_gap, weekly_windows
from finbase.aws.windows import business, overlap
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.inputs import first_set, text_of, whole_number
from finbase.environment.rules.rule import AWS, SECRETS, Finding, Findings, rule

_MOST_DAYS: Final = 90
_SOURCE: Final = f"{SECRETS}rotate-secrets_schedule.html"
_TIMES: Final = ("rotation_schedule", "rotation_window_hours")
_BY_DAYS: Final = "a pattern cannot count the days between two runs of a cron expression"


@rule(
    "FB274",
    "rotation during business hours",
    "roles.rotation_schedule",
    "roles.rotation_window_hours",
    why="A client that reads its secret only when it starts loses its connection with the second "
    "rotation after that. Outside business hours, that harms the fewest.",
    source=_SOURCE,
    accepted={"roles.rotation_schedule": "cron(0 4 ? * MON *)"},
    refused={"roles.rotation_schedule": "cron(0 5 ? * MON *)"},
    yaml_only="the modules do not contain the business hours of regions",
)
def rotation_window(environment: Environment) -> Findings:
    """Secrets of roles must rotate outside the region's business hours, Monday to Friday."""
    hours = environment.catalogue.business_hours(environment.region)
    busy = business(hours) if hours else ()
    for use, instance, schedule in _schedules(environment):
        length = whole_number(use, instance, "rotation_window_hours")
        windows = weekly_windows(schedule, length) if length else ()
        if any(overlap(window, span) for window in windows for span in busy):
            message = (
                f"{schedule} with a window of {length} hours overlaps the business hours of "
                f"{environment.region} ({hours} UTC, Monday to Friday)"
            )
            hint = "choose another hour or another day, such as cron(0 2 ? * SUN *)"
            yield Finding(first_set(use, instance, *_TIMES), message, hint)


@rule(
    "FB280",
    "rotation that Secrets Manager refuses",
    "roles.rotation_schedule",
    "roles.rotation_window_hours",
    why="A window must end on the UTC day on which it starts: hour and duration are at most 24 "
    "together. Numbers and steps must be those of their field. A plan accepts other schedules, "
    "and the apply fails.",
    source=_SOURCE,
    accepted={"roles.rotation_schedule": "cron(0 22 ? * SUN *)"},
    refused={"roles.rotation_schedule": "cron(0 23 ? * SUN *)"},
    yaml_only="a pattern cannot add the hour of a schedule to another input",
)
def rotation_refused(environment: Environment) -> Findings:
    """A schedule must be valid, and its windows must not extend into the next UTC day."""
    for use, instance, schedule in _schedules(environment):
        if longest_gap(schedule) is None:
            continue  # FB275 reports it.
        if wrong := fault(schedule):
            hint = "write a schedule such as cron(0 2 ? * SUN *) or rate(30 days)"
            at = use.where(instance, "rotation_schedule")
            yield Finding(at, f"{schedule} is not valid: {wrong}", hint)
            continue
        length, left = whole_number(use, instance, "rotation_window_hours"), hours_left(schedule)
        if length is not None and left is not None and length > left:
            message = f"a window of {length} hours from {24 - left}:00 UTC ends on the next day"
            hint = f"set `rotation_window_hours` to {left} or less, or choose an earlier hour"
            yield Finding(first_set(use, instance, *reversed(_TIMES)), message, hint)


@rule(
    "FB275",
    "secrets of roles that rotate too rarely",
    "roles.rotation_schedule",
    why="PCI DSS 8.6.3 requires that passwords of applications change; finbase allows at most 90 "
    "days between two rotations.",
    source=_SOURCE,
    accepted={"roles.rotation_schedule": "rate(90 days)", "roles.rotation_overdue_days": 91},
    refused={"roles.rotation_schedule": "rate(91 days)", "roles.rotation_overdue_days": 91},
    yaml_only=_BY_DAYS,
)
def rotation_often(environment: Environment) -> Findings:
    """Secrets of roles must rotate at least every 90 days."""
    for use, instance, schedule in _schedules(environment):
        gap = longest_gap(schedule)
        if gap is None or gap > _MOST_DAYS:
            every = "never runs" if gap is None else f"runs every {gap} days"
            message = f"{schedule} {every}; a password may be {_MOST_DAYS} days old"
            hint = "write a schedule such as cron(0 2 ? * SUN *) or rate(30 days)"
            yield Finding(use.where(instance, "rotation_schedule"), message, hint)


@rule(
    "FB276",
    "alarm for a rotation that is not late",
    "roles.rotation_overdue_days",
    "roles.rotation_schedule",
    why="The alarm would be raised before each rotation, and nobody would listen to it.",
    source=f"{AWS}AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html",
    accepted={"roles.rotation_overdue_days": 8},
    refused={"roles.rotation_overdue_days": 7},
    yaml_only=_BY_DAYS,
)
def overdue(environment: Environment) -> Findings:
    """An alarm for a late rotation must be later than the next rotation of the schedule."""
    for use, instance, schedule in _schedules(environment):
        days, gap = whole_number(use, instance, "rotation_overdue_days"), longest_gap(schedule)
        if days is not None and gap is not None and gap <= _MOST_DAYS and days <= gap:
            message = f"the alarm after {days} days precedes a rotation every {gap} days"
            hint = f"set `rotation_overdue_days` to {gap + 1} or more"
            where = first_set(use, instance, "rotation_overdue_days", "rotation_schedule")
            yield Finding(where, message, hint)


def _schedules(environment: Environment) -> Iterator[tuple[ModuleUse, Instance, str]]:
    for use, instance in environment.instances("roles"):
        if schedule := text_of(use, instance, "rotation_schedule"):
            yield use, instance, schedule
