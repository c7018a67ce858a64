"""Convert RDS windows and business hours to spans of minutes in a week (UTC, from Monday)."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import NamedTuple

DAY = 24 * 60
WEEK = 7 * DAY
_MONTHS = tuple("jan feb mar apr may jun jul aug sep oct nov dec".split())
_SUNDAY_FIRST = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHORTEST = 30
"""The fewest minutes that AWS accepts for a window."""
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_DAILY = re.compile(f"{_TIME}-{_TIME}")
_WEEKLY = re.compile(rf"(\w+):{_TIME}-(\w+):{_TIME}")
_ZONE_ID = re.compile("([a-z]{2})([nsewc]{1,2})([0-9])-az")
_SIDES = {"n": "north", "s": "south", "e": "east", "w": "west", "c": "central"}
_CLOCK = re.compile(_TIME)
_EVENING = 18 * 60
HOURS = {
    "eu-": "06:00-18:00",
    "us-east-": "12:00-23:00",
    "us-west-": "15:00-02:00",
    "ca-central-": "12:00-23:00",
    "ca-west-": "14:00-02:00",
    "mx-central-": "14:00-01:00",
    "sa-east-": "11:00-21:00",
    "af-south-": "06:00-16:00",
    "il-central-": "05:00-16:00",
    "me-south-": "05:00-15:00",
    "me-central-": "04:00-14:00",
    "ap-south-": "02:30-12:30",
    "ap-east-": "00:00-10:00",
    "ap-southeast-1": "00:00-10:00",
    "ap-southeast-2": "21:00-08:00",
    "ap-southeast-3": "01:00-11:00",
    "ap-southeast-4": "21:00-08:00",
    "ap-southeast-5": "00:00-10:00",
    "ap-southeast-6": "19:00-06:00",
    "ap-southeast-7": "01:00-11:00",
    "ap-northeast-": "23:00-09:00",
}
"""Business hours in UTC, Monday to Friday, by the start of a region's name."""


class Span(NamedTuple):
    """``length`` minutes from the minute ``start`` of the week; it may continue past Sunday."""

    start: int
    length: int


def hours_of(place: str) -> str:
    """Return the business hours of a region or zone, or an empty text if none are known.

    >>> hours_of("eu-west-1a"), hours_of("apse2-az1"), hours_of("moon-1")
    ('06:00-18:00', '21:00-08:00', '')
    """
    if match := _ZONE_ID.match(place):
        place = f"{match[1]}-{''.join(_SIDES[side] for side in match[2])}-{match[3]}"
    return next((hours for region, hours in HOURS.items() if place.startswith(region)), "")


def moment(text: str) -> list[Span]:
    """Return the seven hours that start at a time of day, or an empty list for an invalid one.

    A serverless cache takes its daily snapshot at such a time.

    >>> moment("12:00")[0]
    Span(start=720, length=60)
    """
    match = _CLOCK.fullmatch(text)
    return [Span(day * DAY + _minutes(*match.groups()), 60) for day in range(7)] if match else []


def longest_gap(schedule: str) -> int | None:
    """Return the most days between two runs of a schedule expression; None if it is unclear.

    >>> longest_gap("rate(30 days)"), longest_gap("cron(0 4 1 * ? *)")
    (30, 31)
    >>> longest_gap("cron(0 4 ? * SUN *)"), longest_gap("cron(0 4 1 1 ? *)")
    (7, 365)
    >>> longest_gap("cron(0 4 1-99999999999 * ? *)"), longest_gap("cron(0 4 31 2 ? *)")
    (None, None)
    """
    if match := re.fullmatch(r"rate\(([0-9]{1,5}) (hour|day)s?\)", schedule.strip()):
        return -(-int(match[1]) // (24 if match[2] == "hour" else 1))
    match = re.fullmatch(r"cron\(\S+ \S+ (\S+) (\S+) (\S+) \*\)", schedule.strip())
    if not match:
        return None
    days = _numbers(match[1], 31, ())
    months = _numbers(match[2], 12, _MONTHS)
    weekdays = _numbers(match[3], 7, _SUNDAY_FIRST)
    start = date(2025, 1, 1).toordinal()
    runs = [
        number
        for number in range(start, start + 3 * 365)
        for day in [date.fromordinal(number)]
        if (day.day in days and day.month in months and day.isoweekday() % 7 + 1 in weekdays)
    ]
    return max((later - earlier for earlier, later in pairwise(runs)), default=None)


def ends_in_its_day(schedule: str, duration: object) -> bool:
    """Return whether a window of a schedule ends on its UTC day, as Secrets Manager requires.

    >>> ends_in_its_day("cron(0 22 ? * SUN *)", "2h"), ends_in_its_day("cron(0 23 ? * SUN *)", "2h")
    (True, False)
    >>> ends_in_its_day("rate(7 days)", "24h"), ends_in_its_day("cron(0 23 ? * SUN *)", None)
    (True, True)
    """
    hours = re.fullmatch(r"([0-9]{1,2})h", duration) if isinstance(duration, str) else None
    start = re.match(r"cron\(0 ([0-9]{1,2}) ", schedule.strip())
    return hours is None or (int(start[1]) if start else 0) + int(hours[1]) <= 24


def _numbers(field: str, most: int, names: tuple[str, ...]) -> set[int]:
    """Return the numbers from 1 on that a field of a cron expression allows; empty if unclear."""
    for number, name in enumerate(names, 1):
        field = re.sub(name, str(number), field, flags=re.IGNORECASE)
    numbers: set[int] = set()
    for part in field.replace("?", "*").split(","):
        match = re.fullmatch(r"([0-9]{1,2}|\*)(?:-([0-9]{1,2}))?(?:/([0-9]{1,2}))?", part)
        if not match:
            return set()
        first = 1 if match[1] == "*" else int(match[1])
        last = int(match[2]) if match[2] else most if match[3] or match[1] == "*" else first
        numbers |= {*range(first, last + 1, int(match[3] or 1) or 1)}
    return numbers


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
