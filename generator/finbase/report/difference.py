"""The differences between two environments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from finbase import codes
from finbase.environment.difference import Difference, Side
from finbase.errors import Diagnostic
from finbase.plan.effects import Effect
from finbase.report.columns import columns, counted
from finbase.report.documents import Report
from finbase.report.upgrade import effect_lines


@dataclass(frozen=True)
class DifferenceReport(Report):
    """The differences between two environments, which are named ``left`` and ``right``.

    ``effects`` are what the plans of two versions of one environment differ in, if both were made.
    ``refused`` are the changes that AWS refuses to make to what runs, or that lock clients out.
    With ``refused_only``, the text is about them alone.
    """

    command: ClassVar[str] = "diff"
    differences: Sequence[Difference]
    left: str
    right: str
    effects: Sequence[Effect] | None = None
    refused: Sequence[Diagnostic] = ()
    refused_only: bool = False

    def document(self) -> dict[str, Any]:
        """Return both names, and both sides of each difference."""
        return {
            "environments": [self.left, self.right],
            "equal": not self.differences,
            "differences": [
                {"name": d.name, "sides": [_document(d.left), _document(d.right)]}
                for d in self.differences
            ],
            "effects": None if self.effects is None else [asdict(e) for e in self.effects],
            "refused": [asdict(diagnostic) for diagnostic in self.refused],
            "data_loss": any(effect.loses for effect in self.effects or ()),
        }

    def _lines(self) -> Iterator[str]:
        if not self.refused_only:
            yield from self._differing()
        elif not self.refused:
            yield f"AWS refuses no change between {self.left} and {self.right}"
        for diagnostic in self.refused:
            mark = "LOCKED OUT" if diagnostic.code == codes.NO_RESET else "AWS REFUSES"
            yield f"{mark}: {diagnostic}"

    def _differing(self) -> Iterator[str]:
        for difference in self.differences:
            yield difference.name
            sides = (self.left, _side(difference.left)), (self.right, _side(difference.right))
            yield columns(sides, indent=2)
        if count := len(self.differences):
            yield f"{counted(count, 'difference')} between {self.left} and {self.right}"
        else:
            yield f"{self.left} and {self.right} differ only in their names"
        if self.effects is not None:
            yield from effect_lines(self.effects)


def _side(side: Side) -> str:
    value = "(secret)" if side.secret else json.dumps(side.value, ensure_ascii=False)
    match side.kind:
        case "set":
            return f"{value}  {side.path}:{side.line}"
        case "default":
            return f"{value}  (default of {side.contract})"
        case "unset":
            return f"not set; {side.contract} has no default for it"
        case "unknown":
            return f"{side.contract} has no such input"
        case "absent":
            return "not present"


def _document(side: Side) -> dict[str, Any]:
    return {
        "kind": side.kind,
        "value": side.value,
        "secret": side.secret,
        "file": side.path or None,
        "line": side.line or None,
        "contract": side.contract or None,
    }
