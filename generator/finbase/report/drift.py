"""The drift of a stack: controls that fail as it runs, and what the next apply changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from finbase.judge.drift import Drift
from finbase.judge.verdict import FailureRow
from finbase.plan.effects import Argument
from finbase.report.columns import columns, counted, wrap
from finbase.report.documents import Report
from finbase.report.plan import MARKS
from finbase.source.scalars import printable

_MOST = 10
"""How many arguments of one resource are listed."""


@dataclass(frozen=True)
class DriftReport(Report):
    """The drift of an environment; its text is wrapped at ``width``."""

    command: ClassVar[str] = "drift"
    drift: Drift
    width: int

    def document(self) -> dict[str, Any]:
        """Return the failing controls, the differences, and the resources beside the stack."""
        drift = self.drift
        return {
            "environment": drift.environment,
            "clean": drift.clean,
            "controls": [
                {
                    "id": now.id,
                    "severity": now.severity,
                    "title": now.title,
                    "running": now.status,
                    "planned": then.status,
                    "evidence": (now if now.open else then).evidence.splitlines(),
                }
                for now, then in drift.failing()
            ],
            "not_applicable": [
                {"id": row.id, "title": row.title, "evidence": row.evidence.splitlines()}
                for row in drift.inapplicable()
            ],
            "deviations": [asdict(deviation) for deviation in drift.deviations],
            "unconfigured": list(drift.unconfigured),
            "additions": [asdict(addition) for addition in drift.additions],
            "alterations": [asdict(alteration) for alteration in drift.alterations],
            "unconfirmed": list(drift.unconfirmed),
            "refused": [asdict(refusal) for refusal in drift.refused],
        }

    def _lines(self) -> Iterator[str]:
        drift = self.drift
        for now, then in drift.failing():
            yield columns([("FAIL", now.id, now.title)], width=self.width)
            yield from self._indented(f"{now.severity} severity; {_standing(now, then)}")
            for line in (now if now.open else then).evidence.splitlines():
                yield from self._indented(printable(line, 1000))
        for row in drift.inapplicable():
            yield columns([("N/A ", row.id, row.title)], width=self.width)
            for line in row.evidence.splitlines():
                yield from self._indented(printable(line, 1000))
        yield from self._deviations("changed outside Terraform since the last apply", outside=True)
        yield from self._deviations("rendered, but not applied yet", outside=False)
        if drift.unconfigured:
            yield "not rendered; the next apply destroys it:"
            yield from (f"  - {printable(a, 1000)}" for a in drift.unconfigured)
        if drift.additions:
            yield "added on AWS; no apply removes it, so remove it by hand:"
        for addition in drift.additions:
            yield f"  + {printable(addition.address, 1000)}"
            yield from self._indented(printable(addition.what, 1000))
        if drift.alterations:
            yield "changed on AWS; no apply changes it back, because the stack does not set it:"
        for alteration in drift.alterations:
            yield f"  ~ {printable(alteration.address, 1000)}"
            yield from (
                line for text in _values(alteration.arguments) for line in self._indented(text)
            )
        if drift.unconfirmed:
            yield "waits for a confirmation, and delivers nothing until then:"
            yield from (f"  ~ {printable(address, 1000)}" for address in drift.unconfirmed)
        if drift.refused:
            yield "`finbase apply` refuses the next apply:"
        for refusal in drift.refused:
            yield f"  ! {printable(refusal.address, 1000)}"
            text = f"{refusal.kind}: {refusal.why}; {refusal.fix}"
            yield from self._indented(printable(text, 1000))
        yield "\n".join(wrap(self._summary(), self.width))

    def _deviations(self, title: str, *, outside: bool) -> Iterator[str]:
        gone = set(self.drift.unconfigured)
        listed = [
            d for d in self.drift.deviations if d.outside == outside and d.address not in gone
        ]
        if listed:
            yield f"{title}:"
        for deviation in listed:
            yield f"  {MARKS[deviation.action]} {printable(deviation.address, 1000)}"
            for line in _values(deviation.arguments):
                yield from self._indented(line)

    def _indented(self, text: str) -> Iterator[str]:
        yield from (f"      {line}" for line in wrap(text, self.width - 6))

    def _summary(self) -> str:
        drift = self.drift
        if drift.clean:
            which = "that applies " if any(True for _ in drift.inapplicable()) else ""
            return f"{drift.environment}: runs as rendered, and every control {which}passes"
        now = [row for row, _ in drift.failing() if row.open]
        names = f": {', '.join(row.id for row in now)}" if now else ""
        controls = f"{counted(len(now), 'control')} fail{'s' * (len(now) == 1)}"
        changed = counted(len(drift.deviations), "resource")
        added = f"; {counted(len(drift.additions), 'part')} added on AWS" if drift.additions else ""
        if drift.alterations:
            added += f"; {counted(len(drift.alterations), 'resource')} that no apply changes back"
        if drift.refused:
            added += f"; {counted(len(drift.refused), 'reason')} to refuse the apply"
        if drift.unconfirmed:
            added += f"; {counted(len(drift.unconfirmed), 'subscription')} not confirmed"
        return (
            f"{drift.environment}: {controls} now{names}; the next apply changes {changed}{added}"
        )


def _standing(now: FailureRow, then: FailureRow) -> str:
    if not then.open:
        return "fails now; the next apply fixes it"
    return (
        "fails now, and after the next apply"
        if now.open
        else ("passes now; the next apply breaks it")
    )


def _values(arguments: Sequence[Argument]) -> Iterator[str]:
    for argument in arguments[:_MOST]:
        before, after = (printable(text, 200) for text in (argument.before, argument.after))
        yield f"{printable(argument.name, 200)}: {before} → {after}"
    if (rest := len(arguments) - _MOST) > 0:
        yield f"and {rest} more; `finbase plan` lists them"
