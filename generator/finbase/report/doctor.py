"""The state of a machine and a project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from finbase.doctor import Finding, State
from finbase.report.columns import columns
from finbase.report.documents import Report

_LABELS: dict[State, str] = {"fine": "ok", "missing": "missing", "wrong": "WRONG"}


@dataclass(frozen=True)
class DoctorReport(Report):
    """What ``finbase doctor`` found; the text fits into ``width`` columns."""

    command: ClassVar[str] = "doctor"
    findings: Sequence[Finding]
    width: int | None = None

    def _lines(self) -> Iterator[str]:
        yield columns(
            [(f"{_LABELS[f.state]:7}", f"{f.subject:12}", _details(f)) for f in self.findings],
            width=self.width,
        )

    def document(self) -> dict[str, Any]:
        """Return the findings, and whether nothing is wrong."""
        return {
            "fine": all(finding.state != "wrong" for finding in self.findings),
            "findings": [
                asdict(finding) | {"fix": finding.fix or None, "hint": finding.hint or None}
                for finding in self.findings
            ],
        }


def _details(finding: Finding) -> str:
    lines = [finding.found]
    if finding.fix:
        lines.append(f"run: {finding.fix}")
    if finding.hint:
        lines.append(f"hint: {finding.hint}")
    return "\n".join(lines)
