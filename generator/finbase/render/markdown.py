"""Markdown: tables, cells and code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    """Return a table; line breaks in cells become spaces, and pipes are escaped.

    ``numbers`` aligns all columns but the first to the right.

    >>> print(table(("key", "type"), [("name", "string | null")]))
    | key | type |
    |---|---|
    | name | string \\| null |
    """
    rule = "|---|" + ("---:|" if numbers else "---|") * (len(head) - 1)
    return "\n".join([_row(head), rule, *map(_row, rows)])


def code(text: str) -> str:
    """Return a text as code on one line, or an empty string for an empty one.

    The fence is longer than any run of backticks in the text, so that the text cannot end it.

    >>> code("a"), code("a`b"), code("")
    ('`a`', '`` a`b ``', '')
    """
    text = " ".join(text.splitlines())
    if not text:
        return ""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def cell(text: str) -> str:
    """Return a text in one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(cell, cells))} |"
