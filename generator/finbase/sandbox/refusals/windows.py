"""Daily backup windows and weekly maintenance windows, in minutes."""

from __future__ import annotations

import re

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
WEEK = 7 * DAY
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_BACKUP = re.compile(f"{_TIME}-{_TIME}")
_MAINTENANCE = re.compile(f"({'|'.join(DAYS)}):{_TIME}-({'|'.join(DAYS)}):{_TIME}")


def backup_window(text: str) -> tuple[int, int] | None:
    """Return the start and length of a daily window, or None if it is invalid.

    >>> backup_window("23:30-00:15"), backup_window("25:00-26:00")
    ((1410, 45), None)
    """
    match = _BACKUP.fullmatch(text)
    if match is None:
        return None
    start, end = _minutes(match[1], match[2]), _minutes(match[3], match[4])
    return start, (end - start) % DAY


def maintenance_window(text: str) -> tuple[int, int] | None:
    """Return the start and length of a weekly window, or None if it is invalid.

    >>> maintenance_window("sun:23:30-mon:00:15"), maintenance_window("daily:01:00-02:00")
    ((10050, 45), None)
    """
    match = _MAINTENANCE.fullmatch(text.lower())
    if match is None:
        return None
    start = DAYS.index(match[1]) * DAY + _minutes(match[2], match[3])
    end = DAYS.index(match[4]) * DAY + _minutes(match[5], match[6])
    return start, (end - start) % WEEK


def overlap(backup: tuple[int, int], maintenance: tuple[int, int]) -> bool:
    """Return whether a daily window overlaps a weekly one; one may start when the other ends.

    >>> overlap((180, 60), (240, 60)), overlap((1410, 60), (0, 30))
    (False, True)
    """
    start, length = maintenance
    # The backup windows of two weeks and a day cover a maintenance window that ends a week later.
    return any(
        max(start, day * DAY + backup[0]) < min(start + length, day * DAY + backup[0] + backup[1])
        for day in range(-1, 15)
    )


def _minutes(hours: str, minutes: str) -> int:
    return int(hours) * 60 + int(minutes)
