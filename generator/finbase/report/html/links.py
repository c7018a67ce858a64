"""Links from a report to the lines of the project's files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from finbase.release.interface import Place
from finbase.report.sources import Piece, Sources


class Linked(NamedTuple):
    """A part of a text, and the address that it links to, or an empty string."""

    text: str
    href: str = ""


@dataclass(frozen=True)
class Links:
    """Links from a report in the folder ``base`` to files of the project at ``root``.

    Both are absolute paths.
    """

    root: Path
    base: Path

    def to(self, path: str, line: int) -> str:
        """Return the relative address of a line of a file of the project."""
        target = os.path.relpath(self.root / path, self.base)
        return f"{quote(Path(target).as_posix())}#L{line}"

    def place(self, place: Place) -> str:
        """Return the relative address of a place."""
        return self.to(str(place.path), place.line)

    def location(self, location: str) -> Linked:
        """Link a location such as ``features/x.feature:12``."""
        path, _, line = location.rpartition(":")
        return Linked(location, self.to(path, int(line)))

    def text(self, text: str, sources: Sources | None) -> Sequence[Linked]:
        """Link each resource in a text to its block of HCL."""
        pieces: list[Piece] = sources.pieces(text) if sources else [(text, None)]
        return [Linked(piece, self.place(place) if place else "") for piece, place in pieces]
