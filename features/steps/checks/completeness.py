"""Steps about resource types and version constraints that a stack must have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from findings import Finding, check
from stack_graph import Stack


@check("the plan has at least one resource of each type", of_design=True)
def types(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Require every listed type: a check of all resources of a type passes if there are none."""
    for row in table:
        count = len(stack.all(row["type"]))
        fix = "" if count else "; the plan must have at least one"
        yield Finding(count > 0, f"{row['type']}: {count}{fix}")


@check("the network of the stack has at least one resource of each type", of_design=True)
def network_types(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Require every listed type, unless the network exists already and is not of the stack."""
    if not stack.existing("aws_vpc"):
        yield from types(stack, table)


@check("the plan has a dashboard", "aws_cloudwatch_dashboard", of_design=True)
def dashboard(stack: Stack) -> Iterator[Finding]:
    """Require one, unless the stack lists none; the design profile judges what each one shows."""
    for resource in stack.all("aws_cloudwatch_dashboard"):
        yield Finding(True, f"{resource.address}: planned")


@check("the stack has a version constraint for the provider {source:PROPERTY}", of_design=True)
def provider(stack: Stack, source: str) -> Iterator[Finding]:
    """Require a constraint: without one, the same source plans a different stack later."""
    for name, constraint in stack.providers():
        if name.endswith(f"/{source}"):
            fix = "any version; set version in required_providers"
            yield Finding(bool(constraint), f"{name} {constraint or fix}")
