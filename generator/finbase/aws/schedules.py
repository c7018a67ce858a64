"""Schedule expressions of Secrets Manager: how often they run, and when in the week (UTC).

``features/steps/shared/windows.py`` reads the same texts out of plans, as it does for windows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Final

from finbase.aws.windows import DAY, WEEK, Window

_MONTHS: Final = tuple("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split())
_WEEKDAYS: Final = tuple("SUN MON TUE WED THU FRI SAT".split())
_RATE = re.compile(r"rate\(([0-9]{1,3}) days?\)")
# One of the fields for days is a question mark.
_CRON = re.compile(r"cron\(0 ([0-9]{1,2}) (?!\? \S+ \?)(?=\? |\S+ \S+ \?)(\S+) (\S+) (\S+) \*\)")
_PART = re.compile(r"([0-9]{1,2}|\*)(?:-([0-9]{1,2}))?(?:/([0-9]{1,2}))?")
_FIRST: Final = date(2025, 1, 1).toordinal()
_YEARS: Final = 3


@lru_cache(maxsize=64)
def longest_gap(expression: str) -> int | None:
    """Return the most days between two runs; None if the expression is invalid or never runs.

    >>> longest_gap("rate(30 days)"), longest_gap("cron(0 2 ? * SUN *)")
    (30, 7)
    >>> longest_gap("cron(0 2 1 * ? *)"), longest_gap("cron(0 2 31 2 ? *)")
    (31, None)
    >>> longest_gap("cron(0 2 * * * *)"), longest_gap("cron(0 2 ? * ? *)")
    (None, None)
    """
    if rate := _RATE.fullmatch(expression):
        return int(rate[1]) or None
    parsed = _parsed(expression)
    runs = list(_days(*parsed[1])) if parsed else []
    return max((later - earlier for earlier, later in pairwise(runs)), default=None)


def hours_left(expression: str) -> int | None:
    """Return the hours from the start of a window to the end of its UTC day; None if it is invalid.

    Secrets Manager refuses a longer window. A rate in days starts at midnight.

    >>> hours_left("rate(30 days)"), hours_left("cron(0 23 ? * SUN *)"), hours_left("cron(0 2 *)")
    (24, 1, None)
    """
    parsed = _parsed(expression)
    return 24 - parsed[0] if parsed else None


@lru_cache(maxsize=64)
def fault(expression: str) -> str:
    """Return what Secrets Manager refuses in the fields of a cron expression, or an empty text.

    >>> fault("cron(0 2 1/40 * ? *)"), fault("cron(0 2 ? * SUN,9 *)"), fault("cron(0 2 L * ? *)")
    ('1/40 is not a day of the month', '9 is not a day of the week', 'L is not a day of the month')
    >>> fault("cron(0 2 1/15 JAN-DEC/3 ? *)"), fault("rate(30 days)")
    ('', '')
    """
    parsed = _parsed(expression)
    kinds = (31, (), "day of the month"), (12, _MONTHS, "month"), (7, _WEEKDAYS, "day of the week")
    for field, (most, names, what) in zip(parsed[1], kinds, strict=True) if parsed else ():
        for part in field.split(","):
            if part != "?" and not _is_part(_numbered(part, names), most):
                return f"{part or 'nothing'} is not a {what}"
    return ""


def _parsed(expression: str) -> tuple[int, tuple[str, str, str]] | None:
    """Return the hour and the fields for days, months and weekdays; a rate runs at any midnight."""
    if _RATE.fullmatch(expression):
        return 0, ("*", "*", "*")
    cron = _CRON.fullmatch(expression)
    return (int(cron[1]), (cron[2], cron[3], cron[4])) if cron else None


def _is_part(part: str, most: int) -> bool:
    match = _PART.fullmatch(part)
    numbers = [int(n) for n in match.groups() if n and n != "*"] if match else []
    first, last = match.groups()[:2] if match else ("", None)
    ordered = last is None or (first != "*" and int(first) <= int(last))
    return match is not None and ordered and all(1 <= number <= most for number in numbers)


@lru_cache(maxsize=64)
def weekly_windows(expression: str, hours: int) -> tuple[Window, ...]:
    """Return the windows of ``hours`` in a week in which a run can start; empty if it is invalid.

    A rate in days starts at midnight. A schedule by the day of the month can start on any weekday.

    >>> [window.start // 60 for window in weekly_windows("cron(0 2 ? * SUN *)", 2)]
    [146]
    >>> len(weekly_windows("rate(30 days)", 2)), len(weekly_windows("cron(0 2 1 * ? *)", 2))
    (7, 7)
    """
    if (parsed := _parsed(expression)) is None:
        return ()
    hour, (_, _, weekdays) = parsed
    # A cron week starts on Sunday, a week of windows on Monday.
    days = ((weekday + 5) % 7 for weekday in _numbers(weekdays, 7, _WEEKDAYS))
    starts = sorted(day * DAY + hour * 60 for day in days)
    return tuple(Window(start, hours * 60, WEEK) for start in starts)


def _days(days: str, months: str, weekdays: str) -> Iterator[int]:
    """Yield the number of each day within some years on which a schedule runs."""
    in_month, in_year = _numbers(days, 31, ()), _numbers(months, 12, _MONTHS)
    in_week = _numbers(weekdays, 7, _WEEKDAYS)
    for number in range(_FIRST, _FIRST + _YEARS * 365):
        day = date.fromordinal(number)
        if day.day in in_month and day.month in in_year and day.isoweekday() % 7 + 1 in in_week:
            yield number


def _numbers(field: str, most: int, names: tuple[str, ...]) -> set[int]:
    """Return the numbers from 1 on that a field of a cron expression allows; empty if unclear."""
    numbers: set[int] = set()
    for part in _numbered(field, names).replace("?", "*").split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return set()
        first = 1 if match[1] == "*" else int(match[1])
        last = int(match[2]) if match[2] else most if match[3] or match[1] == "*" else first
        numbers |= {*range(first, min(last, most) + 1, int(match[3] or 1) or 1)}
    return numbers


def _numbered(field: str, names: tuple[str, ...]) -> str:
    for number, name in enumerate(names, 1):
        field = field.replace(name, str(number))
    return field
