"""Generate the page of the failure catalogue and its scenarios from the feature files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from docs.generate.markdown import block, escaped, slug
from docs.generate.markdown import page as joined
from finbase.judge.catalogue import load_failures
from finbase.judge.features import Feature, read_feature, sentences
from finbase.judge.mutations import load_mutations
from finbase.render.markdown import code, table

_INTRODUCTION = """# Features and the failure catalogue

After this page, you can name the scenarios and mutations behind each control.

`features/failures.yaml` lists the controls, each against one failure. The scenarios in
`features/*.feature` check them in a plan. `features/mutations/*.yaml` list changes that bring each
failure back, to prove that its scenarios detect it.
[Why each control matters](../explanation/failures.md) explains the failures, and
[standards and laws](frameworks.md) lists the requirements that the controls support."""

_SENTENCES = """A scenario can use each of these sentences, after `Given the planned stack`, and
those of [terraform-compliance](https://terraform-compliance.com/pages/bdd-references/). A field is
`PROPERTY` for a name, such as `aws_db_instance` or `tags_all.Owner`, `ANY` for any text, and `d`
for a number."""


def page(features: Path) -> str:
    """Return the page: the catalogue, then every scenario below its feature."""
    read_features = [read_feature(path) for path in sorted(features.glob("*.feature"))]
    catalogue, proofs = list[tuple[str, ...]](), list[tuple[str, ...]]()
    mutations = Counter(mutation.failure for mutation in load_mutations(features))
    for failure in load_failures(features):
        named, count = code(failure.id), str(mutations[failure.id])
        catalogue.append(
            (named, failure.section, failure.severity, failure.title, failure.requirement)
        )
        proofs.append((named, count, "; ".join(_links(read_features, failure.id))))
    return joined(
        _INTRODUCTION,
        "## Catalogue",
        table(("id", "section", "severity", "control", "a plan must show"), catalogue),
        "## Scenarios by control",
        table(("id", "mutations", "scenarios"), proofs),
        "## Sentences",
        _SENTENCES,
        table(("sentence",), [(code(each),) for each in sorted(sentences(features))]),
        *(part for feature in read_features for part in _feature(feature)),
    )


def _links(read_features: Sequence[Feature], failure: str) -> Iterator[str]:
    """Yield a link to each scenario that detects the failure."""
    for feature in read_features:
        for scenario in feature.scenarios:
            if failure in scenario.tags:
                yield f"[{escaped(scenario.title)}](#{slug(scenario.title)})"


def _feature(feature: Feature) -> Iterator[str]:
    yield f"## {feature.title}"
    yield f"`features/{feature.path}`"
    yield feature.description
    for scenario in feature.scenarios:
        yield f"### {escaped(scenario.title)}"
        yield ", ".join(code(f"@{tag}") for tag in scenario.tags)
        yield block("text", scenario.text)
