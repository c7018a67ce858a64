"""The values of an environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from finbase.render.values import Value
from finbase.report.columns import columns
from finbase.report.documents import Report

_WIDEST = 36


@dataclass(frozen=True)
class ValuesReport(Report):
    """The values of an environment, or of one of its modules; the text fits into ``width``."""

    command: ClassVar[str] = "show"
    environment: str
    values: Sequence[Value]
    width: int | None = None

    def _lines(self) -> Iterator[str]:
        rows = [(value.name, _value(value), _origin(value)) for value in self.values]
        yield columns(rows, width=self.width, widest=_WIDEST)

    def document(self) -> dict[str, Any]:
        """Return the values with their origins."""
        return {
            "environment": self.environment,
            "values": [asdict(value) for value in self.values],
        }


def _value(value: Value) -> str:
    if value.secret:
        return "(secret)"
    return "-" if value.origin == "unset" else value.text


def _origin(value: Value) -> str:
    match value.origin:
        case "set":
            return f"{value.source}:{value.line}"
        case "wired":
            return f"wired from {value.source}"
        case "default":
            return f"default of {value.source}"
        case "unset":
            return f"unset; {value.source} has no default"
