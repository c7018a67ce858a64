"""Text tables and wrapped text for the terminal."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

_MINIMUM = 30
# A key within an address may hold spaces, and a copied address must stay whole.
_WORD = re.compile(r'(?:\["(?:[^"\\]|\\.)*"\]|\S)++')


def columns(
    rows: Sequence[Sequence[str]],
    *,
    width: int | None = None,
    indent: int = 0,
    right: Collection[int] = (),
    widest: int | None = None,
) -> str:
    """Return rows as columns that are two spaces apart.

    The last column may have several lines. If ``width`` says where lines end, it is wrapped, or
    continues below the others where they leave no room for it. ``right`` lists the columns to align
    to the right. A cell longer than ``widest`` does not widen its column.

    >>> print(columns([("name", "value"), ("port", "5432")]))
    name  value
    port  5432
    >>> print(columns([("F01", "one\\ntwo")], indent=2))
      F01  one
           two
    >>> print(columns([("database.backup_window", "default of database 1.0.1")], width=40))
    database.backup_window
        default of database 1.0.1
    """
    longest = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lengths = [min(length, widest or length) for length in longest[:-1]]
    margin = " " * (indent + sum(lengths) + 2 * len(lengths))
    lines: list[str] = []
    for *cells, last in rows:
        head = " " * indent + "".join(
            f"{cell:{'>' if column in right else '<'}{length}}  "
            for column, (cell, length) in enumerate(zip(cells, lengths, strict=True))
        )
        if width is None:
            first, *rest = last.splitlines() or [""]
            lines += [f"{head}{first}", *(margin + line for line in rest)]
        elif (
            len(head) == len(margin)
            and width - len(margin) >= min(_MINIMUM, longest[-1])
            and width - len(margin) >= max(map(len, _WORD.findall(last)), default=0)
        ):
            first, *rest = wrap(last, width - len(margin))
            lines += [f"{head}{first}", *(margin + line for line in rest)]
        else:
            below = " " * (indent + 4)
            if len(head) - 2 > width:
                first, *rest = wrap("  ".join(cells), width - len(below))
                head = "\n".join([" " * indent + first, *(below + line for line in rest)])
            lines += [head, *(below + line for line in wrap(last, width - len(below)) if line)]
    return "\n".join(line.rstrip() for line in lines)


def wrap(text: str, width: int) -> list[str]:
    """Return the lines of a text, wrapped between words at a width of 30 characters or more.

    An indented line is an example and stays whole, as does a long word, such as an address.

    >>> wrap('as set by module.network.aws_eip.nat["eu-west-1 a"] now', 24)
    ['as set by', 'module.network.aws_eip.nat["eu-west-1 a"]', 'now']
    """
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        lines.append("")
        if paragraph.startswith(" "):
            lines[-1] = paragraph
            continue
        for word in _WORD.findall(paragraph):
            longer = f"{lines[-1]} {word}".strip()
            if len(longer) <= max(width, _MINIMUM) or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(word)
    return lines


def counted(number: int, what: str) -> str:
    """Return a number with a noun, which gets an s unless the number is one.

    >>> counted(1, "mutation"), counted(2, "mutation")
    ('1 mutation', '2 mutations')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"
