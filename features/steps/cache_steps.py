"""Steps about the limits of the cache."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from findings import Finding, check
from stack_graph import Stack


@check("every cache has a maximum of {limit:PROPERTY}")
def limits(stack: Stack, limit: str) -> Iterator[Finding]:
    """The limit is a block within ``cache_usage_limits``, and its maximum is a number."""
    for cache in stack.all("aws_elasticache_serverless_cache"):
        block = f"cache_usage_limits.0.{limit}.0"
        maximum, unit = cache.planned(f"{block}.maximum"), cache.planned(f"{block}.unit")
        fine = isinstance(maximum, int) and maximum > 0
        yield Finding(fine, f"{cache.address}: {limit}, maximum {maximum} {unit or ''}".rstrip())
