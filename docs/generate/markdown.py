"""Write pieces of Markdown: tables, code, anchors of headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["block", "code", "escaped", "page", "slug", "table"]


def page(*parts: str) -> str:
    """Join parts with an empty line between, and one newline at the end."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; line breaks in cells become spaces, and pipes are escaped."""
    lines = [_row(head), "|" + "---|" * len(head), *map(_row, rows)]
    return "\n".join(lines)


def code(text: str) -> str:
    """Return the text as inline code, or an empty string for an empty text."""
    return f"`{text}`" if text else ""


def block(language: str, text: str) -> str:
    """Return a fenced code block."""
    return f"```{language}\n{text}\n```"


def escaped(text: str) -> str:
    """Escape ``<``, so that it does not start an HTML tag."""
    return text.replace("<", "\\<")


def slug(heading: str) -> str:
    """Return the anchor that GitHub and MyST derive from a heading.

    >>> slug("FB201: a zone lies outside the region")
    'fb201-a-zone-lies-outside-the-region'
    """
    words = re.sub(r"[^\w\- ]", "", heading.lower())
    return words.strip().replace(" ", "-")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
