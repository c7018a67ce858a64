"""Decode the bytes of a file, and explain why a text is not YAML.

PyYAML has two scanners, in C and in Python. They describe the same mistake in different words and
often point behind it. Here both lead to the same code and, if possible, to the position of the
cause.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

import yaml

from finbase import codes
from finbase.errors import Diagnostic, InputError

Position = tuple[int, int]
"""A line and a column, both counting from 1."""

MOST_BYTES: Final = 1024 * 1024

# Characters that YAML forbids, line breaks that editors do not count as lines, characters without
# width, and those that change the reading direction: with any of them, a reviewer could see
# another text than the parser.
INVISIBLE: Final = re.compile(
    "\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

# As git writes them. `=======` alone is not enough: YAML allows it at the start of a line.
_CONFLICT = re.compile(r"^(<{7}|\|{7}|>{7})(?= |$)", re.MULTILINE)
_TAB_INDENT = re.compile(r" *\t")
_MISPLACED = re.compile(
    r"did not find expected (key|<document start>|'-' indicator)"
    r"|expected (<block end>|'<document start>')"
    r"|(mapping values|sequence entries) are not allowed"
)


def failure(
    path: str, position: Position, code: str, message: str, hint: str | None = None
) -> InputError:
    """Return an error with one diagnostic, for a file that cannot be read further."""
    return InputError([Diagnostic(path, *position, code, message, hint)])


def decode(path: str, data: bytes) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        InputError: the file is too large, is not UTF-8, or contains an invisible character.

    """
    if len(data) > MOST_BYTES:
        message = f"the file is larger than {MOST_BYTES // 1024} KiB"
        hint = "an environment has a few hundred lines; is this the right file?"
        raise failure(path, (1, 1), codes.TOO_LARGE, message, hint)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        position = _end(data[: error.start].decode("utf-8"))
        raise failure(path, position, codes.NOT_UTF8, message, "save the file as UTF-8") from error
    text = text.removeprefix("\ufeff")
    if match := INVISIBLE.search(text):
        message = f"invisible character U+{ord(match.group()):04X} is not allowed"
        raise failure(path, _end(text[: match.start()]), codes.CHARACTER, message, "remove it")
    return text


def conflict(text: str) -> Position | None:
    r"""Return the position of the first marker of a merge conflict, or None.

    >>> conflict("a: 1\n<<<<<<< HEAD\nb: 2\n")
    (2, 1)
    """
    marker = _CONFLICT.search(text)
    return _end(text[: marker.start()]) if marker else None


CONFLICT_HINT: Final = "resolve the conflict: keep the lines of one side, or merge both"


def refuse_conflict(path: str, content: bytes, code: str) -> None:
    """Raise ``InputError`` with the position if a file has a marker of a merge conflict."""
    if marker := conflict(content.decode(errors="replace")):
        raise failure(path, marker, code, "a merge conflict", CONFLICT_HINT)


def not_yaml(path: str, code: str, error: Exception) -> InputError:
    """Return the error of a file that PyYAML could not read, with the position that it names."""
    mark = getattr(error, "problem_mark", None)
    position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    why = getattr(error, "problem", "") or str(error).partition("\n")[0]
    return failure(path, position, code, f"not YAML: {why}")


class _Stop(NamedTuple):
    """Where and why PyYAML stopped. Positions count from 0; ``opening`` is that of its context."""

    problem: str
    context: str
    lines: list[str]
    line: int
    column: int
    opening: Position | None

    @property
    def row(self) -> str:
        return self.lines[self.line]


class _Cause(NamedTuple):
    """A mistake: how to find its position (or None), and how to report it.

    ``message`` may contain the ``{character}`` at the position and the ``{line}`` of the stop.
    """

    locate: Callable[[_Stop], Position | None]
    code: str
    message: str
    hint: str


def explain(path: str, text: str, error: yaml.MarkedYAMLError) -> Diagnostic:
    """Return the diagnostic of a text that PyYAML could not read."""
    stop = _stop(text, error)
    for cause in _CAUSES:
        if position := cause.locate(stop):
            line, column = position
            character = stop.lines[line][column : column + 1]
            message = cause.message.format(character=character, line=stop.line + 1)
            return Diagnostic(path, line + 1, column + 1, cause.code, message, cause.hint)
    open_quote = stop.row[: stop.column].endswith(('"', "'"))
    hint = "is a quote above left open?" if open_quote else None
    message = f"invalid YAML: {stop.problem}"
    return Diagnostic(path, stop.line + 1, stop.column + 1, codes.SYNTAX, message, hint)


