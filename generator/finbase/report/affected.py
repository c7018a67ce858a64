"""Environments whose plan can change, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from finbase.ci.affected import Affected
from finbase.project.files import owner
from finbase.report import document

__all__ = ["SCHEMA_VERSION", "render_json", "text"]

SCHEMA_VERSION = 1
"""Raised when a key changes its meaning or goes; a new key does not raise it."""


def text(found: Sequence[Affected]) -> str:
    """Say a line for each environment, and below it one for each folder with its files."""
    if not found:
        return "no environment is affected"
    return "\n".join(line for each in found for line in _lines(each))


def render_json(found: Sequence[Affected], since: str, until: str | None) -> str:
    """Return the JSON document as text, ASCII only, with a newline at its end.

    ``since`` and ``until`` are ids of commits; without ``until`` it is the working tree.
    """
    return document.render(
        SCHEMA_VERSION,
        since=since,
        until=until,
        affected=[
            {
                "environment": each.environment,
                "change": each.change,
                "files": [str(path) for path in each.files],
            }
            for each in found
        ],
    )


def _lines(each: Affected) -> Iterator[str]:
    yield f"{each.environment}: {each.change}"
    folders: dict[PurePosixPath, list[str]] = {}
    for path in each.files:
        folder = owner(path) or path.parent
        folders.setdefault(folder, []).append(str(path.relative_to(folder)))
    for folder, names in folders.items():
        yield f"  {folder}: {', '.join(names)}"
