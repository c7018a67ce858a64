"""Text tables for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence

_MINIMUM = 30


def columns(
    rows: Sequence[Sequence[str]],
    *,
    width: int | None = None,
    indent: int = 0,
    right: Collection[int] = (),
    widest: int | None = None,
) -> str:
    """Return rows as columns that are two spaces apart.

    The last column may have several lines, and is wrapped if ``width`` says where lines end.
    ``right`` lists the columns to align to the right. A cell longer than ``widest`` does not
    widen its column.

    >>> print(columns([("name", "value"), ("port", "5432")]))
    name  value
    port  5432
    >>> print(columns([("F01", "one\\ntwo")], indent=2))
      F01  one
           two
    """
    lengths = [
        max(len(row[column]) for row in rows)
        if widest is None
        else min(max(len(row[column]) for row in rows), widest)
        for column in range(len(rows[0]) - 1)
    ]
    margin = " " * (indent + sum(lengths) + 2 * len(lengths))
    lines: list[str] = []
    for *cells, last in rows:
        head = "".join(
            f"{cell:{'>' if column in right else '<'}{length}}  "
            for column, (cell, length) in enumerate(zip(cells, lengths, strict=True))
        )
        first, *rest = wrap(last, width - len(margin)) if width else last.splitlines() or [""]
        lines += [f"{'':{indent}}{head}{first}", *(margin + line for line in rest)]
    return "\n".join(line.rstrip() for line in lines)


def wrap(text: str, width: int) -> list[str]:
    """Return the lines of a text, wrapped at a width of 30 characters or more.

    An indented line is an example and stays whole, as does a long word, such as an address.
    """
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            lines.append(line)
        else:
            lines += textwrap.wrap(
                line, max(width, _MINIMUM), break_long_words=False, break_on_hyphens=False
            ) or [""]
    return lines or [""]
