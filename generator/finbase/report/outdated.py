"""Pinned module versions that have newer releases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from finbase.report.columns import columns
from finbase.report.documents import Report
from finbase.upgrade.pins import Outdated

_HEADS = ("where", "module", "pinned", "compatible", "newest")


@dataclass(frozen=True)
class OutdatedReport(Report):
    """The outdated pins of environments; the text fits into ``width`` columns."""

    command: ClassVar[str] = "outdated"
    pins: Sequence[Outdated]
    width: int | None = None

    def _lines(self) -> Iterator[str]:
        yield columns([_HEADS, *map(_cells, self.pins)], width=self.width)

    def document(self) -> dict[str, Any]:
        """Return the pins with their newer releases."""
        return {
            "outdated": [
                {
                    "environment": pin.environment,
                    "module": pin.module,
                    "pinned": str(pin.pinned),
                    "compatible": str(pin.compatible),
                    "newest": str(pin.newest),
                    "file": pin.path,
                    "line": pin.line,
                }
                for pin in self.pins
            ],
        }


def _cells(pin: Outdated) -> tuple[str, ...]:
    compatible = "-" if pin.compatible == pin.pinned else str(pin.compatible)
    return f"{pin.path}:{pin.line}", pin.module, str(pin.pinned), compatible, str(pin.newest)
