"""The failure catalogue and every scenario that encodes it, from the feature files."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from generator.failures import load_failures
from generator.proof import load_mutations
from generator.reference.markdown import block, code, escaped, slug, table
from generator.reference.markdown import page as joined

__all__ = ["Feature", "Scenario", "page", "read"]

_HEAD = re.compile(r"\s*(Feature|Scenario|Scenario Outline):\s*(.+)")

_INTRODUCTION = """# Features and the failure catalogue

`features/failures.yaml` is the list of the failures, `features/*.feature` has the scenarios that
find them in a plan, and `features/mutations.yaml` the ways in which each has been put back, to see
it found.
[Why each failure matters](../explanation/failures.md) is a page of its own."""


@dataclass(frozen=True)
class Scenario:
    """One scenario: ``text`` is all below its title, without the indentation."""

    title: str
    tags: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Feature:
    """One feature file; ``words`` is what stands between its title and the first scenario."""

    path: str
    title: str
    words: str
    scenarios: tuple[Scenario, ...]


def read(path: Path) -> Feature:
    """Read a feature file."""
    title, words, tags = "", list[str](), list[str]()
    scenarios, bodies = list[Scenario](), list[list[str]]()
    for line in path.read_text(encoding="utf-8").splitlines():
        head = _HEAD.fullmatch(line)
        if line.strip().startswith("@"):
            tags += [tag.removeprefix("@") for tag in line.split()]
        elif head and head[1] == "Feature":
            title, tags = head[2], []
        elif head:
            scenarios.append(Scenario(head[2], tuple(tags), ""))
            bodies.append([])
            tags = []
        else:
            (bodies[-1] if bodies else words).append(line)
    texts = [textwrap.dedent("\n".join(body)).strip("\n") for body in bodies]
    scenarios = [replace(each, text=text) for each, text in zip(scenarios, texts, strict=True)]
    words = [line.strip() for line in words]
    return Feature(path.name, title, "\n".join(words).strip(), tuple(scenarios))


def page(features: Path) -> str:
    """The catalogue, and every scenario below its feature, in Markdown."""
    read_features = [read(path) for path in sorted(features.glob("*.feature"))]
    catalogue, proofs = list[tuple[str, ...]](), list[tuple[str, ...]]()
    mutations = Counter(mutation.failure for mutation in load_mutations(features))
    for failure in load_failures(features):
        named, pci, count = code(failure.id), ", ".join(failure.pci), str(mutations[failure.id])
        catalogue.append((named, failure.severity, failure.title, failure.requirement))
        proofs.append((named, pci, count, "; ".join(_links(read_features, failure.id))))
    return joined(
        _INTRODUCTION,
        "## Catalogue",
        table(("id", "severity", "failure", "a plan must show"), catalogue),
        "## Scenarios by failure",
        table(("id", "PCI DSS v4.0.1", "mutations", "scenarios"), proofs),
        *(part for feature in read_features for part in _feature(feature)),
    )


def _links(read_features: Sequence[Feature], failure: str) -> Iterator[str]:
    """Links to the scenarios of a failure."""
    for feature in read_features:
        for scenario in feature.scenarios:
            if failure in scenario.tags:
                yield f"[{escaped(scenario.title)}](#{slug(scenario.title)})"


def _feature(feature: Feature) -> Iterator[str]:
    yield f"## {feature.title}"
    yield f"`features/{feature.path}`"
    yield feature.words
    for scenario in feature.scenarios:
        yield f"### {escaped(scenario.title)}"
        yield ", ".join(code(f"@{tag}") for tag in scenario.tags)
        yield block("text", scenario.text)
