"""Steps about what any resource is set to, and about what a setting is taken from."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))

from findings import Finding, check
from kinds import listed, of_kind, origins
from radish import given
from stack_graph import Resource, Stack
from terraform_compliance.common.bdd_tags import look_for_bdd_tags


@given("the planned stack")  # type: ignore[untyped-decorator]
def the_planned_stack(step: Any) -> None:
    """Prepare what the stock steps prepare too, so that tags and hooks work alike."""
    look_for_bdd_tags(step)
    context = step.context
    context.type, context.name, context.property_name = "stack", "the planned stack", "stack"
    context.stash, context.cumulative_stash, context.addresses = [], [], []


@check("every {kind:PROPERTY} sets {argument:PROPERTY}")
def sets_something(stack: Stack, kind: str, argument: str) -> Iterator[Finding]:
    """Each writes the argument, and neither null nor something empty."""
    return _setting(stack, kind, argument, "something", lambda each: each not in (None, "", []))


@check("every {kind:PROPERTY} sets {argument:PROPERTY} to {values:ANY}")
def sets(stack: Stack, kind: str, argument: str, values: str) -> Iterator[Finding]:
    """Each writes the argument, and with one of the values: ``a``, or ``a, b or c``."""
    wanted = re.split(r", | or ", values)
    return _setting(stack, kind, argument, values, lambda each: _text(each) in wanted)


@check("every {kind:PROPERTY} has {argument:PROPERTY} of {least:d} or more")
def has_at_least(stack: Stack, kind: str, argument: str, least: int) -> Iterator[Finding]:
    """Each writes the argument, and with a number that is not too small."""

    def fits(planned: Any) -> bool:
        return isinstance(planned, int | float) and planned >= least

    return _setting(stack, kind, argument, f"{least} or more", fits)


@check("every {kind:PROPERTY} takes {argument:PROPERTY} from {target:PROPERTY}")
def takes(stack: Stack, kind: str, argument: str, target: str) -> Iterator[Finding]:
    """Each refers, in the end, to the resource ``type.name`` and to nothing else."""
    type_, name = target.split(".")

    def look(resource: Resource) -> Finding:
        found = stack.some(resource, argument, type_)
        if found and all(each.name == name for each in found):
            source = listed(each.address for each in found)
            return Finding(True, f"{resource.address}: {argument} from {source}")
        now = origins(stack, resource, argument)
        return Finding(False, f"{resource.address}: {argument} from {now}, not from {target}")

    return _each(stack, kind, look)


def _each(stack: Stack, kind: str, look: Callable[[Resource], Finding]) -> Iterator[Finding]:
    found = of_kind(stack, kind)
    if kind == "replica" and not found and of_kind(stack, "primary"):
        yield Finding(True, "no replica is planned, so none differs from the primary")
    yield from map(look, found)


def _setting(
    stack: Stack, kind: str, argument: str, wanted: str, fits: Callable[[Any], bool]
) -> Iterator[Finding]:
    def look(resource: Resource) -> Finding:
        planned = resource.planned(argument)
        now = f"is {_text(planned)}" if stack.is_set(resource, argument) else "is not set"
        if now == "is not set" or not fits(planned):
            return Finding(False, f"{resource.address}: {argument} {now}; it must be {wanted}")
        return Finding(True, f"{resource.address}: {argument} = {_text(planned)}")

    return _each(stack, kind, look)


def _text(value: Any) -> str:
    """Write a planned value as a sentence does."""
    return str(value).lower() if isinstance(value, bool) else str(value)
