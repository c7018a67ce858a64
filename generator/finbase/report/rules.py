"""All rules for environment files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from finbase.contract.registry import Registry
from finbase.environment.rules.handbook import bounds, readings
from finbase.environment.rules.index import RULES, TITLES
from finbase.render.validation import describe_constraint
from finbase.report.columns import columns
from finbase.report.documents import Report


@dataclass(frozen=True)
class RulesReport(Report):
    """The rules for the modules of a registry; the text is wrapped at ``width``."""

    command: ClassVar[str] = "rules"
    registry: Registry
    width: int

    def _lines(self) -> Iterator[str]:
        errors = [(r.code, r.title, ", ".join(r.inputs)) for r in RULES if not r.note]
        notes = [(r.code, r.title, ", ".join(r.inputs)) for r in RULES if r.note]
        limits = [
            (b.name, " ".join(b.codes), describe_constraint(b.input)) for b in bounds(self.registry)
        ]
        reading = [(r.code, TITLES[r.code], "") for r in readings()]
        parts = (
            ("Rules, which no schema can express", errors),
            ("Bounds of single values, with the codes of the errors", limits),
            ("Notes, which refuse nothing", notes),
            ("Reading the file and its modules", reading),
        )
        yield "\n\n".join(
            f"{title}\n{columns(rows, width=self.width, indent=2)}" for title, rows in parts
        )

    def document(self) -> dict[str, Any]:
        """Return the rules, bounds and reasons to refuse a file."""
        return {
            "rules": [
                {"code": r.code, "title": r.title, "inputs": list(r.inputs), "note": bool(r.note)}
                for r in RULES
            ],
            "bounds": [
                {"input": b.name, "codes": list(b.codes), "demand": describe_constraint(b.input)}
                for b in bounds(self.registry)
            ],
            "readings": [{"code": r.code, "title": TITLES[r.code]} for r in readings()],
        }
