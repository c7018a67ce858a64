"""Bytes → text, and why a text is not YAML, said in words for people.

PyYAML's two scanners, in C and in Python, word the same mistake differently and often point
behind it. Here both come to the same code and, where it helps, to the place of the cause.
"""

from __future__ import annotations

import re
from typing import Final

import yaml

from finbase import codes
from finbase.errors import Diagnostic, InputError

__all__ = ["INVISIBLE", "MOST_BYTES", "Place", "decode", "explain", "failure"]

Place = tuple[int, int]
"""A line and a column, both counted from 1."""

MOST_BYTES: Final = 1024 * 1024

# Everything YAML does not call printable, line breaks that editors do not count as lines, what
# has no width, and characters that change the direction of the text around them.
INVISIBLE: Final = re.compile(
    "\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)

_TAB_INDENT = re.compile(r" *\t")
_MISPLACED = re.compile(
    r"did not find expected (key|<document start>|'-' indicator)"
    r"|expected (<block end>|'<document start>')"
    r"|(mapping values|sequence entries) are not allowed"
)


def failure(path: str, place: Place, code: str, what: str, hint: str | None = None) -> InputError:
    """An error that ends the reading of a file."""
    return InputError([Diagnostic(path, *place, code, what, hint)])


def decode(path: str, data: bytes) -> str:
    """The text of a file, without a byte order mark.

    Raises ``InputError`` where the bytes are too many, not UTF-8 or hold something that
    cannot be seen.
    """
    if len(data) > MOST_BYTES:
        raise failure(path, (1, 1), codes.TOO_LARGE, f"larger than {MOST_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        place = _end(data[: error.start].decode("utf-8"))
        raise failure(path, place, codes.NOT_UTF8, what, "save the file as UTF-8") from error
    text = text.removeprefix("\ufeff")
    if found := INVISIBLE.search(text):
        what = f"the character U+{ord(found.group()):04X} cannot be seen and is not allowed"
        raise failure(path, _end(text[: found.start()]), codes.CHARACTER, what, "take it out")
    return text


def explain(path: str, text: str, error: yaml.MarkedYAMLError) -> Diagnostic:
    """The one diagnostic of a text that PyYAML could not read to its end."""
    problem = error.problem or "unreadable"
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    if line >= len(lines):  # The scanner ends each text with a line break that need not be there.
        line, column = len(lines) - 1, len(lines[-1])
    row = lines[line]

    def at(line: int, column: int, code: str, message: str, hint: str | None = None) -> Diagnostic:
        return Diagnostic(path, line + 1, column + 1, code, message, hint)

    if tab := _tab(row, column, problem):
        return at(line, tab - 1, codes.TAB, "a tab where YAML wants spaces", "write spaces")
    if error.context_mark and _unclosed(error):
        start, first = error.context_mark.line, error.context_mark.column
        opened = lines[start][first : first + 1]
        return at(
            start,
            first,
            codes.SYNTAX,
            f"the {opened} that opens here is not closed where line {line + 1} needs it",
            "close it, or put a comma before the next item" if opened in "[{" else "close it",
        )
    if "maximum nesting" in problem:
        return at(line, column, codes.TOO_DEEP, "nested too deep")
    if "tag" in problem and "handle" in problem:
        return at(line, column, codes.TAG, "tags are not allowed", "write the value without it")
    if "escape" in problem:
        return at(
            line,
            column,
            codes.SYNTAX,
            "a backslash that begins no known escape",
            "put the text in single quotes, in which a backslash is itself",
        )
    if "cannot start any token" in problem:
        return at(
            line,
            column,
            codes.SYNTAX,
            f"a value cannot begin with {row[column : column + 1]}",
            "put the text in double quotes",
        )
    if "could not find expected ':'" in problem and error.context_mark:
        key = error.context_mark
        what = "a key without `: ` behind it"
        return at(key.line, key.column, codes.SYNTAX, what, "write `key: value`, with a space")
    if _MISPLACED.search(problem):
        if _first_on_line(row, column, problem):
            return at(
                line,
                len(row) - len(row.lstrip(" ")),
                codes.INDENTATION,
                "this line is not indented as the lines above it demand",
                "keys of one mapping begin in the same column, two spaces right of their parent;"
                " is the line above complete, with a space behind its colon?",
            )
        if "mapping values" in problem:
            return at(
                line,
                column,
                codes.SYNTAX,
                "a second `: ` on this line",
                "put text that holds a colon in double quotes",
            )
    hint = "is a quote above left open?" if row[:column].endswith(('"', "'")) else None
    return at(line, column, codes.SYNTAX, f"not YAML: {problem}", hint)


def _tab(row: str, column: int, problem: str) -> int:
    """The column behind the tab that is to blame; 0 where none is."""
    if indent := _TAB_INDENT.match(row):
        return indent.end()
    if row[column : column + 1] == "\t":
        return column + 1
    return column + 1 if "tab character" in problem else 0


def _unclosed(error: yaml.MarkedYAMLError) -> bool:
    context, problem = error.context or "", error.problem or ""
    flow = "parsing a flow" in context and ("expected ','" in problem)
    return flow or ("quoted scalar" in context and "end of stream" in problem)


def _first_on_line(row: str, column: int, problem: str) -> bool:
    """Whether the mistake lies in how far the whole line is indented."""
    before = row[:column]
    if not before.strip():
        return True
    return "mapping values" in problem and ": " not in before and "{" not in before


def _end(text: str) -> Place:
    """The place behind the text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")
