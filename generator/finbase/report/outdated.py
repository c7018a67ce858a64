"""Pins that newer releases have followed, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from finbase.report import document
from finbase.upgrade.outdated import Outdated

__all__ = ["SCHEMA_VERSION", "render_json", "table"]

SCHEMA_VERSION = 1
"""Raised when a key changes its meaning or goes; a new key does not raise it."""

_HEADS = ("environment", "module", "pinned", "compatible", "newest", "where")


def table(found: Sequence[Outdated]) -> str:
    """Lay the pins out in columns; `-` where no compatible release is newer."""
    rows = [_HEADS, *(_cells(each) for each in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def render_json(found: Sequence[Outdated]) -> str:
    """Return the JSON document as text, ASCII only, with a newline at its end."""
    return document.render(
        SCHEMA_VERSION,
        outdated=[
            {
                "environment": each.environment,
                "module": each.module,
                "pinned": str(each.pinned),
                "compatible": str(each.compatible),
                "newest": str(each.newest),
                "file": each.path,
                "line": each.line,
            }
            for each in found
        ],
    )


def _cells(each: Outdated) -> tuple[str, ...]:
    compatible = "-" if each.compatible == each.pinned else str(each.compatible)
    pinned, newest = str(each.pinned), str(each.newest)
    return each.environment, each.module, pinned, compatible, newest, f"{each.path}:{each.line}"
