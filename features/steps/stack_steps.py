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
    fits = lambda planned: planned not in (None, "", [])  # noqa: E731
    return _each(stack, kind, lambda each: _setting(stack, each, argument, fits, "something"))


@check("every {kind:PROPERTY} sets {argument:PROPERTY} to {values:ANY}")
def sets(stack: Stack, kind: str, argument: str, values: str) -> Iterator[Finding]:
    """Each writes the argument, and with one of the values: ``a``, or ``a, b or c``."""
    fits = lambda planned: _text(planned) in re.split(r", | or ", values)  # noqa: E731
    return _each(stack, kind, lambda each: _setting(stack, each, argument, fits, values))


@check("every {kind:PROPERTY} has {argument:PROPERTY} of {least:d} or more")
def has_at_least(stack: Stack, kind: str, argument: str, least: int) -> Iterator[Finding]:
    """Each writes the argument, and with a number that is not too small."""
    fits = lambda planned: isinstance(planned, int | float) and planned >= least  # noqa: E731
    wanted = f"{least} or more"
    return _each(stack, kind, lambda each: _setting(stack, each, argument, fits, wanted))


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
    stack: Stack, resource: Resource, argument: str, fits: Callable[[Any], bool], wanted: str
) -> Finding:
    planned = resource.planned(argument)
    if not stack.is_set(resource, argument):
        return Finding(False, f"{resource.address}: {argument} is not set; it must be {wanted}")
    if not fits(planned):
        now = _text(planned)
        return Finding(False, f"{resource.address}: {argument} is {now}; it must be {wanted}")
    return Finding(True, f"{resource.address}: {argument} = {_text(planned)}")


def _text(value: Any) -> str:
    """Write a planned value as a sentence does."""
    return str(value).lower() if isinstance(value, bool) else repr(value).strip("'")
