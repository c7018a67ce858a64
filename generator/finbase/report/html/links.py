"""Links from a report to the lines of the project's files.

A report may be mailed alone. So a link leads to the forge that hosts the commit, or to an excerpt
inside of the page, never to a file beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from finbase.release.interface import Place
from finbase.report.forge import Forge
from finbase.report.sources import Piece, Sources, block_end

_MOST = 60
"""How many lines of a block an excerpt shows."""


class Linked(NamedTuple):
    """A part of a text, and the address that it links to, or an empty string."""

    text: str
    href: str = ""


class Extract(NamedTuple):
    """Some lines of a file that links lead to; ``rest`` counts lines of the block left out."""

    anchor: str
    path: str
    first: int
    lines: tuple[str, ...]
    rest: int


@dataclass(frozen=True)
class Links:
    """Links to ``forge``, or into the page for what it does not have.

    ``texts`` are the files that the page may show, by their paths in the project.
    """

    forge: Forge | None
    texts: Mapping[str, str]
    _used: set[tuple[str, int]] = field(default_factory=set)

    def outward(self, path: str, line: int) -> str:
        """Return the permanent address of a line, or an empty string."""
        return self.forge.permalink(path, line) if self.forge else ""

    def to(self, place: Place) -> str:
        """Return the permanent address of a place, or that of an excerpt in the page.

        Empty if the page has no such file.
        """
        path, line = str(place.path), place.line
        if address := self.outward(path, line):
            return address
        if path not in self.texts:
            return ""
        self._used.add((path, line))
        return f"#{_anchor(path, line)}"

    def text(self, text: str, sources: Sources | None) -> Sequence[Linked]:
        """Link each resource in a text to its block of HCL."""
        pieces: list[Piece] = sources.pieces(text) if sources else [(text, None)]
        return [Linked(piece, self.to(place) if place else "") for piece, place in pieces]

    def extracts(self) -> list[Extract]:
        """Return the excerpts that links lead to, sorted by path and line."""
        return [self._extract(path, line) for path, line in sorted(self._used)]

    def _extract(self, path: str, line: int) -> Extract:
        lines = self.texts[path].splitlines()
        end = block_end(lines, line)
        last = min(end, line + _MOST - 1)
        shown = tuple(lines[line - 1 : last])
        return Extract(_anchor(path, line), path, line, shown, end - last)


def _anchor(path: str, line: int) -> str:
    return f"source-{re.sub(r'[^a-zA-Z0-9]+', '-', path)}-L{line}"
