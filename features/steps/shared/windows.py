"""Convert RDS windows and business hours to spans of minutes in a week (UTC, from Monday)."""

from __future__ import annotations

import re
from typing import NamedTuple

DAY = 24 * 60
WEEK = 7 * DAY
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHORTEST = 30
"""The fewest minutes that AWS accepts for a window."""
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_DAILY = re.compile(f"{_TIME}-{_TIME}")
_WEEKLY = re.compile(rf"(\w+):{_TIME}-(\w+):{_TIME}")
_EVENING = 18 * 60


class Span(NamedTuple):
    """``length`` minutes from the minute ``start`` of the week; it may continue past Sunday."""

    start: int
    length: int


def daily(text: str) -> list[Span]:
    """Return the seven spans of a daily window, or an empty list for an invalid one.

    >>> daily("23:30-00:30")[0]
    Span(start=1410, length=60)
    >>> daily("03:00"), daily("03:00-03:15"), daily("24:00-24:30")
    ([], [], [])
    """
    if not (match := _DAILY.fullmatch(text)):
        return []
    start, end = _minutes(*match.groups()[:2]), _minutes(*match.groups()[2:])
    length = (end - start) % DAY
    return [Span(day * DAY + start, length) for day in range(7)] if length >= SHORTEST else []


def weekly(text: str) -> list[Span]:
    """Return the one span of a weekly window, or an empty list for an invalid one.

    >>> weekly("Mon:04:00-mon:05:00")
    [Span(start=240, length=60)]
    >>> weekly("mon:04:00-mon:04:15")
    []
    """
    match = _WEEKLY.fullmatch(text.lower())
    if not match or match[1] not in _DAYS or match[4] not in _DAYS:
        return []
    start = _DAYS.index(match[1]) * DAY + _minutes(match[2], match[3])
    end = _DAYS.index(match[4]) * DAY + _minutes(match[5], match[6])
    length = (end - start) % WEEK
    return [Span(start, length)] if length >= SHORTEST else []


def business(text: str) -> list[Span]:
    """Return the five spans of business hours in UTC, Monday to Friday in local time.

    Hours that start in the evening belong to the next local day, as in Sydney: its Monday starts
    on Sunday evening in UTC.

    >>> business("21:00-08:00")[0] == Span(6 * DAY + 21 * 60, 11 * 60)  # Sunday, 21:00
    True
    """
    days = daily(text)
    shift = -DAY if days and days[0].start >= _EVENING else 0
    return [Span((day.start + shift) % WEEK, day.length) for day in days[:5]]


def overlap(left: list[Span], right: list[Span]) -> bool:
    """Return whether any two spans share a minute; adjacent spans do not.

    >>> overlap(daily("03:00-04:00"), weekly("mon:04:00-mon:05:00"))
    False
    """
    return any(
        (b.start - a.start) % WEEK < a.length or (a.start - b.start) % WEEK < b.length
        for a in left
        for b in right
    )


def _minutes(hours: str, minutes: str) -> int:
    return int(hours) * 60 + int(minutes)
