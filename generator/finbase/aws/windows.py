"""Daily and weekly windows of RDS, and business hours, as minutes of a week in UTC.

``features/steps/shared/windows.py`` reads the same texts out of plans. It does not use this module:
the features must run without finbase, and as a second implementation they also find its mistakes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

DAY: Final = 24 * 60
WEEK: Final = 7 * DAY
LEAST: Final = 30
"""The minutes of the shortest window that RDS accepts."""

_EVENING: Final = 18 * 60
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME: Final = "([01][0-9]|2[0-3]):([0-5][0-9])"
_DAILY = re.compile(f"{_TIME}-{_TIME}")
_WEEKLY = re.compile(f"({'|'.join(_DAYS)}):{_TIME}-({'|'.join(_DAYS)}):{_TIME}")


@dataclass(frozen=True)
class Window:
    """``length`` minutes from minute ``start`` on, every ``period`` minutes."""

    start: int
    length: int
    period: int


@lru_cache(maxsize=256)
def daily(text: str) -> Window | None:
    """Read a daily window, which may pass midnight; return None if the text is not one.

    >>> daily("23:30-00:30")
    Window(start=1410, length=60, period=1440)
    >>> daily("24:00-25:00")
    """
    match = _DAILY.fullmatch(text)
    if match is None:
        return None
    start, end = (int(h) * 60 + int(m) for h, m in (match.groups()[:2], match.groups()[2:]))
    return Window(start, (end - start) % DAY, DAY)


@lru_cache(maxsize=256)
def weekly(text: str) -> Window | None:
    """Read a weekly window, which may pass the end of the week; return None if it is not one.

    >>> weekly("sun:23:30-mon:00:30")
    Window(start=10050, length=60, period=10080)
    """
    match = _WEEKLY.fullmatch(text)
    if match is None:
        return None
    start, end = (
        _DAYS.index(day) * DAY + int(hour) * 60 + int(minute)
        for day, hour, minute in (match.groups()[:3], match.groups()[3:])
    )
    return Window(start, (end - start) % WEEK, WEEK)


@lru_cache(maxsize=64)
def business(text: str) -> tuple[Window, ...]:
    """Read business hours as five windows, Monday to Friday; empty if the text is not hours.

    >>> [window.start // 60 for window in business("06:00-18:00")]
    [6, 30, 54, 78, 102]
    >>> [window.start // 60 for window in business("23:00-09:00")]
    [167, 23, 47, 71, 95]
    """
    hours = daily(text)
    if hours is None:
        return ()
    # Monday in Tokyo starts on Sunday evening in UTC.
    first = hours.start - (DAY if hours.start >= _EVENING else 0)
    return tuple(Window((first + day * DAY) % WEEK, hours.length, WEEK) for day in range(5))


def overlap(first: Window, second: Window) -> bool:
    """Return whether two windows ever share a minute.

    >>> backup = daily("03:00-04:00")
    >>> overlap(backup, weekly("mon:03:59-mon:05:00"))
    True
    >>> overlap(backup, weekly("mon:04:00-mon:05:00"))
    False
    """
    period = min(first.period, second.period)
    ahead = (second.start - first.start) % period
    return ahead < first.length or (-ahead) % period < second.length