def _stop(text: str, error: yaml.MarkedYAMLError) -> _Stop:
    mark, context = error.problem_mark or error.context_mark, error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    if line >= len(lines):  # The scanner adds a line break to a text that does not end with one.
        line, column = len(lines) - 1, len(lines[-1])
    opening = (context.line, context.column) if context else None
    problem = error.problem or "unreadable"
    return _Stop(problem, error.context or "", lines, line, column, opening)


def _containing(*texts: str) -> Callable[[_Stop], Position | None]:
    """Return a locator that finds the stop itself if PyYAML's message contains all texts."""
    return lambda stop: (
        (stop.line, stop.column) if all(text in stop.problem for text in texts) else None
    )


def _tab(stop: _Stop) -> Position | None:
    if indent := _TAB_INDENT.match(stop.row):
        return stop.line, indent.end() - 1
    if stop.row[stop.column : stop.column + 1] == "\t" or "tab character" in stop.problem:
        return stop.line, stop.column
    return None


def _opening(context: str, problem: str) -> Callable[[_Stop], Position | None]:
    """Return a locator that finds the start of a context in which PyYAML has a problem."""
    return lambda stop: (
        stop.opening if context in stop.context and problem in stop.problem else None
    )


def _wrong_indentation(stop: _Stop) -> Position | None:
    """Return the first character of the line if its whole indentation is the mistake."""
    if not _MISPLACED.search(stop.problem):
        return None
    before = stop.row[: stop.column]
    # A colon is misplaced, but it is the first one on the line: the key itself is too far right.
    only_colon = "mapping values" in stop.problem and ": " not in before and "{" not in before
    if before.strip() and not only_colon:
        return None
    return stop.line, len(stop.row) - len(stop.row.lstrip(" "))


# The first cause that can be located is reported, so specific ones come before general ones.
_CAUSES: Final = (
    _Cause(
        _tab,
        codes.TAB,
        "tab character where YAML requires spaces",
        "replace the tab with spaces",
    ),
    _Cause(
        _opening("parsing a flow", "expected ','"),
        codes.SYNTAX,
        "this {character} is not closed before line {line}",
        "close it, or add a comma before the next item",
    ),
    _Cause(
        _opening("quoted scalar", "end of stream"),
        codes.SYNTAX,
        "this {character} is not closed before line {line}",
        "add the closing quote",
    ),
    _Cause(
        _containing("maximum nesting"),
        codes.TOO_DEEP,
        "nested too deeply",
        "an environment has about five levels; is a bracket opened too often?",
    ),
    _Cause(
        _containing("tag", "handle"),
        codes.TAG,
        "YAML tags are not allowed",
        "write the value without the tag",
    ),
    _Cause(
        _containing("escape"),
        codes.SYNTAX,
        "unknown escape sequence after a backslash",
        "use single quotes, in which a backslash has no special meaning",
    ),
    _Cause(
        _containing("cannot start any token"),
        codes.SYNTAX,
        "a value cannot start with {character}",
        "put the text in double quotes",
    ),
    _Cause(
        _opening("", "could not find expected ':'"),
        codes.SYNTAX,
        "missing `: ` after this key",
        "write `key: value`, with a space after the colon",
    ),
    _Cause(
        _wrong_indentation,
        codes.INDENTATION,
        "the indentation does not match the lines above",
        "start all keys of a mapping in the same column, two spaces right of their parent;"
        " is the line above complete, with a space after its colon?",
    ),
    _Cause(
        _containing("mapping values"),
        codes.SYNTAX,
        "second `: ` on this line",
        "put text that contains a colon in double quotes",
    ),
)


def _end(text: str) -> Position:
    r"""Return the position after the text.

    >>> _end("environment: qa\nregion")
    (2, 7)
    """
    return text.count("\n") + 1, len(text) - text.rfind("\n")
