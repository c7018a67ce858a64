"""The daily and weekly windows of RDS, in minutes of a week in UTC that begins on Monday."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["DAY", "LEAST", "Window", "business", "daily", "overlap", "weekly"]

DAY: Final = 24 * 60
WEEK: Final = 7 * DAY
LEAST: Final = 30

_EVENING: Final = 18 * 60
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME: Final = "([01][0-9]|2[0-3]):([0-5][0-9])"
_DAILY = re.compile(f"{_TIME}-{_TIME}")
_WEEKLY = re.compile(f"({'|'.join(_DAYS)}):{_TIME}-({'|'.join(_DAYS)}):{_TIME}")


@dataclass(frozen=True)
class Window:
    """A span of ``length`` minutes from ``start``, which recurs every ``period`` minutes."""

    start: int
    length: int
    period: int


def daily(text: str) -> Window | None:
    """Read ``03:00-04:00``; None for anything else. It may pass midnight."""
    match = _DAILY.fullmatch(text)
    if match is None:
        return None
    start, end = (int(h) * 60 + int(m) for h, m in (match.groups()[:2], match.groups()[2:]))
    return Window(start, (end - start) % DAY, DAY)


def weekly(text: str) -> Window | None:
    """Read ``mon:04:00-mon:05:00``; None for anything else. It may pass the end of the week."""
    match = _WEEKLY.fullmatch(text)
    if match is None:
        return None
    start, end = (
        _DAYS.index(day) * DAY + int(hour) * 60 + int(minute)
        for day, hour, minute in (match.groups()[:3], match.groups()[3:])
    )
    return Window(start, (end - start) % WEEK, WEEK)


def business(text: str) -> tuple[Window, ...]:
    """Read ``06:00-18:00`` as Monday to Friday; nothing for anything else.

    Hours that begin in the evening of UTC are those of the next day, east of it.
    """
    hours = daily(text)
    if hours is None:
        return ()
    first = hours.start - (DAY if hours.start >= _EVENING else 0)
    return tuple(Window((first + day * DAY) % WEEK, hours.length, WEEK) for day in range(5))


def overlap(one: Window, other: Window) -> bool:
    """Whether two windows ever share a minute; one that ends as the other begins does not."""
    period = min(one.period, other.period)
    ahead = (other.start - one.start) % period
    return ahead < one.length or (-ahead) % period < other.length
