"""Windows of RDS and business hours, as spans of minutes of a week in UTC from Monday on."""

from __future__ import annotations

import re
from typing import NamedTuple

DAY = 24 * 60
WEEK = 7 * DAY
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = r"(\d\d):(\d\d)"
_DAILY = re.compile(f"{_TIME}-{_TIME}")
_WEEKLY = re.compile(rf"(\w+):{_TIME}-(\w+):{_TIME}")
_EVENING = 18 * 60


class Span(NamedTuple):
    """Minutes from ``start`` on, within a week that begins again at its end."""

    start: int
    length: int


def daily(text: str) -> list[Span]:
    """Read ``03:00-04:00``: seven spans. It may pass midnight. Nothing for anything else."""
    if not (match := _DAILY.fullmatch(text)):
        return []
    start, end = _minutes(*match.groups()[:2]), _minutes(*match.groups()[2:])
    return [Span(day * DAY + start, (end - start) % DAY) for day in range(7)]


def weekly(text: str) -> list[Span]:
    """Read ``mon:04:00-mon:05:00``: one span. Nothing for anything else."""
    match = _WEEKLY.fullmatch(text)
    if not match or match[1] not in _DAYS or match[4] not in _DAYS:
        return []
    start = _DAYS.index(match[1]) * DAY + _minutes(match[2], match[3])
    end = _DAYS.index(match[4]) * DAY + _minutes(match[5], match[6])
    return [Span(start, (end - start) % WEEK)]


def business(text: str) -> list[Span]:
    """Read ``07:00-18:00``: five spans, Monday to Friday.

    Hours that begin in the evening of UTC are those of the next day, east of it.
    """
    days = daily(text)
    shift = -DAY if days and days[0].start >= _EVENING else 0
    return [Span((each.start + shift) % WEEK, each.length) for each in days[:5]]


def overlap(ours: list[Span], theirs: list[Span]) -> bool:
    """Whether any two spans share a minute; one may end where another begins."""
    return any(
        (b.start - a.start) % WEEK < a.length or (a.start - b.start) % WEEK < b.length
        for a in ours
        for b in theirs
    )


def _minutes(hours: str, minutes: str) -> int:
    return int(hours) * 60 + int(minutes)
