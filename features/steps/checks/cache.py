"""Steps about the limits of the cache."""

from __future__ import annotations

from collections.abc import Iterator

from findings import Finding, check
from kinds import business_hours, unknown_hours
from stack_graph import Stack, shown
from windows import business, moment, overlap


@check("every cache sets a maximum for {limit:PROPERTY}", "aws_elasticache_serverless_cache")
def limits(stack: Stack, limit: str) -> Iterator[Finding]:
    """Require the limit as a block in ``cache_usage_limits`` with a positive whole maximum."""
    for cache in stack.all("aws_elasticache_serverless_cache"):
        block = f"cache_usage_limits.0.{limit}.0"
        maximum, unit = cache.planned(f"{block}.maximum"), cache.planned(f"{block}.unit")
        fine = isinstance(maximum, int) and maximum > 0
        of_unit = f" {unit}" if isinstance(unit, str) else ""
        text = f"{cache.address}: {limit} maximum {shown(maximum)}{of_unit}"
        fix = f"; set {limit} {{ maximum = … }} in cache_usage_limits"
        yield Finding(fine, text if fine else text + fix)


@check(
    "no cache takes its snapshot in the business hours of its region",
    "aws_elasticache_serverless_cache",
)
def snapshots_at_night(stack: Stack) -> Iterator[Finding]:
    """Compare the hour from ``daily_snapshot_time`` on with the hours of the region."""
    busy = business_hours(stack)
    for cache in stack.all("aws_elasticache_serverless_cache"):
        time = cache.planned("daily_snapshot_time")
        if not busy:
            yield Finding(False, unknown_hours(stack))
            return
        spans = moment(str(time))
        fine = bool(spans) and not overlap(spans, business(busy))
        fix = "" if fine else "; choose a time outside business hours (UTC)"
        text = f"daily_snapshot_time {shown(time)}, business hours {busy}"
        yield Finding(fine, f"{cache.address}: {text}{fix}")
