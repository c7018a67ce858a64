"""Which controls judged each planned resource, so that a report can name those that none judged."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from finbase.judge.verdict import Scenario, Verdict
from finbase.plan.graph import load_reader
from finbase.plan.kinds import is_rendered, managed_addresses, released_calls

_KEY = r'(?:\["(?:[^"\\\n]|\\.){0,200}"\]|\[\d+\])?'
_ADDRESS = re.compile(rf"(?<![\w.\]-])(?:module\.[\w-]+{_KEY}\.)*[a-z]\w*\.[\w-]+{_KEY}")
_ENDING = re.compile(r'\[(?:"(?:[^"\\\n]|\\.){0,200}"|\d+)\]$')
_OF_DESIGN = re.compile(r"module\.(?P<label>[\w-]+)\.(?P<identity>\w+\.[\w-]+)" + _KEY)


class Covered(NamedTuple):
    """A planned resource, and the controls that judged it; none did if ``controls`` is empty."""

    address: str
    controls: tuple[str, ...]


def coverage(verdict: Verdict, plan: Mapping[str, Any], features: Path) -> tuple[Covered, ...]:
    """Return every planned resource once, in the plan's order, with the controls that judged it.

    A control judged a resource if the evidence of one of its scenarios names it, or if the design
    has a rule of that control for it. A scenario of no control is named by its location.
    """
    addresses = managed_addresses(plan)
    known = [row.id for row in verdict.by_failure()]
    found: dict[str, set[str]] = {address: set() for address in addresses}
    for scenario in verdict.scenarios:
        for address in named(scenario.evidence, found) if scenario.status != "skipped" else ():
            found[address] |= set(scenario.failure_ids or (scenario.location,))
    if is_rendered(plan) and any(map(_is_of_design, verdict.scenarios)):
        for address, controls in _by_design(addresses, plan, features):
            found[address] |= controls & set(known)

    def order(control: str) -> tuple[int, str]:
        return (known.index(control) if control in known else len(known), control)

    return tuple(Covered(a, tuple(sorted(controls, key=order))) for a, controls in found.items())


def named(evidence: str, addresses: Collection[str]) -> set[str]:
    """Return the addresses that a text names; a block without a key stands for its instances.

    >>> sorted(named("aws_x.main: y of aws_z.it", {"aws_x.m", 'aws_x.main["a"]', "aws_z.it"}))
    ['aws_x.main["a"]', 'aws_z.it']
    """
    found = set(_ADDRESS.findall(evidence))
    return {a for a in addresses if a in found or _ENDING.sub("", a) in found}


def _is_of_design(scenario: Scenario) -> bool:
    return scenario.location.startswith("features/design.feature:") and scenario.status != "skipped"


def _by_design(
    addresses: Iterable[str], plan: Mapping[str, Any], features: Path
) -> Iterator[tuple[str, set[str]]]:
    """Yield the controls of the rules that the design has for each resource."""
    pins = {call.label: call for call in released_calls(plan)}
    reader = load_reader(features, "design_profile")
    if reader is None:
        return
    used = {(pin.module, pin.version) for pin in pins.values()}
    own = {name: reader.project_profile(name, version) for name, version in used}
    described = reader.design().modules
    profile = reader.with_additions(
        tuple(sorted((n, p) for n, p in own.items() if n not in described and p.is_file()))
    )
    for address in addresses:
        match = _OF_DESIGN.fullmatch(address)
        pin = pins.get(match["label"]) if match else None
        entry = profile.entry(pin.module, match["identity"], pin.version) if match and pin else None
        if entry:
            yield address, {entry.instances.control, *(r.control for r in entry.arguments.values())}
