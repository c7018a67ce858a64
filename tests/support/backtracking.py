"""Match a regular expression by backtracking, and count the steps.

A clock judges a machine; steps judge the expression. ``matches`` runs the parse tree of Python's
own parser, tries the alternatives in Python's order, and remembers nothing, as ``re`` does.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from re import _constants as ops
from re import _parser
from typing import Any, Final

Groups = tuple[tuple[int, tuple[int, int]], ...]
Then = Callable[[int, Groups], int | None]
"""Matches what follows a node, from a position and with the groups so far, and returns the end."""

_DEEP: Final = 100_000
_MANY: Final = 64
"""A repeat with more rounds than that is as good as an unbounded one."""
# Plain numbers: `re` has them as members of an enumeration, which are slow to combine.
_ASCII, _DOTALL, _IGNORECASE, _MULTILINE = map(
    int, (re.ASCII, re.DOTALL, re.IGNORECASE, re.MULTILINE)
)
_WORD: Final = re.compile(r"\w")
_ASCII_WORD: Final = re.compile(r"\w", re.ASCII)
_CATEGORIES: Final = {
    ops.CATEGORY_DIGIT: r"\d",
    ops.CATEGORY_NOT_DIGIT: r"\D",
    ops.CATEGORY_SPACE: r"\s",
    ops.CATEGORY_NOT_SPACE: r"\S",
    ops.CATEGORY_WORD: r"\w",
    ops.CATEGORY_NOT_WORD: r"\W",
}
_REPEATS: Final = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)
_CHARACTERS: Final = (ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN)


class TooManyStepsError(Exception):
    """The matcher used up its steps."""


def parse(pattern: str | bytes, flags: int = 0) -> Any:
    """Return the parse tree of a pattern; a pattern of bytes is one of ASCII."""
    if isinstance(pattern, bytes):
        pattern, flags = pattern.decode("latin-1"), flags | re.ASCII
    return _parser.parse(pattern, flags)


class Matcher:
    """Matches one pattern; ``steps`` are those of the last text."""

    def __init__(self, pattern: str | bytes, flags: int = 0, *, most: int = 200_000) -> None:
        self._tree = parse(pattern, flags)
        self._most = most
        self.steps = 0

    def match(self, text: str) -> int | None:
        """Return where the match at the start of a text ends, as ``re.match`` does."""
        return self._run(text, lambda position, _: position)

    def fullmatch(self, text: str) -> bool:
        """Return whether all of a text matches, as ``re.fullmatch`` does."""
        size = len(text)
        return self._run(text, lambda at, _: at if at == size else None) is not None

    def _run(self, text: str, then: Then) -> int | None:
        self.steps = 0
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(_DEEP)  # A node calls the ones that follow it.
        try:
            return self._sequence(text, self._tree.data, 0, (), self._tree.state.flags, then)
        finally:
            sys.setrecursionlimit(limit)

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self._most:
            raise TooManyStepsError

    def _sequence(
        self, text: str, nodes: Sequence[Any], at: int, groups: Groups, flags: int, then: Then
    ) -> int | None:
        for index, (kind, value) in enumerate(nodes):
            self._step()
            if kind not in _CHARACTERS:
                rest = nodes[index + 1 :]
                break
            if not _accepts(kind, value, text, at, flags):
                return None
            at += 1
        else:
            return then(at, groups)

        def onward(position: int, so_far: Groups) -> int | None:
            return self._sequence(text, rest, position, so_far, flags, then)

        if kind is ops.BRANCH:
            for branch in value[1]:
                end = self._sequence(text, branch.data, at, groups, flags, onward)
                if end is not None:
                    return end
            return None
        if kind is ops.SUBPATTERN:
            number, added, removed, inner = value

            def closed(position: int, so_far: Groups) -> int | None:
                if number is not None:
                    so_far = (*so_far, (number, (at, position)))
                return onward(position, so_far)

            return self._sequence(text, inner.data, at, groups, (flags | added) & ~removed, closed)
        if kind in _REPEATS:
            return self._repeat(text, kind, value, at, groups, flags, onward)
        if kind is ops.ATOMIC_GROUP:
            return self._once(text, value.data, at, groups, flags, onward)
        if kind is ops.AT:
            return onward(at, groups) if _is_at(value, text, at, flags) else None
        if kind in (ops.ASSERT, ops.ASSERT_NOT):
            direction, inner = value
            start = at if direction > 0 else at - inner.getwidth()[0]
            inside, noted = _note()
            holds = start >= 0 and (
                self._sequence(text, inner.data, start, groups, flags, noted) is not None
            )
            if holds is (kind is ops.ASSERT_NOT):
                return None
            return onward(at, inside[-1] if inside else groups)
        if kind is ops.GROUPREF:
            span = dict(groups).get(value)
            if span is None:
                return None
            wanted = text[slice(*span)]
            found = text[at : at + len(wanted)]
            if _folded(wanted, flags) != _folded(found, flags):
                return None
            return onward(at + len(wanted), groups)
        raise NotImplementedError(str(kind))

    def _repeat(
        self, text: str, kind: Any, value: Any, at: int, groups: Groups, flags: int, then: Then
    ) -> int | None:
        least, most, body = value
        if len(body) == 1 and body[0][0] in _CHARACTERS:
            return self._repeat_character(text, kind, value, at, groups, flags, then)
        nodes = body.data

        def rounds(position: int, so_far: Groups, count: int, last: int) -> int | None:
            """Match one more round, and what follows; in the order of the kind."""
            self._step()

            def again() -> int | None:
                if count >= least and (count >= most or position == last):
                    return None
                return self._sequence(
                    text,
                    nodes,
                    position,
                    so_far,
                    flags,
                    lambda end, g: rounds(end, g, count + 1, position),
                )

            def leave() -> int | None:
                return then(position, so_far) if count >= least else None

            first, second = (leave, again) if kind is ops.MIN_REPEAT else (again, leave)
            end = first()
            return second() if end is None else end

        if kind is not ops.POSSESSIVE_REPEAT:
            return rounds(at, groups, 0, -1)
        return self._once(text, [(ops.MAX_REPEAT, value)], at, groups, flags, then)

    def _repeat_character(
        self, text: str, kind: Any, value: Any, at: int, groups: Groups, flags: int, then: Then
    ) -> int | None:
        """Match a repeat of one character in a loop, as ``re`` does."""
        least, most, ((of, what),) = value
        accepted = 0
        while accepted < most and _accepts(of, what, text, at + accepted, flags):
            self._step()
            accepted += 1
        lengths: Iterator[int] = iter(range(accepted, least - 1, -1))
        if kind is ops.MIN_REPEAT:
            lengths = iter(range(least, accepted + 1))
        elif kind is ops.POSSESSIVE_REPEAT:
            lengths = iter(range(accepted, accepted + 1) if accepted >= least else ())
        for length in lengths:
            self._step()
            if (end := then(at + length, groups)) is not None:
                return end
        return None

    def _once(
        self, text: str, nodes: Sequence[Any], at: int, groups: Groups, flags: int, then: Then
    ) -> int | None:
        """Match nodes without a way back into them."""
        inside, noted = _note()
        end = self._sequence(text, nodes, at, groups, flags, noted)
        return None if end is None else then(end, inside[-1])


def _note() -> tuple[list[Groups], Then]:
    """Return a list, and an end of a match that adds its groups to it."""
    inside: list[Groups] = []

    def noted(position: int, groups: Groups) -> int:
        inside.append(groups)
        return position

    return inside, noted


def _folded(text: str, flags: int) -> str:
    return text.lower() if flags & _IGNORECASE else text


def _accepts(kind: Any, value: Any, text: str, at: int, flags: int) -> bool:
    if at >= len(text):
        return False
    character = text[at]
    if kind is ops.LITERAL and not flags & _IGNORECASE:
        return bool(ord(character) == value)
    if kind is ops.ANY:
        return bool(flags & _DOTALL) or character != "\n"
    if kind is ops.IN:
        negated = bool(value[0][0] is ops.NEGATE)
        return _is_in(tuple(value[negated:]), character, flags) is not negated
    return _is_in(((ops.LITERAL, value),), character, flags) is (kind is ops.LITERAL)


@cache
def _is_in(items: tuple[Any, ...], character: str, flags: int) -> bool:
    forms = {character}
    if flags & _IGNORECASE:
        forms |= {form for form in (character.lower(), character.upper()) if len(form) == 1}
    return any(_is_one(item, form, flags) for item in items for form in forms)


def _is_one(item: Any, character: str, flags: int) -> bool:
    kind, value = item
    if kind is ops.LITERAL:
        return bool(ord(character) == value)
    if kind is ops.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    ascii_only = re.ASCII if flags & _ASCII else re.NOFLAG
    return re.fullmatch(_CATEGORIES[value], character, ascii_only) is not None


def _is_at(value: Any, text: str, at: int, flags: int) -> bool:
    size, lines = len(text), bool(flags & _MULTILINE)
    if value is ops.AT_BEGINNING:
        return at == 0 or (lines and text[at - 1] == "\n")
    if value is ops.AT_BEGINNING_STRING:
        return at == 0
    if value is ops.AT_END:
        return at == size or (text[at] == "\n" and (lines or at == size - 1))
    if value is ops.AT_END_STRING:
        return at == size
    word = _ASCII_WORD if flags & _ASCII else _WORD
    before = at > 0 and word.match(text[at - 1]) is not None
    after = at < size and word.match(text[at]) is not None
    return (before is not after) is (value is ops.AT_BOUNDARY)


# Hostile inputs


class Hostile:
    """The hostile inputs of one pattern: a prefix, pumped words, and a character that stops.

    >>> sorted(set(Hostile("x(ab|c)+").pumps()))[:3]
    [('x', 'a'), ('x', 'ab'), ('x', 'abc')]
    """

    def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
        self._tree = parse(pattern, flags)
        self._flags = self._tree.state.flags
        self.characters = "".join(sorted({*_characters(self._tree), *"a0"}))[:24]

    def stops(self) -> list[str]:
        """Return ends that make a match fail, each where others might not."""
        strange = next(c for c in "\x00\x01\u2603" if c not in self.characters)
        return ["", strange, "\n" + strange]

    def pumps(self) -> Iterator[tuple[str, str]]:
        """Yield a prefix and a word to repeat, for each repeat with many rounds."""
        yield from self._pumps(list(self._tree), "")

    def _pumps(self, nodes: Sequence[Any], prefix: str) -> Iterator[tuple[str, str]]:
        for kind, value in nodes:
            if kind in _REPEATS:
                if value[1] >= _MANY // 4:
                    words = self._words(list(value[2]))
                    singles = [c for c in self.characters if c in "".join(words)]
                    for word in dict.fromkeys([*words, "".join(words[:2]), *singles]):
                        if word:
                            yield prefix, word
                yield from self._pumps(list(value[2]), prefix)
            else:
                for inner in _inner(kind, value):
                    yield from self._pumps(list(inner), prefix)
            prefix += self._words([(kind, value)], least=True)[0]

    def _words(self, nodes: Sequence[Any], *, least: bool = False) -> list[str]:
        """Return a few texts that a sequence matches; look-around and references match nothing."""
        words = [""]
        for kind, value in nodes:
            parts = self._parts(kind, value, least)
            words = list(dict.fromkeys(w + p for p in parts for w in words))[:8]
        return words

    def _parts(self, kind: Any, value: Any, least: bool) -> list[str]:
        if kind in _CHARACTERS:
            fitting = [c for c in self.characters if _accepts(kind, value, c, 0, self._flags)]
            return fitting[: 1 if least else 6] or [_some(kind, value, self._flags)]
        if kind is ops.SUBPATTERN:
            return self._words(list(value[3]), least=least)
        if kind is ops.ATOMIC_GROUP:
            return self._words(list(value), least=least)
        if kind is ops.BRANCH:
            return [word for branch in value[1] for word in self._words(list(branch), least=least)]
        if kind in _REPEATS:
            count = min(max(value[0], 0 if least else 1), _MANY)
            return [word * count for word in self._words(list(value[2]), least=least)]
        return [""]


def _some(kind: Any, value: Any, flags: int) -> str:
    """Return a character that a node accepts, also if it is in no list of characters."""
    candidates = map(chr, range(0x3000))
    return next((c for c in candidates if _accepts(kind, value, c, 0, flags)), "")


def _inner(kind: Any, value: Any) -> list[Any]:
    if kind is ops.BRANCH:
        return list(value[1])
    if kind is ops.SUBPATTERN:
        return [value[3]]
    if kind in (ops.ASSERT, ops.ASSERT_NOT):
        return [value[1]]
    if kind in _REPEATS:
        return [value[2]]
    return [value] if kind is ops.ATOMIC_GROUP else []


def _characters(nodes: Any) -> Iterator[str]:
    """Yield the characters that a pattern names, and one for each range and category."""
    for kind, value in nodes:
        if kind in (ops.LITERAL, ops.NOT_LITERAL):
            yield chr(value)
        elif kind is ops.IN:
            for item, content in value:
                if item is ops.LITERAL:
                    yield chr(content)
                elif item is ops.RANGE:
                    yield from map(chr, content)
                elif item is ops.CATEGORY:
                    yield from "a0 -"
        elif kind is ops.ANY:
            yield from "a0 "
        else:
            for inner in _inner(kind, value):
                yield from _characters(inner)


def growth(pattern: str | bytes, flags: int = 0, *, n: int = 10) -> float:
    """Return by how much steps grow at most if a hostile input becomes twice as long.

    A pattern of degree d grows by less than 2 ** d; an exponential one by more than any bound. Each
    pattern must match the whole text: one that is used with ``search`` backtracks no more.
    """
    hostile = Hostile(pattern, flags)
    matcher = Matcher(pattern, flags)
    worst = 0.0
    for prefix, word in dict.fromkeys(hostile.pumps()):
        for stop in hostile.stops():
            steps = []
            for count in (n, 2 * n):
                try:
                    matcher.fullmatch(prefix + word * count + stop)
                except TooManyStepsError:
                    return float("inf")
                steps.append(matcher.steps)
            worst = max(worst, steps[1] / max(steps[0], 1))
    return worst
