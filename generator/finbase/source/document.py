"""Read the YAML of an environment file: plain values, and the position of each.

YAML is read strictly. An unquoted scalar is a boolean only as ``true`` or ``false``, None only as
nothing, ``~`` or ``null``, and a number only if writing the number produces the same text:
``16`` and ``1.5`` are numbers; ``no``, ``1.20``, ``1.0.0``, ``12:30:00`` and dates stay text. Keys
must be text and unique. Anchors, aliases, tags, merge keys and second documents are errors, so
only plain values can be created.

This module reads the parser's events, not its nodes: an alias then has nothing to expand, and the
depth and size of all values are limited while they are built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any, Final

import yaml

from finbase import codes
from finbase.errors import Diagnostic, InputError
from finbase.source.scalars import plain, printable
from finbase.source.syntax import (
    CONFLICT_HINT,
    INVISIBLE,
    Position,
    conflict,
    decode,
    explain,
    failure,
)

Where = tuple[str | int, ...]
"""The path of a value: the keys of mappings and indexes of lists, from the top."""

MOST_DEPTH: Final = 32
MOST_ENTRIES: Final = 400
MOST_VALUES: Final = 2000
MOST_PROBLEMS: Final = 100

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")


@dataclass(frozen=True)
class Document:
    """The content of a file, as dict, list, str, int, float, bool and None.

    ``problems`` are the errors of the parts that were skipped, at most ``MOST_PROBLEMS`` and one
    more. The values at the paths in ``spoiled`` are placeholders for rejected ones, so later
    checks must not judge them. ``positions`` maps a path to the positions of its key and value.
    """

    path: str
    value: Any
    problems: tuple[Diagnostic, ...]
    spoiled: frozenset[Where]
    positions: Mapping[Where, tuple[Position, Position]]

    def position(self, where: Where, key: bool = False) -> Position:
        """Return the position of a value or of its key; for an item of a list both are equal.

        For a value that is not in the file, return the key of the nearest parent that is.
        """
        while where not in self.positions:
            where, key = where[:-1], True
        at_key, at_value = self.positions[where]
        return at_key if key else at_value

    def problem(
        self,
        where: Where,
        code: str,
        message: str,
        hint: str | None = None,
        *,
        key: bool = False,
        note: bool = False,
    ) -> Diagnostic:
        """Return a diagnostic at the position of a value or of its key."""
        position = self.position(where, key)
        hint = printable(hint, 500) if hint else None
        return Diagnostic(self.path, *position, code, printable(message, 500), hint, note)


def parse(path: str, data: bytes) -> Document:
    """Read the bytes of a file; diagnostics show ``path``.

    Errors that can be skipped are in ``Document.problems``, so that the caller can raise them
    together with those that it finds.

    Raises:
        InputError: with one diagnostic, if the text cannot be read to its end.

    """
    text = decode(path, data)
    if marker := conflict(text):
        raise failure(path, marker, codes.SYNTAX, "a merge conflict", CONFLICT_HINT)
    reader = _Reader(path, text)
    try:
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        raise InputError([explain(path, text, error)]) from error
    except yaml.YAMLError as error:
        raise failure(path, (1, 1), codes.SYNTAX, f"invalid YAML: {error}") from error
    problems, spoiled = tuple(reader.problems), frozenset(reader.spoiled)
    return Document(path, value, problems, spoiled, reader.positions)


class _Reader:
    """Builds the values of one document from the parser's events."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.events: Iterator[Any] = iter(_LOADER(text).get_event, None)
        self.problems: list[Diagnostic] = []
        self.spoiled: set[Where] = set()
        self.positions: dict[Where, tuple[Position, Position]] = {}

    def document(self) -> Any:
        next(self.events)  # the start of the stream
        value = None
        if not isinstance(next(self.events), yaml.StreamEndEvent):
            first = next(self.events)
            value = self.node(first, (), _start(first), 1)
            next(self.events)  # the end of the document
            if not isinstance(after := next(self.events), yaml.StreamEndEvent):
                message, hint = "a second YAML document starts here", "move it to a file of its own"
                raise failure(self.path, _start(after), codes.SEVERAL_DOCUMENTS, message, hint)
        if value is None and not self.problems:
            hint = "start with `environment: <name>`"
            raise failure(self.path, (1, 1), codes.EMPTY, "the file is empty", hint)
        return value

    def node(self, event: Any, where: Where, at_key: Position, depth: int) -> Any:
        self.positions[where] = (at_key, _start(event))
        if len(self.positions) > MOST_VALUES:
            raise self.too_large(event, f"more than {MOST_VALUES} values in one file")
        if self.refused(event):
            self.spoiled.add(where)
        if type(event) is yaml.ScalarEvent:
            return self.scalar(event, where)
        if isinstance(event, yaml.AliasEvent):
            return None
        if depth > MOST_DEPTH:
            raise self.too_deep(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(where, depth + 1)
        return self.mapping(where, depth + 1)

    def sequence(self, where: Where, depth: int) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            values.append(self.node(event, (*where, len(values)), _start(event), depth))
            self.bounded(values, event)
        return values

    def mapping(self, where: Where, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key, at_key = self.key(event), _start(event)
            value = next(self.events)
            if key is None:
                self.skip(value)
            elif key in values:
                line, column = self.positions[(*where, key)][0]
                message = f"duplicate key `{printable(key)}`, first used at {line}:{column}"
                self.refuse(event, codes.DUPLICATE_KEY, message, "remove one of the two")
                self.skip(value)
            else:
                values[key] = self.node(value, (*where, key), at_key, depth)
                self.bounded(values, event)
        return values

    def key(self, event: Any) -> str | None:
        """Return the text of a key, or None if it is rejected."""
        if self.refused(event):
            self.skip(event)
            return None
        if not isinstance(event, yaml.ScalarEvent):
            message = "a list or a mapping cannot be a key"
            self.refuse(event, codes.KEY_NOT_TEXT, message, "write a name before the colon")
            self.skip(event)
            return None
        text = str(event.value)
        if not event.implicit[0]:
            return text if self.visible(event) else None
        if text == "<<":
            message = "merge keys are not allowed"
            self.refuse(event, codes.MERGE_KEY, message, "write out the keys that it would add")
            return None
        if not isinstance(plain(text), str):
            message, hint = "missing key before `:`", "write a name before the colon"
            if text:
                message = f"the key {printable(text)} is not text"
                hint = f'quote it: "{printable(text)}"'
            self.refuse(event, codes.KEY_NOT_TEXT, message, hint)
            return None
        return text

    def scalar(self, event: Any, where: Where) -> Any:
        text = str(event.value)
        if not event.implicit[0]:
            if not self.visible(event):
                self.spoiled.add(where)
            return text
        if event.start_mark.line != event.end_mark.line and text:
            message = f"this text continues on line {event.end_mark.line + 1}"
            hint = "is the next line indented too far? text of several lines requires quotes"
            self.refuse(event, codes.INDENTATION, message, hint)
            self.spoiled.add(where)
        elif _LEADING_ZERO.fullmatch(text):
            message = f"{printable(text)} is a number with a leading zero"
            hint = f'quote it if it is text: "{printable(text)}"'
            self.refuse(event, codes.LEADING_ZERO, message, hint)
            self.spoiled.add(where)
        return plain(text)

    def visible(self, event: Any) -> bool:
        """Return whether a text has no invisible character; an escape sequence can contain one."""
        match = INVISIBLE.search(event.value)
        if match:
            message = f"the text contains the invisible character U+{ord(match.group()):04X}"
            self.refuse(event, codes.CHARACTER, message, "remove the escape sequence")
        return match is None

    def refused(self, event: Any) -> bool:
        """Return whether a node has no plain value: an alias, or a value with a tag."""
        alias = isinstance(event, yaml.AliasEvent)
        if event.anchor is not None:
            message = f"anchors and aliases are not allowed: {'*' if alias else '&'}{event.anchor}"
            self.refuse(event, codes.ALIAS, message, "write the value itself wherever it is used")
        if alias or event.tag is None:
            return alias
        tag = event.tag.replace("tag:yaml.org,2002:", "!!", 1)
        hint = "write the value without the tag"
        self.refuse(event, codes.TAG, f"YAML tags are not allowed: {tag}", hint)
        return True

    def refuse(self, event: Any, code: str, message: str, hint: str | None = None) -> None:
        if len(self.problems) <= MOST_PROBLEMS:
            message = printable(message, 200)
            self.problems.append(Diagnostic(self.path, *_start(event), code, message, hint))

    def bounded(self, values: Sized, event: Any) -> None:
        """Stop at a collection that is too long: validating it takes the square of its size."""
        if len(values) > MOST_ENTRIES:
            raise self.too_large(event, f"more than {MOST_ENTRIES} entries in one list or mapping")

    def skip(self, event: Any) -> None:
        """Skip a node without building it."""
        level = 0
        while True:
            level += isinstance(event, yaml.CollectionStartEvent)
            level -= isinstance(event, yaml.CollectionEndEvent)
            if level == 0:
                return
            if level > MOST_DEPTH:
                raise self.too_deep(event)
            event = next(self.events)

    def too_large(self, event: Any, message: str) -> InputError:
        hint = "an environment has a few hundred values; is this the right file?"
        return failure(self.path, _start(event), codes.TOO_LARGE, message, hint)

    def too_deep(self, event: Any) -> InputError:
        message = f"nested more than {MOST_DEPTH} levels deep"
        hint = "an environment has about five levels; is a bracket opened too often?"
        return failure(self.path, _start(event), codes.TOO_DEEP, message, hint)


def _start(event: Any) -> Position:
    return event.start_mark.line + 1, event.start_mark.column + 1
