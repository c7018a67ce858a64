"""Change a value in the text of a YAML file; comments and layout stay unchanged."""

from __future__ import annotations

import re
from typing import Any, Final

from finbase.errors import FinbaseError
from finbase.source.document import Document, Where, parse

_SCALAR: Final = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,#}\]]+")


def with_value(document: Document, text: str, where: Where, value: str) -> str:
    """Return the text with another scalar at ``where``, quoted as before.

    ``document`` is the parsed text. A caller parses the result again: not every form of YAML can
    be changed in this way.

    >>> text = "a: '1' # one"
    >>> with_value(parse("x.yaml", text.encode()), text, ("a",), "2")
    "a: '2' # one"
    """
    lines = text.splitlines(keepends=True)
    line, start, end = _span(document, lines, where)
    old = lines[line]
    quote = old[start] if old[start : start + 1] in tuple("\"'") else ""
    lines[line] = f"{old[:start]}{quote}{value}{quote}{old[end:]}"
    return "".join(lines)


def with_key(document: Document, text: str, where: Where, value: str, after: str) -> str:
    """Return the text with a new key ``where`` and its value, behind its sibling ``after``.

    >>> text = "a:\\n  b: 1 # one\\n  c: 3\\n"
    >>> print(with_key(parse("x.yaml", text.encode()), text, ("a", "d"), "4", "b"), end="")
    a:
      b: 1 # one
      d: 4
      c: 3
    >>> text = "a: {b: 1, c: 3}"
    >>> print(with_key(parse("x.yaml", text.encode()), text, ("a", "d"), "4", "b"))
    a: {b: 1, d: 4, c: 3}
    """
    sibling = (*where[:-1], after)
    lines = text.splitlines(keepends=True)
    line, _, end = _span(document, lines, sibling)
    key_line, column = document.position(sibling, key=True)
    indentation = lines[key_line - 1][: column - 1]
    if indentation.strip():
        old = lines[line]
        lines[line] = f"{old[:end]}, {where[-1]}: {value}{old[end:]}"
    else:
        ending = "\r\n" if lines[line].endswith("\r\n") else "\n"
        lines[line] = f"{lines[line].rstrip()}{ending}{indentation}{where[-1]}: {value}{ending}"
    return "".join(lines)


def checked(document: Document, text: str, wanted: Any, todo: str) -> str:
    """Return a changed text of ``document`` if it has the ``wanted`` value.

    Raises ``FinbaseError`` with what a person can do instead if it does not.
    """
    if parse(document.path, text.encode()).value != wanted:
        raise FinbaseError(
            f"finbase cannot edit {document.path}, because of the way it is written",
            f"edit it: {todo}",
        )
    return text


def _span(document: Document, lines: list[str], where: Where) -> tuple[int, int, int]:
    """Return the line of a scalar, counted from 0, with its first and last column."""
    line, column = document.position(where)
    match = _SCALAR.match(lines[line - 1], column - 1)
    return line - 1, column - 1, match.end() if match else column - 1
