"""Steps about the limits of the cache."""

from __future__ import annotations

from collections.abc import Iterator

from findings import Finding, check
from stack_graph import Stack


@check("every cache sets a maximum for {limit:PROPERTY}", "aws_elasticache_serverless_cache")
def limits(stack: Stack, limit: str) -> Iterator[Finding]:
    """Require the limit as a block in ``cache_usage_limits`` with a positive whole maximum."""
    for cache in stack.all("aws_elasticache_serverless_cache"):
        block = f"cache_usage_limits.0.{limit}.0"
        maximum, unit = cache.planned(f"{block}.maximum"), cache.planned(f"{block}.unit")
        fine = isinstance(maximum, int) and maximum > 0
        shown = "unset" if maximum is None else maximum
        text = f"{cache.address}: {limit} maximum {shown} {unit or ''}".rstrip()
        fix = f"; set {limit} {{ maximum = … }} in cache_usage_limits"
        yield Finding(fine, text if fine else text + fix)
