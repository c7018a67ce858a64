"""A verdict as plain text: one line per control, details of what fails, one line of summary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from finbase.console.speech import FAIL, PASS, WARN, paint
from finbase.judge.catalogue import SECTIONS
from finbase.judge.verdict import FailureRow, RowStatus, Scenario, Verdict
from finbase.report.columns import columns, counted, wrap

MINIMUM_WIDTH = 60

_OUTCOMES: dict[RowStatus, str] = {
    "passed": "PASS",
    "failed": "FAIL",
    "not shown": "NOT SHOWN",
    "not applicable": "N/A ",
}
_LOOKS = {r"^PASS\b": PASS, r"^FAIL\b": FAIL, r"^NOT SHOWN\b": FAIL, r"^N/A ": WARN}
_HIDDEN = (
    "NOT SHOWN is not a pass: a plan without an account shows nothing of what exists already; "
    "check a plan of the account with `finbase check --plan`, or what runs with `finbase drift`"
)
_MOST = 10
"""How many resources that no control judged are listed without ``verbose``."""
# A plan's strings must neither move the cursor nor fail to encode.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def text(
    verdict: Verdict,
    *,
    colour: bool,
    width: int,
    verbose: bool = False,
    places: Mapping[str, Sequence[str]] | None = None,
    remarks: Sequence[str] = (),
) -> str:
    """Return the report of one environment, without a newline at its end.

    Passing controls get details only if ``verbose``. ``places`` maps the id of a failing
    control to the lines of source behind it, as ``path:line``. ``remarks`` say what else the
    verdict covers. No line is wider than ``width``
    (at least ``MINIMUM_WIDTH``), except for one word that is longer, such as an address.
    """
    width = max(width, MINIMUM_WIDTH)
    rows = verdict.by_failure()
    column = max([2, *(len(row.id) for row in rows)])
    lines: list[str] = []
    several = len({row.section for row in rows}) > 1
    for before, row in zip([None, *rows], rows, strict=False):
        if several and (before is None or before.section != row.section):
            lines.append(SECTIONS[row.section])
        lines.append(_headline(row.status, row.id.ljust(column), row.title, width))
        if row.status == "not applicable" and not verbose:
            lines += _indented(row.evidence, width, 6)
        elif verbose or row.open:
            lines += _details(row, (places or {}).get(row.id, ()), width)
        else:
            reasons = [row.waived, *(s.evidence for s in row.scenarios if s.left_out)]
            for reason in dict.fromkeys(filter(None, reasons)):
                lines += _indented(reason, width, 6)
    own = _own(verdict)
    if own and several:
        lines.append("Features of the project itself")
    for feature, scenarios in own.items():
        lines.append(_headline(_status_of(scenarios), "-".ljust(column), feature, width))
        for scenario in scenarios:
            if verbose or scenario.status != "passed":
                lines += _scenario(scenario, width)
    if any(row.status == "not shown" for row in rows):
        lines += wrap(_HIDDEN, width)
    lines += _not_judged(verdict.not_judged, verbose, width)
    lines += [line for remark in remarks for line in wrap(_UNPRINTABLE.sub("?", remark), width)]
    if reached := verdict.cached_at:
        lines.append(_cached(reached, datetime.now(reached.tzinfo).date()))
    summary = "\n".join(wrap(_UNPRINTABLE.sub("?", _summary(verdict, rows)), width))
    if colour:
        summary = paint(summary, {r".+": PASS if verdict.passed else FAIL})
    report = "\n".join(lines)
    return f"{paint(report, _LOOKS) if colour else report}\n{summary}".lstrip("\n")


def _own(verdict: Verdict) -> dict[str, list[Scenario]]:
    """Return the scenarios that check no control of the catalogue, by feature."""
    catalogued = {failure.id for failure in verdict.failures}
    own: dict[str, list[Scenario]] = {}
    for scenario in verdict.scenarios:
        if not catalogued.intersection(scenario.failure_ids):
            own.setdefault(scenario.feature, []).append(scenario)
    return own


def _status_of(scenarios: Sequence[Scenario]) -> RowStatus:
    states = {scenario.status for scenario in scenarios}
    if "failed" in states:
        return "failed"
    return "passed" if "passed" in states else "not applicable"


def _headline(status: RowStatus, id_: str, title: str, width: int) -> str:
    return columns([(_OUTCOMES[status], id_, _UNPRINTABLE.sub("?", title))], width=width)


def _details(row: FailureRow, places: Sequence[str], width: int) -> Iterator[str]:
    severity = ", ".join([f"{row.severity} severity", *_named_once(row.requirements)])
    yield from _indented(severity, width, 6)
    yield from _indented(f"required: {row.requirement}", width, 6)
    failed = row.open
    deciding = [s for s in row.scenarios if not failed or s.status == "failed"]
    if not deciding:  # No scenario is tagged with the control.
        yield from _indented(row.evidence, width, 6)
    for scenario in deciding or row.scenarios:
        yield from _scenario(scenario, width)
    if places:
        yield from _indented(f"written in: {', '.join(places)}", width, 6)
    if failed:
        yield from _indented(f"why it matters: finbase explain {row.id}", width, 6)


def _scenario(scenario: Scenario, width: int) -> Iterator[str]:
    yield from _indented(f"{scenario.location} {scenario.name}", width, 6)
    for part in (scenario.step, scenario.evidence):
        yield from _indented(part, width, 8)


def _summary(verdict: Verdict, rows: Sequence[FailureRow]) -> str:
    passed = sum(row.status == "passed" for row in rows)
    count = len(verdict.scenarios)
    scenarios = counted(count, "scenario")
    hidden = sum(scenario.hidden for scenario in verdict.failed)
    if found := len(verdict.failed) - hidden:
        scenarios += f", {found} failed"
    if hidden:
        scenarios += f", {hidden} not shown"
    more = "".join(
        f", {number} {text}"
        for status, text in (
            ("not shown", "not shown by this plan"),
            ("not applicable", "not applicable"),
        )
        if (number := sum(row.status == status for row in rows))
    )
    parts = [
        f"{section} {sum(r.status == 'passed' for r in part)} of {len(part)}"
        for section in SECTIONS
        if (part := [row for row in rows if row.section == section])
    ]
    if features := [_status_of(scenarios) for scenarios in _own(verdict).values()]:
        more += f", {features.count('passed')} of {len(features)} of the project's own features"
    own = f": {', '.join(parts)}" if len(parts) > 1 else ""
    pass_ = f"{passed} of {len(rows)} controls pass{own}{more}"
    return f"{verdict.environment}: {pass_} ({scenarios})"


def _not_judged(addresses: Sequence[str], verbose: bool, width: int) -> Iterator[str]:
    if addresses:
        count = counted(len(addresses), "resource")
        yield from wrap(f"not judged: {count} that no control names", width)
        shown = addresses if verbose else addresses[:_MOST]
        for address in shown:
            yield from _indented(address, width, 6)
        if len(shown) < len(addresses):
            more = f"and {len(addresses) - len(shown)} more; --verbose lists them"
            yield from _indented(more, width, 6)


def _cached(reached: datetime, today: date) -> str:
    """Return the time at which a cached verdict was reached, with the date if that is not today.

    >>> from datetime import UTC
    >>> reached = datetime(2024, 5, 6, 12, 4, tzinfo=UTC)
    >>> _cached(reached, date(2024, 5, 6))
    'cached verdict from 12:04 UTC; use --no-cache to run again'
    >>> _cached(reached, date(2024, 5, 7))
    'cached verdict from 2024-05-06 12:04 UTC; use --no-cache to run again'
    """
    day = "" if reached.date() == today else f"{reached:%Y-%m-%d} "
    return f"cached verdict from {day}{reached:%H:%M %Z}; use --no-cache to run again"


def _named_once(requirements: Sequence[str]) -> Iterator[str]:
    """Name the standard once.

    >>> ", ".join(_named_once(["PCI DSS 1.3.2", "PCI DSS 1.4.5"]))
    'PCI DSS 1.3.2, 1.4.5'
    """
    for index, requirement in enumerate(requirements):
        yield requirement.removeprefix("PCI DSS ") if index else requirement


def _indented(text: str, width: int, indent: int) -> Iterator[str]:
    """Yield the lines of a text; continued lines are indented by two more columns."""
    for paragraph in _UNPRINTABLE.sub("?", text).split("\n"):
        first, *more = wrap(paragraph.strip(), width - indent - 2)
        if first:
            yield " " * indent + first
        yield from (" " * (indent + 2) + line for line in more)
