"""A verdict as plain text: a table by failure id, the failed scenarios, one line of summary."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

import click

from finbase.judge.verdict import FailureRow, Scenario, Verdict

__all__ = ["MINIMUM_WIDTH", "table"]

MINIMUM_WIDTH = 60

_GAP = "  "
_SEEN_LINES = 3
_HEADINGS = ("id", "severity", "requirement", "what was seen", "")
_PLAIN: dict[str, Any] = {}
_SEVERITY = {"high": {"fg": "red"}, "medium": {"fg": "yellow"}, "low": {"fg": "cyan"}}
_VERDICT = {"PASS": {"fg": "green", "bold": True}, "FAIL": {"fg": "red", "bold": True}}
# A plan's strings must neither move the cursor nor be impossible to encode.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

Style = Callable[..., str]


def table(verdict: Verdict, colour: bool, width: int) -> str:
    """Return the report of one environment, without a newline at its end.

    No line is wider than ``width``, or than ``MINIMUM_WIDTH`` where ``width`` is less.
    """
    width = max(width, MINIMUM_WIDTH)

    def style(text: str, **look: Any) -> str:
        return click.style(text, **look) if colour and look else text

    rows = verdict.by_failure()
    lines = [*_grid(rows, style, width)]
    for scenario in verdict.failed:
        lines += ["", *_details(scenario, style, width)]
    lines += ["", *_summary(verdict, rows, style, width)]
    return "\n".join(lines)


def _grid(rows: Sequence[FailureRow], style: Style, width: int) -> Iterator[str]:
    first = max([2, *(len(row.id) for row in rows)])
    free = width - first - len("severity") - len("PASS") - 4 * len(_GAP)
    widths = (first, len("severity"), free * 2 // 5, free - free * 2 // 5, len("PASS"))
    yield from _line(_HEADINGS, widths, [{"dim": True}] * 5, style)
    for row in rows:
        outcome = "PASS" if row.status == "passed" else "FAIL"
        cells = (
            row.id,
            row.severity,
            "\n".join([row.requirement, _listed(row.requirements)]),
            _shortened(row.evidence, widths[3]),
            outcome,
        )
        styles = [_PLAIN, _SEVERITY[row.severity], _PLAIN, _PLAIN, _VERDICT[outcome]]
        yield from _line(cells, widths, styles, style)


def _listed(requirements: Sequence[str]) -> str:
    """``PCI DSS 1.3.2, 1.4.5``: the standard is named once."""
    return ", ".join(
        requirement if not index else requirement.removeprefix("PCI DSS ")
        for index, requirement in enumerate(requirements)
    )


def _line(
    cells: Sequence[str],
    widths: Sequence[int],
    styles: Sequence[dict[str, Any]],
    style: Style,
) -> Iterator[str]:
    """One row of the table, as many lines as its longest cell."""
    columns = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for parts in zip_longest(*columns, fillvalue=""):
        line = _GAP.join(
            style(part, **(look if part else _PLAIN)) + " " * (width - len(part))
            for part, width, look in zip(parts, widths, styles, strict=True)
        )
        yield line.rstrip()


def _details(scenario: Scenario, style: Style, width: int) -> Iterator[str]:
    ids = " ".join(scenario.failure_ids)
    heading = ": ".join(part for part in (ids, scenario.feature, scenario.name) if part)
    first, *more = _wrapped(heading, width - len("FAIL "))
    yield f"{style('FAIL', **_VERDICT['FAIL'])} {first}"
    yield from (f"     {line}" for line in more)
    for text in (scenario.location, scenario.step, scenario.evidence):
        yield from (f"     {line}" for line in _wrapped(text, width - 5) if line)


def _summary(
    verdict: Verdict, rows: Sequence[FailureRow], style: Style, width: int
) -> Iterator[str]:
    absent = sum(row.status == "passed" for row in rows)
    count = len(verdict.scenarios)
    parts = [
        f"{absent} of {len(rows)} failures absent",
        f"{count} scenario{'' if count == 1 else 's'}",
        *([f"{len(verdict.failed)} failed"] if verdict.failed else []),
        verdict.environment,
    ]
    look = _VERDICT["PASS" if verdict.passed else "FAIL"]
    yield from (style(line, **look) for line in _wrapped(", ".join(parts), width))
    if verdict.remembered:
        told = f"from the cache: reached at {verdict.remembered:%Y-%m-%d %H:%M:%S %Z} on the same"
        yield from _wrapped(f"{told}; --no-cache reaches it anew", width)


def _shortened(evidence: str, width: int) -> str:
    """Keep the first lines that fit; failed scenarios are told in full below the table."""
    lines = _wrapped(evidence, width)
    if len(lines) <= _SEEN_LINES:
        return "\n".join(lines)
    last = lines[_SEEN_LINES - 1][: width - 2].rstrip()
    return "\n".join([*lines[: _SEEN_LINES - 1], f"{last} …"])


def _wrapped(text: str, width: int) -> list[str]:
    return [
        line
        for paragraph in text.split("\n")
        for line in textwrap.wrap(_CONTROL.sub("?", paragraph), width, break_on_hyphens=False)
        or [""]
    ]
