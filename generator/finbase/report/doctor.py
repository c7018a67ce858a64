"""What was found on a machine and in a project, in words and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from finbase.doctor import Finding, State
from finbase.report import document

__all__ = ["SCHEMA_VERSION", "render_json", "text"]

SCHEMA_VERSION = 1

_WORDS: dict[State, str] = {"fine": "ok", "missing": "missing", "wrong": "WRONG"}
_INDENT = " " * 23


def text(findings: Sequence[Finding]) -> str:
    """Write a line for each finding, and below it what mends it."""
    lines = []
    for finding in findings:
        first, *more = finding.found.splitlines() or [""]
        lines.append(f"{_WORDS[finding.state]:7}  {finding.subject:12}  {first}")
        lines += [f"{_INDENT}{line}" for line in more]
        if finding.mend:
            lines.append(f"{_INDENT}run: {finding.mend}")
        if finding.hint:
            lines.append(f"{_INDENT}hint: {finding.hint}")
    return "\n".join(lines)


def render_json(findings: Sequence[Finding]) -> str:
    """Return the JSON document as text."""
    return document.render(
        SCHEMA_VERSION,
        fine=all(finding.state != "wrong" for finding in findings),
        findings=[
            {
                "subject": finding.subject,
                "state": finding.state,
                "found": finding.found,
                "mend": finding.mend or None,
                "hint": finding.hint or None,
            }
            for finding in findings
        ],
    )
