"""The differences between two environments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from finbase.environment.difference import Difference, Side
from finbase.report.columns import columns


@dataclass(frozen=True)
class DifferenceReport:
    """The differences between two environments, which are named ``left`` and ``right``."""

    command: ClassVar[str] = "diff"
    differences: Sequence[Difference]
    left: str
    right: str

    def text(self) -> str:
        """Return a paragraph per difference; the last line counts them."""
        if not self.differences:
            return f"{self.left} and {self.right} differ only in their names"
        return "\n".join(self._lines())

    def document(self) -> dict[str, Any]:
        """Return both names, and both sides of each difference."""
        return {
            "environments": [self.left, self.right],
            "equal": not self.differences,
            "differences": [
                {"name": d.name, "sides": [_document(d.left), _document(d.right)]}
                for d in self.differences
            ],
        }

    def _lines(self) -> Iterator[str]:
        for difference in self.differences:
            yield difference.name
            sides = (self.left, _side(difference.left)), (self.right, _side(difference.right))
            yield columns(sides, indent=2)
        count = len(self.differences)
        yield f"{count} difference{'' if count == 1 else 's'} between {self.left} and {self.right}"


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
