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
from finbase.report.sources import Excerpt, Sources, scenario_steps

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


@dataclass(frozen=True)
class Finding:
    """A failure of the catalogue in one environment; ``more`` is HCL that is only linked."""

    row: FailureRow
    anchor: str
    scenarios: tuple[ScenarioView, ...]
    hcl: Sequence[Excerpt]
    more: Sequence[Linked]
    yaml: Sequence[Excerpt]

    @property
    def absent(self) -> bool:
        """Whether the plan was shown not to have the failure."""
        return self.row.status == "passed"

    @property
    def lines(self) -> int:
        """The number of lines of evidence."""
        return sum(len(scenario.evidence) for scenario in self.scenarios)


@dataclass(frozen=True)
class Chapter:
    """The content of one environment's chapter.

    ``resources`` are the planned resources and the controls that judged them. ``pictures`` are SVG;
    ``subnets``, ``flows`` and ``modules`` are rows of tables with the same content. ``others`` are
    scenarios that belong to no failure. ``broken`` counts the flows that only one of their ends
    allows.
    """

    name: str
    anchor: str
    verdict: Verdict
    facts: Facts
    resources: tuple[tuple[Sequence[Linked], tuple[str, ...]], ...]
    supplied: bool
    path: Linked | None
    findings: tuple[Finding, ...]
    others: tuple[ScenarioView, ...]
    pictures: dict[str, str]
    subnets: tuple[tuple[str, ...], ...]
    flows: tuple[tuple[Sequence[Linked], ...], ...]
    broken: int
    modules: tuple[tuple[str, str, int, tuple[str, ...]], ...]

    @property
    def absent(self) -> int:
        """The number of failures of the catalogue that the plan does not have."""
        return sum(finding.absent for finding in self.findings)


def chapter(subject: Subject, anchor: str, features: Mapping[str, str], links: Links) -> Chapter:
    """Return the content of a chapter.

    ``anchor`` starts every id in it. ``features`` maps paths of feature files to their texts.
    """
    verdict, picture, sources = subject.verdict, subject.picture, subject.sources
    path = str(sources.path) if sources else ""
    network = picture.network
    available = {
        "modules": picture.modules,
        "network": network.subnets,
        "flows": network.flows,
        "architecture": network.subnets and network.flows,
    }

    def view(scenario: Scenario) -> ScenarioView:
        feature, _, line = scenario.location.rpartition(":")
        return ScenarioView(
            scenario,
            Linked(scenario.location, links.outward(feature, int(line))),
            scenario_steps(features[feature], int(line)),
            tuple(links.text(text, sources) for text in scenario.evidence.splitlines()),
        )

    return Chapter(
        name=verdict.environment,
        anchor=anchor,
        verdict=verdict,
        facts=subject.facts,
        resources=tuple(
            (links.text(each.address, sources), each.controls) for each in subject.facts.resources
        ),
        supplied=subject.supplied,
        path=Linked(path, links.outward(path, 1)) if path else None,
        findings=tuple(
            _finding(row, anchor, tuple(map(view, row.scenarios)), sources, links)
            for row in verdict.by_failure()
        ),
        others=tuple(view(s) for s in verdict.scenarios if not s.failure_ids),
        pictures={s: draw(picture, s, f"{anchor}-{s}") for s in SUBJECTS if available[s]},
        subnets=tuple(_subnets(network)),
        flows=tuple(
            tuple(links.text(text, sources) for text in cells) for cells in _flows(network)
        ),
        broken=sum(not is_allowed(flow) for flow in network.flows),
        modules=tuple(_modules(picture)),
    )


def _finding(
    row: FailureRow,
    anchor: str,
    scenarios: tuple[ScenarioView, ...],
    sources: Sources | None,
    links: Links,
) -> Finding:
    evidence = [line for scenario in scenarios for line in scenario.scenario.evidence.splitlines()]
    hcl, yaml = sources.behind(evidence) if sources else ([], [])
    return Finding(
        row=row,
        anchor=f"{anchor}-{row.id}",
        scenarios=scenarios,
        hcl=hcl[:_MOST],
        more=[Linked(str(e.place), links.to(e.place)) for e in hcl[_MOST:]],
        yaml=yaml,
    )


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
