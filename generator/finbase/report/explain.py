"""The explanation of a code, an input, or a failure of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from finbase.contract.contract import Input, Wire
from finbase.contract.registry import Registry
from finbase.environment.rules.handbook import Bound, Reading, bounds, find_input, readings
from finbase.environment.rules.index import RULES, TITLES
from finbase.environment.rules.rule import Change, Rule
from finbase.errors import FinbaseError
from finbase.judge.catalogue import Failure
from finbase.judge.frameworks import Framework
from finbase.judge.mutations import Mutation
from finbase.render.validation import describe_constraint
from finbase.report.columns import columns
from finbase.report.examples import scalar
from finbase.source.scalars import listed, printable, with_closest


@dataclass(frozen=True)
class Catalogue:
    """The failures of a project, and the standards and laws whose requirements they support.

    ``scenarios`` maps the id of a failure to the locations and titles of its scenarios. ``page``
    is the path of the documentation of the failures of finbase, if the project has it.
    ``mutations`` returns those of all failures, which say why a failure matters, too.
    """

    failures: Sequence[Failure] = ()
    scenarios: Mapping[str, Sequence[str]] | None = None
    page: str = ""
    frameworks: Sequence[Framework] = ()
    mutations: Callable[[], Iterable[Mutation]] = tuple


_MOST = 8
"""How many names a hint lists."""
_WHYS = 3
"""How many mutations say why a failure matters."""


def explain(name: str, registry: Registry, catalogue: Catalogue, width: int) -> str:
    """Return what a code, an input or a failure requires, why, and examples.

    Upper and lower case are equal. Raises ``FinbaseError`` if the name is unknown.
    """
    limits = {bound.name: bound for bound in bounds(registry)}
    for rule in RULES:
        if rule.code == name.upper():
            return _rule(rule, width)
    for reading in readings():
        if reading.code == name.upper():
            return _reading(reading, limits.values(), width)
    if bound := limits.get(name.lower()):
        return _bound(bound, width)
    module, _, rest = name.lower().partition(".")
    if module in registry.names and (input_ := find_input(registry, f"{module}.{rest}")):
        return _input(module, input_, width)
    failures = {failure.id.upper(): failure for failure in catalogue.failures}
    if failure := failures.get(name.upper()):
        facts = list(_failure(failure, catalogue))
        return _entry(f"{failure.id}: {failure.title}", "", facts, width)
    ids = [failure.id for failure in failures.values()]
    contracts = map(registry.current, registry.names)
    inputs = [f"{c.name}.{i.name}" for c in contracts for i in (*c.inputs, *c.wiring)]
    known = [*limits, *inputs] if rest else [*TITLES, *ids, *limits]
    hint = "`finbase rules` lists codes and inputs, features/failures.yaml the failures"
    spelt = name.upper() if name[:1].upper() in "BDF" and name[-1:].isdigit() else name.lower()
    if name[1:2].isdigit():  # The ids of failures end in a small letter, such as F04a.
        spelt = name[:1].upper() + name[1:].lower()
    names = dict.fromkeys([*TITLES, *ids, *limits, *inputs])
    parts = [each for each in names if _has_part(each, spelt)]
    raise FinbaseError(
        f"{printable(name)} is not a code, an input or a failure of the catalogue",
        f"explain one of {listed(parts, _MOST)}" if parts else with_closest(spelt, known, hint),
    )


def _has_part(name: str, part: str) -> bool:
    """Return whether a name starts with a part, or ends with it after a dot.

    >>> _has_part("F04a", "F04"), _has_part("database.port", "port"), _has_part("FB309", "FB999")
    (True, True, False)
    """
    return bool(part) and (name.startswith(part) or name.endswith(f".{part}"))


def _rule(rule: Rule, width: int) -> str:
    both = (rule.accepted, rule.refused)
    facts = [
        ("why", rule.why),
        ("about", ", ".join(rule.inputs)),
        ("accepted", _example(rule.accepted, both)),
        ("noted" if rule.note else "refused", _example(rule.refused, both)),
        ("in the modules", f"no: {rule.yaml_only}" if rule.yaml_only else "yes"),
        ("source", rule.source),
    ]
    return _entry(f"{rule.code}: {rule.title}", rule.demand, facts, width)


def _bound(bound: Bound, width: int) -> str:
    every = (*bound.accepted, *bound.refused)
    facts = [
        ("why", bound.why),
        ("accepted", "\n".join(_example(each, every) for each in bound.accepted)),
        ("refused", "\n".join(_example(each, every) for each in bound.refused)),
        ("reported as", ", ".join(bound.codes)),
        ("source", bound.source),
        *_see_also(bound.name),
    ]
    return _entry(
        f"{bound.name}: {bound.input.description}", describe_constraint(bound.input), facts, width
    )


def _input(module: str, input_: Input, width: int) -> str:
    """Explain an input that the handbook does not describe, from its contract."""
    name = f"{module}.{input_.name}"
    if isinstance(input_, Wire):
        default = f"none: it is wired from {input_.source}, and no file can set it"
    else:
        default = "none: a value is required" if input_.required else scalar(input_.default)
    facts = [("default", default), *_see_also(name)]
    return _entry(f"{name}: {input_.description}", describe_constraint(input_), facts, width)


def _see_also(name: str) -> Iterator[tuple[str, str]]:
    if related := [rule.code for rule in RULES if name in rule.inputs]:
        yield "see also", ", ".join(related)


def _reading(reading: Reading, limits: Iterable[Bound], width: int) -> str:
    both = [each for each in (reading.accepted, reading.refused) if not isinstance(each, str)]
    inputs = [bound.name for bound in limits if reading.code in bound.codes]
    facts = [
        ("why", reading.why),
        ("accepted", _example(reading.accepted, both)),
        ("refused", _example(reading.refused, both)),
        ("source", reading.source or "finbase itself"),
    ]
    if inputs:
        facts.insert(1, ("about", ", ".join(inputs)))
        facts.append(("more", "`finbase explain INPUT` explains the bound of one input"))
    return _entry(f"{reading.code}: {TITLES[reading.code]}", "", facts, width)


def _failure(failure: Failure, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    scenarios = (catalogue.scenarios or {}).get(failure.id, ())
    yield "a plan must show", failure.requirement
    yield "section", failure.section
    yield "severity", failure.severity
    for framework in catalogue.frameworks:
        if numbers := framework.of(failure.id):
            yield framework.title, ", ".join(numbers)
    yield "scenarios", "\n".join(scenarios) or "none, so no scenario detects it"
    if failure.overlaps:
        yield "fails together with", ", ".join(failure.overlaps)
    if catalogue.page and failure.section != "project":
        yield "why it matters", catalogue.page
    else:
        whys = (f"{m.what}: {m.why}" for m in catalogue.mutations() if m.failure == failure.id)
        yield "why it matters", "\n".join(islice(whys, _WHYS)) or "no mutation of it says why"


def _entry(title: str, demand: str, facts: Sequence[tuple[str, str]], width: int) -> str:
    table = columns(facts, width=width, indent=2)
    return "\n".join([title, *([demand] if demand else []), "", table])


def _example(example: str | Change, among: Sequence[Change]) -> str:
    if isinstance(example, str):
        return example.replace("\t", "<tab>")
    return "\n".join(
        f"{name}: {scalar(value, [other.get(name) for other in among])}"
        for name, value in example.items()
    )
