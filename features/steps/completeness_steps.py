"""Steps about what a stack must not lack altogether."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from findings import Finding, check
from stack_graph import Stack


@check("each of these resource types is planned at least once")
def types(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """A type that is missing altogether would make every check of it pass by silence."""
    for row in table:
        count = len(stack.all(row["type"]))
        yield Finding(count > 0, f"{row['type']}: {count}")


@check("the stack requires the provider {source:PROPERTY} in a version")
def provider(stack: Stack, source: str) -> Iterator[Finding]:
    """An unpinned provider means another stack on another day."""
    for name, constraint in stack.providers():
        if name.endswith(f"/{source}"):
            yield Finding(bool(constraint), f"{name} {constraint or 'in any version'}")
