"""What a report says of one environment: its findings, its network and its modules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finbase.judge.verdict import FailureRow, Scenario, Verdict
from finbase.plan.flows import whole
from finbase.plan.network import outlet
from finbase.plan.picture import pinned
from finbase.report import drawing
from finbase.report.html.links import Linked, Links
from finbase.report.sources import Excerpt, Sources, scenario_steps

if TYPE_CHECKING:
    from finbase.environment.model import Environment
    from finbase.plan.picture import Picture

__all__ = ["Chapter", "Finding", "Subject", "chapter"]

_MOST = 12
"""How many places in HCL a finding shows line by line; the others are linked."""


@dataclass(frozen=True)
class Subject:
    """One environment of a report; none where a plan is not said to be one's.

    ``given``: the plan was handed in, so what it was made from need not be what lies here.
    """

    verdict: Verdict
    picture: Picture
    environment: Environment | None = None
    given: bool = False


@dataclass(frozen=True)
class Shown:
    """A scenario: what it demands, and what it saw."""

    scenario: Scenario
    link: Linked
    demands: tuple[str, ...]
    seen: tuple[Sequence[Linked], ...]


@dataclass(frozen=True)
class Cut:
    """An excerpt with links to its lines."""

    excerpt: Excerpt
    href: str
    hrefs: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """A failure of the catalogue in one environment, and all that is known of it."""

    row: FailureRow
    anchor: str
    scenarios: tuple[Shown, ...]
    hcl: tuple[Cut, ...]
    more: tuple[Cut, ...]
    yaml: tuple[Cut, ...]

    @property
    def absent(self) -> bool:
        """Whether the failure is shown to be absent."""
        return self.row.status == "passed"

    @property
    def seen(self) -> int:
        """How many things were seen."""
        return sum(len(shown.seen) for shown in self.scenarios)


@dataclass(frozen=True)
class Chapter:
    """All that is said of one environment; pictures are SVG, tables hold the same in words."""

    name: str
    anchor: str
    verdict: Verdict
    given: bool
    path: Linked | None
    findings: tuple[Finding, ...]
    others: tuple[Shown, ...]
    pictures: dict[str, str]
    subnets: tuple[tuple[str, ...], ...]
    flows: tuple[tuple[Sequence[Linked], ...], ...]
    broken: int
    modules: tuple[tuple[str, str, int, tuple[str, ...]], ...]

    @property
    def absent(self) -> int:
        """How many failures of the catalogue are absent."""
        return sum(finding.absent for finding in self.findings)


def chapter(subject: Subject, anchor: str, root: Path, links: Links) -> Chapter:
    """Gather what is said of one environment; ``anchor`` begins every id in it."""
    verdict, picture = subject.verdict, subject.picture
    sources = Sources(root, subject.environment) if subject.environment else None
    path = f"environments/{subject.environment.path.name}" if subject.environment else ""
    network = picture.network

    def shown(scenario: Scenario) -> Shown:
        return Shown(
            scenario,
            links.location(scenario.location),
            scenario_steps(root, scenario.location),
            tuple(links.text(line, sources) for line in scenario.evidence.splitlines()),
        )

    return Chapter(
        name=verdict.environment,
        anchor=anchor,
        verdict=verdict,
        given=subject.given,
        path=Linked(path, links.to(path, 1)) if path else None,
        findings=tuple(
            _finding(row, anchor, tuple(map(shown, row.scenarios)), sources, links)
            for row in verdict.by_failure()
        ),
        others=tuple(shown(each) for each in verdict.scenarios if not each.failure_ids),
        pictures={
            subject_: drawing.draw(picture, subject_, f"{anchor}-{subject_}")
            for subject_ in drawing.SUBJECTS
            if {"modules": picture.modules, "network": network.subnets, "flows": network.flows}[
                subject_
            ]
        },
        subnets=tuple(
            (
                each.tier,
                each.zone,
                each.cidr,
                each.table or "none of its own",
                outlet(network, each),
            )
            for each in sorted(network.subnets, key=lambda s: (network.tiers.index(s.tier), s.zone))
        ),
        flows=tuple(
            tuple(
                links.text(text, sources)
                for text in (
                    flow.source,
                    flow.target,
                    f"{flow.protocol} {flow.ports}".strip(),
                    flow.description,
                    " and ".join(dict.fromkeys(filter(None, (flow.outward, flow.inward)))),
                )
            )
            for flow in network.flows
        ),
        broken=sum(not whole(flow) for flow in network.flows),
        modules=tuple(_modules(picture)),
    )


def _finding(
    row: FailureRow,
    anchor: str,
    scenarios: tuple[Shown, ...],
    sources: Sources | None,
    links: Links,
) -> Finding:
    evidence = [line for each in scenarios for line in each.scenario.evidence.splitlines()]
    hcl, yaml = sources.behind(evidence) if sources else ([], [])
    cuts = tuple(_cut(excerpt, links) for excerpt in hcl)
    return Finding(
        row=row,
        anchor=f"{anchor}-{row.id}",
        scenarios=scenarios,
        hcl=cuts[:_MOST],
        more=cuts[_MOST:],
        yaml=tuple(_cut(excerpt, links) for excerpt in yaml),
    )


def _cut(excerpt: Excerpt, links: Links) -> Cut:
    path = str(excerpt.place.path)
    hrefs = tuple(links.to(path, line.number) for line in excerpt.lines)
    return Cut(excerpt, links.place(excerpt.place), hrefs)


def _modules(picture: Picture) -> Iterator[tuple[str, str, int, tuple[str, ...]]]:
    for module in picture.modules:
        takes = tuple(
            f"{wire.input} from {wire.source}.{wire.output}"
            for wire in picture.wires
            if wire.target == module.label
        )
        yield module.label, pinned(module), module.count, takes
