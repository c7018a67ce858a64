"""The time of a release or a report, which can be fixed for reproducible builds."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime

from finbase.errors import FinbaseError


def today() -> date:
    """Return the current date in UTC, as ``now`` does."""
    return now().date()


def now() -> datetime:
    """Return the current time in UTC, in seconds; ``SOURCE_DATE_EPOCH`` overrides the clock.

    See https://reproducible-builds.org/specs/source-date-epoch/. Raises ``FinbaseError`` if
    the variable is not a number of seconds since 1970.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        if not (epoch.isascii() and epoch.isdigit()):
            raise ValueError
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise FinbaseError(
            f"SOURCE_DATE_EPOCH is {epoch[:40]!r}, not a number of seconds since 1970",
            "unset it, or set it to such a number",
        ) from error
