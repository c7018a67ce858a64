"""Steps about the value of any argument, and about the resource that it comes from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from findings import Finding, check, rendered, unjudged
from kinds import is_named, listed, of_kind, origins, unproved
from radish import after, before, given
from radish.model import Tag
from radish.utils import console_write
from stack_graph import UNKNOWN, Resource, Stack, shown
from terraform_compliance.common.bdd_tags import look_for_bdd_tags
from terraform_compliance.common.defaults import Defaults
from terraform_compliance.common.error_handling import Error

_FORBIDS = re.compile(r"\b(the scenario (should|must) fail|it fails|it (should|must) fail)$", re.I)
_LETTER = re.compile("[A-Za-z]")
NOTHING = "nothing to judge: the plan has no resource that a control applies to"


@given("the planned stack")  # type: ignore[untyped-decorator]
def the_planned_stack(step: Any) -> None:
    """Prepare the context as the stock steps do, and fail if no scenario can judge the plan."""
    look_for_bdd_tags(step)
    context = step.context
    context.type, context.name, context.property_name = "stack", "the planned stack", "stack"
    context.stash, context.cumulative_stash, context.addresses = [], [], []
    if why := unjudged():
        Error(step, why)


@before.each_scenario
def demand_a_subject(scenario: Any) -> None:
    """Make a scenario of stock steps fail if it finds no resource, unless it forbids one."""
    steps = [step.sentence for step in scenario.all_steps]
    names = {tag.name.lower() for tag in scenario.all_tags}
    lenient = {*Defaults().no_failure_tags, *Defaults().no_skip_tags}
    of_stock_steps = bool(steps) and steps[0] != "Given the planned stack"
    if rendered() and of_stock_steps and not (names & lenient or _FORBIDS.search(steps[-1])):
        scenario.tags.append(Tag("noskip"))


@after.each_scenario
def skip_what_is_not_applicable(scenario: Any) -> None:
    """Mark the steps of a scenario as skipped if none of them had a resource to check."""
    _, *steps = scenario.all_steps or [None]
    if steps and all(getattr(step, "not_applicable", False) for step in steps):
        for step in steps:
            step.skip()


@after.all(order=1)
def refuse_to_judge_nothing(features: Any, **_: Any) -> None:
    """Exit with 1 if no scenario applies, because a run that judged nothing must not be green."""
    states = {str(scenario.state) for feature in features for scenario in feature.all_scenarios}
    if states <= {"untested"}:  # The reason is printed above, such as an unsupported Terraform.
        raise SystemExit(1)
    if states <= {"skipped", "untested"} and not rendered():
        console_write(f"ERROR: {NOTHING}")
        raise SystemExit(1)


@check("every {kind:PROPERTY} sets {argument:PROPERTY}")
def sets_something(stack: Stack, kind: str, argument: str) -> Iterator[Finding]:
    """Require an explicit value that is neither null nor empty nor blank."""

    def fits(value: Any) -> bool:
        return bool(value.strip()) if isinstance(value, str) else value not in (None, [])

    return _setting(stack, kind, argument, "a value", fits)


@check("every {kind:PROPERTY} has {argument:PROPERTY} with a letter")
def has_letters(stack: Stack, kind: str, argument: str) -> Iterator[Finding]:
    """Require a text that a reader can understand, so not only blanks or digits."""

    def look(resource: Resource) -> Finding:
        value = resource.planned(argument)
        fine = isinstance(value, str) and bool(_LETTER.search(value))
        fix = "" if fine else "; write a text with letters"
        return Finding(fine, f"{resource.address}: {argument} {_now(value)}{fix}")

    return map(look, of_kind(stack, kind))


@check("no {unwanted:PROPERTY} is beside an {kind:PROPERTY}")
def none_beside(stack: Stack, unwanted: str, kind: str) -> Iterator[Finding]:
    """Refuse a resource type that has no effect on the resources of a kind."""
    beside = of_kind(stack, kind)
    for resource in of_kind(stack, unwanted) if beside or rendered() else ():
        yield Finding(False, f"{resource.address}: {kind} ignores it; remove it")
    for resource in beside:
        yield Finding(True, f"{resource.address}: no {unwanted} beside it")


@check("every {kind:PROPERTY} sets {argument:PROPERTY} to {values:ANY}")
def sets(stack: Stack, kind: str, argument: str, values: str) -> Iterator[Finding]:
    """Require one of the values explicitly; a sentence lists them as ``a`` or ``a, b or c``."""
    allowed = re.split(r", | or ", values)
    return _setting(stack, kind, argument, values, lambda value: shown(value) in allowed)


@check("every {kind:PROPERTY} has {argument:PROPERTY} of {least:d} or more")
def has_at_least(stack: Stack, kind: str, argument: str, least: int) -> Iterator[Finding]:
    """Require an explicit number that is not too small."""

    def fits(value: Any) -> bool:
        return isinstance(value, int | float) and value >= least

    return _setting(stack, kind, argument, f"{least} or more", fits)


@check("every {kind:PROPERTY} takes {argument:PROPERTY} from {target:PROPERTY}")
def takes(stack: Stack, kind: str, argument: str, target: str) -> Iterator[Finding]:
    """Require a reference that ends at the resource ``type.name`` and at no other."""
    type_, name = target.split(".")

    def look(resource: Resource) -> Finding:
        sources = stack.some(resource, argument, type_) or _behind_aliases(
            stack, resource, argument
        )
        if sources and all(_is_meant(stack, source, name) for source in sources):
            addresses = listed(source.address for source in sources)
            return Finding(True, f"{resource.address}: {argument} from {addresses}")
        text = unproved(stack, resource, argument, target if rendered() else f"an {type_}")
        return Finding(False, f"{resource.address}: {text}")

    return map(look, of_kind(stack, kind))


def _is_meant(stack: Stack, source: Resource, name: str) -> bool:
    """Return whether a resource is the one of the design; other stacks use names of their own."""
    return is_named(stack, source, name) or not rendered()


def _behind_aliases(stack: Stack, resource: Resource, argument: str) -> tuple[Resource, ...]:
    """Return the keys of the aliases that an argument refers to."""
    aliases = stack.some(resource, argument, "aws_kms_alias")
    keys = [stack.one(alias, "target_key_id", "aws_kms_key") for alias in aliases]
    return tuple(key for key in keys if key) if all(keys) else ()


def _setting(
    stack: Stack, kind: str, argument: str, expected: str, fits: Callable[[Any], bool]
) -> Iterator[Finding]:
    def look(resource: Resource) -> Finding:
        value = resource.planned(argument)
        is_set = stack.is_set(resource, argument)
        if not is_set or not fits(value):
            now = _now(value) if is_set else "is not set"
            text = f"{argument} {now}; set it to {expected}"
            return Finding(False, f"{resource.address}: {text}")
        if not stack.shows(resource, argument):
            source = origins(stack, resource, argument)
            now = f"{argument} is {shown(value)}, by default or from {source}"
            hidden = "" if value is UNKNOWN else ": not shown by this plan"
            text = f"{now}{hidden}; write a literal or a variable"
            return Finding(False, f"{resource.address}: {text}")
        return Finding(True, f"{resource.address}: {argument} = {shown(value)}")

    return map(look, of_kind(stack, kind))


def _now(value: Any) -> str:
    """Say what a plan shows of an argument."""
    if value is UNKNOWN:
        return "is not shown by this plan, because it is known only after apply"
    if value is None:
        return "is not set"
    return "is blank" if isinstance(value, str) and not value.strip() else f"is {shown(value)}"
