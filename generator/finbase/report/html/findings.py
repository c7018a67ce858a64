"""One chapter of the evidence report: an environment's findings, network and modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from finbase.judge.verdict import FailureRow, Scenario, Verdict
from finbase.plan.flows import is_allowed
from finbase.plan.network import outlet
from finbase.plan.picture import pinned
from finbase.report.drawing.draw import SUBJECTS, draw
from finbase.report.html.links import Linked, Links
from finbase.report.provenance import Facts
from finbase.report.sources import Sources, scenario_steps

if TYPE_CHECKING:
    from finbase.plan.network import Network
    from finbase.plan.picture import Picture

_MOST = 12
"""How many blocks of HCL a finding shows; it links to the others."""


@dataclass(frozen=True)
class Subject:
    """One environment of a report; ``sources`` is None if the plan has no environment file.

    ``supplied`` says that finbase did not make the plan, so the plan may come from other files than
    those of the project.
    """

    verdict: Verdict
    picture: Picture
    sources: Sources | None = None
    supplied: bool = False
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True)
class ScenarioView:
    """A scenario with its steps and its evidence, a sequence of linked texts per line."""

    scenario: Scenario
    link: Linked
    steps: tuple[str, ...]
    evidence: tuple[Sequence[Linked], ...]


class Finding:
    """A failure of the catalogue in one environment; ``more`` is HCL that is only linked."""

    def __init__(
        self,
        row: FailureRow,
        anchor: str,
        scenarios: Sequence[ScenarioView],
        sources: Sources | None,
        links: Links,
    ) -> None:
        self.row, self.scenarios = row, scenarios
        self.anchor = f"{anchor}-{row.id}"
        evidence = [line for each in scenarios for line in each.scenario.evidence.splitlines()]
        self.lines = len(evidence)
        hcl, self.yaml = sources.behind(evidence) if sources else ([], [])
        self.hcl = hcl[:_MOST]
        self.more = [Linked(str(each.place), links.to(each.place)) for each in hcl[_MOST:]]


class Chapter:
    """The content of one environment's chapter.

    ``anchor`` starts every id in it. ``features`` maps paths of feature files to their texts.
    ``resources`` are the planned resources and the controls that judged them. ``pictures`` are SVG;
    ``subnets``, ``flows`` and ``modules`` are rows of tables with the same content. ``others`` are
    scenarios that belong to no failure. ``absent`` counts the failures of the catalogue that the
    plan does not have, ``broken`` the flows that only one of their ends allows.
    """

    def __init__(
        self, subject: Subject, anchor: str, features: Mapping[str, str], links: Links
    ) -> None:
        verdict, picture, sources = subject.verdict, subject.picture, subject.sources
        rows, network = verdict.by_failure(), picture.network

        def view(scenario: Scenario) -> ScenarioView:
            feature, _, line = scenario.location.rpartition(":")
            return ScenarioView(
                scenario,
                Linked(scenario.location, links.outward(feature, int(line))),
                scenario_steps(features[feature], int(line)),
                tuple(links.text(text, sources) for text in scenario.evidence.splitlines()),
            )

        self.name, self.anchor = verdict.environment, anchor
        self.verdict, self.facts, self.supplied = verdict, subject.facts, subject.supplied
        self.path = sources and Linked(str(sources.path), links.outward(str(sources.path), 1))
        self.resources = [
            (links.text(each.address, sources), each.controls) for each in subject.facts.resources
        ]
        self.findings = [
            Finding(row, anchor, [*map(view, row.scenarios)], sources, links) for row in rows
        ]
        self.absent = sum(row.status == "passed" for row in rows)
        self.others = [view(each) for each in verdict.scenarios if not each.failure_ids]
        available = {
            "modules": picture.modules,
            "network": network.subnets,
            "flows": network.flows,
            "architecture": network.subnets and network.flows,
        }
        self.pictures = {
            name: draw(picture, name, f"{anchor}-{name}") for name in SUBJECTS if available[name]
        }
        self.subnets = [*_subnets(network)]
        self.flows = [[links.text(text, sources) for text in cells] for cells in _flows(network)]
        self.broken = sum(not is_allowed(flow) for flow in network.flows)
        self.modules = [*_modules(picture)]


def _subnets(network: Network) -> Iterator[tuple[str, ...]]:
    for subnet in sorted(network.subnets, key=lambda s: (network.tiers.index(s.tier), s.zone)):
        table = subnet.table or "none of its own"
        yield subnet.tier, subnet.zone, subnet.cidr, table, outlet(network, subnet)


def _flows(network: Network) -> Iterator[tuple[str, ...]]:
    for flow in network.flows:
        rules = " and ".join(dict.fromkeys(filter(None, (flow.outward, flow.inward))))
        traffic = f"{flow.protocol} {flow.ports}".strip()
        yield flow.source, flow.target, traffic, flow.description, rules


def _modules(picture: Picture) -> Iterator[tuple[str, str, int, tuple[str, ...]]]:
    for module in picture.modules:
        takes = tuple(
            f"{wire.input} from {wire.source}.{wire.output}"
            for wire in picture.wires
            if wire.target == module.label
        )
        yield module.label, pinned(module), module.count, takes
