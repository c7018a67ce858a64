"""The failure catalogue and every scenario that encodes it, from the feature files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from docs.generate.markdown import block, code, escaped, slug, table
from docs.generate.markdown import page as joined
from finbase.judge.catalogue import load_failures
from finbase.judge.features import Feature, read_feature
from finbase.judge.mutations import load_mutations

__all__ = ["page"]

_INTRODUCTION = """# Features and the failure catalogue

`features/failures.yaml` is the list of the failures, `features/*.feature` has the scenarios that
find them in a plan, and `features/mutations.yaml` the ways in which each has been put back, to see
it found.
[Why each failure matters](../explanation/failures.md) is a page of its own."""


def page(features: Path) -> str:
    """The catalogue, and every scenario below its feature, in Markdown."""
    read_features = [read_feature(path) for path in sorted(features.glob("*.feature"))]
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
