"""Generate the page of the standards and laws that the controls support."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from docs.generate.markdown import page as joined
from finbase.judge.catalogue import load_failures
from finbase.judge.frameworks import Framework, Row, load_frameworks, order
from finbase.render.markdown import code, table

_INTRODUCTION = """# Standards and laws

After this page, you can say which requirement of a standard or law a control supports, and
what remains for people to do.

`features/frameworks/*.yaml` list the requirements of standards and laws that each control supports.
A control supports a requirement; Terraform alone meets none. The descriptions are finbase's own
summaries: only the texts of the standards and laws are binding, and an assessor decides.
`finbase check --html report.html --framework NAME` shows a framework in the report, with the state
of its controls. A requirement that is not listed was not mapped: its absence says nothing."""


def page(features: Path) -> str:
    """Return the page: one table of all frameworks, then a table of each."""
    frameworks = load_frameworks(features)
    head = ("control", *(framework.title for framework in frameworks))
    rows = [
        (code(failure.id), *(", ".join(each.of(failure.id)) or "–" for each in frameworks))
        for failure in load_failures(features)
    ]
    return joined(
        _INTRODUCTION,
        "## All at a glance",
        table(head, rows),
        *(part for framework in frameworks for part in _framework(framework)),
    )


def _framework(framework: Framework) -> Iterator[str]:
    yield f"## {framework.title}"
    yield f"{code(framework.name)}. Source: {framework.source}"
    rows = sorted(framework.rows, key=lambda row: (not row.controls, order(row.number)))
    head = ("requirement", "about", "controls", "what remains for people")
    yield table(head, [(r.number, r.about, _controls(r), r.remains) for r in rows])


def _controls(row: Row) -> str:
    return ", ".join(map(code, row.controls)) or "none: no plan can show it"
