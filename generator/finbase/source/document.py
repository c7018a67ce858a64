"""The text of an environment file → plain values, and where in the text each one stands.

YAML is read strictly. A plain scalar is a boolean only as ``true`` or ``false``, empty only
as nothing, ``~`` or ``null``, and a number only where writing the number gives the same text
again: ``16`` and ``1.5`` are numbers; ``no``, ``1.20``, ``1.0.0``, ``12:30:00`` and dates stay
text. Keys are text and given once. Anchors, aliases, tags, merge keys and second documents
are refused, and nothing but plain values is ever made.

The parser's events are read rather than its nodes: an alias then has nothing to expand, and
the depth and the size of everything are bounded while it is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any, Final

import yaml

from finbase import codes
from finbase.errors import Diagnostic, InputError
from finbase.source.scalars import plain, shown
from finbase.source.syntax import INVISIBLE, Place, decode, explain, failure

__all__ = ["MOST_DEPTH", "MOST_PROBLEMS", "Document", "Where", "parse"]

Where = tuple[str | int, ...]
"""The way to a value: keys of mappings and indexes of lists, from the top."""

MOST_DEPTH: Final = 32
MOST_ENTRIES: Final = 400
MOST_VALUES: Final = 2000
MOST_PROBLEMS: Final = 100

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")


@dataclass(frozen=True)
class Document:
    """What a file says, as dict, list, str, int, float, bool and None.

    ``problems`` tells what had to be left out to read the rest; one more than
    ``MOST_PROBLEMS`` stands for any number. A value at ``spoiled`` is only a stand-in for
    something refused, so nothing more can be said about it.
    """

    path: str
    value: Any
    problems: tuple[Diagnostic, ...]
    spoiled: frozenset[Where]
    places: Mapping[Where, tuple[Place, Place]]

    def position(self, where: Where, key: bool = False) -> Place:
        """The place of a value, or of its key; an item of a list has only the one.

        Of a value that the file does not give, the key that it would stand under.
        """
        while where not in self.places:
            where, key = where[:-1], True
        at_key, at_value = self.places[where]
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
        """A diagnostic at the place of a value or of its key."""
        place = self.position(where, key)
        hint = shown(hint, 500) if hint else None
        return Diagnostic(self.path, *place, code, shown(message, 500), hint, note)


def parse(path: str, data: bytes) -> Document:
    """Read the bytes of a file; ``path`` is what diagnostics show.

    Raises ``InputError`` with one diagnostic where the text cannot be read to its end. What
    is wrong but can be read past is in ``Document.problems``, for the caller to raise
    together with what else it finds.
    """
    text = decode(path, data)
    reader = _Reader(path, text)
    try:
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        raise InputError([explain(path, text, error)]) from error
    except yaml.YAMLError as error:
        raise failure(path, (1, 1), codes.SYNTAX, f"not YAML: {error}") from error
    problems, spoiled = tuple(reader.problems), frozenset(reader.spoiled)
    return Document(path, value, problems, spoiled, reader.places)


class _Reader:
    """Builds the values of one document out of the parser's events."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self.problems: list[Diagnostic] = []
        self.spoiled: set[Where] = set()
        self.places: dict[Where, tuple[Place, Place]] = {}

    def document(self) -> Any:
        next(self.events)  # the start of the stream
        value = None
        if not isinstance(next(self.events), yaml.StreamEndEvent):
            first = next(self.events)
            value = self.node(first, (), _start(first), 1)
            next(self.events)  # the end of the document
            if not isinstance(after := next(self.events), yaml.StreamEndEvent):
                raise failure(
                    self.path,
                    _start(after),
                    codes.SEVERAL_DOCUMENTS,
                    "a second YAML document begins here",
                    "give every environment a file of its own",
                )
        if value is None and not self.problems:
            hint = "begin with `environment: <name>`"
            raise failure(self.path, (1, 1), codes.EMPTY, "the file is empty", hint)
        return value

    def node(self, event: Any, where: Where, at_key: Place, depth: int) -> Any:
        self.places[where] = (at_key, _start(event))
        if len(self.places) > MOST_VALUES:
            raise self.too_large(event, f"more than {MOST_VALUES} values in one file")
        if self.refused(event):
            self.spoiled.add(where)
        if isinstance(event, yaml.ScalarEvent):
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
                line, column = self.places[(*where, key)][0]
                what = f"`{shown(key)}` is given twice, first at {line}:{column}"
                self.refuse(event, codes.DUPLICATE_KEY, what, "keep one of the two")
                self.skip(value)
            else:
                values[key] = self.node(value, (*where, key), at_key, depth)
                self.bounded(values, event)
        return values

    def key(self, event: Any) -> str | None:
        """The text of a key; None where it is refused."""
        if self.refused(event):
            self.skip(event)
            return None
        if not isinstance(event, yaml.ScalarEvent):
            what = "a list or a mapping cannot be a key"
            self.refuse(event, codes.KEY_NOT_TEXT, what, "write a name before the colon")
            self.skip(event)
            return None
        text = str(event.value)
        if event.implicit[0] and text == "<<":
            what = "merge keys are not allowed"
            self.refuse(event, codes.MERGE_KEY, what, "write out the keys that it would bring in")
            return None
        if event.implicit[0] and not isinstance(plain(text), str):
            what = f"the key {shown(text)} is not text" if text else "a key is missing before `:`"
            hint = f'quote it: "{shown(text)}"' if text else None
            self.refuse(event, codes.KEY_NOT_TEXT, what, hint)
            return None
        return text if self.visible(event) else None

    def scalar(self, event: Any, where: Where) -> Any:
        text = str(event.value)
        if not event.implicit[0]:
            if not self.visible(event):
                self.spoiled.add(where)
            return text
        if event.start_mark.line != event.end_mark.line and text:
            what = f"this text goes on to line {event.end_mark.line + 1}"
            hint = "is the next line indented too far? text of several lines needs quotes"
            self.refuse(event, codes.INDENTATION, what, hint)
            self.spoiled.add(where)
        elif _LEADING_ZERO.fullmatch(text):
            what = f"{shown(text)} is a number with a leading zero"
            hint = f'quote it if it is text: "{shown(text)}"'
            self.refuse(event, codes.LEADING_ZERO, what, hint)
            self.spoiled.add(where)
        return plain(text)

    def visible(self, event: Any) -> bool:
        """Whether a text has no invisible character, which an escape can bring in."""
        found = INVISIBLE.search(event.value)
        if found:
            what = f"the text holds U+{ord(found.group()):04X}, which cannot be seen"
            self.refuse(event, codes.CHARACTER, what, "take the escape out")
        return found is None

    def refused(self, event: Any) -> bool:
        """Whether a node has no value of its own: an alias, or a tag that would change it."""
        alias = isinstance(event, yaml.AliasEvent)
        if event.anchor is not None:
            what = f"anchors and aliases are not allowed: {'*' if alias else '&'}{event.anchor}"
            self.refuse(event, codes.ALIAS, what, "write the value out where it is needed")
        if alias or event.tag is None:
            return alias
        tag = event.tag.replace("tag:yaml.org,2002:", "!!", 1)
        self.refuse(event, codes.TAG, f"tags are not allowed: {tag}", "write the value without it")
        return True

    def refuse(self, event: Any, code: str, message: str, hint: str | None = None) -> None:
        if len(self.problems) <= MOST_PROBLEMS:
            place = _start(event)
            self.problems.append(Diagnostic(self.path, *place, code, shown(message, 200), hint))

    def bounded(self, values: Sized, event: Any) -> None:
        """Stop where a collection grows out of hand: judging it takes the square of its size."""
        if len(values) > MOST_ENTRIES:
            raise self.too_large(event, f"more than {MOST_ENTRIES} entries in one list or mapping")

    def skip(self, event: Any) -> None:
        """Read past a node without building it."""
        level = 0
        while True:
            if isinstance(event, yaml.CollectionStartEvent):
                level += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                level -= 1
            if level == 0:
                return
            if level > MOST_DEPTH:
                raise self.too_deep(event)
            event = next(self.events)

    def too_large(self, event: Any, message: str) -> InputError:
        hint = "an environment has some hundred values"
        return failure(self.path, _start(event), codes.TOO_LARGE, message, hint)

    def too_deep(self, event: Any) -> InputError:
        message = f"nested more than {MOST_DEPTH} levels deep"
        hint = "an environment has about five; is a bracket opened too often?"
        return failure(self.path, _start(event), codes.TOO_DEEP, message, hint)


def _start(event: Any) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1
