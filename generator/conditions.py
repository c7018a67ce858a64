"""What the condition of a ``validation`` block demands, and whether another one demands more."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["implies", "terms"]

_COMPARISON = re.compile(r"(.+) (>=|<=) (-?[0-9.]+)")
_CONTAINS = re.compile(r"(!?)\(?contains\((\[.*\]), (.+?)\)\)?")
_OPTIONAL = re.compile(r"(\S+ == null) \? true : (.*)", re.DOTALL)


def terms(condition: str) -> Iterator[str]:
    """Take a condition apart into what must all hold."""
    if match := _OPTIONAL.fullmatch(condition):
        for term in terms(match[2]):
            yield f"{match[1]} || {term}"
        return
    parts = _split(condition, " && ")
    if len(parts) == 1 and condition.startswith("alltrue([") and condition.endswith("])"):
        inner = condition.removeprefix("alltrue([").removesuffix("])")
        if not inner.startswith("for "):
            parts = _split(inner, ", ")
    if parts == [condition]:
        yield condition
    else:
        for part in parts:
            yield from terms(part)


def _split(text: str, separator: str) -> list[str]:
    """Split where the separator is in no bracket and no string."""
    parts, start, depth, quoted, at = [], 0, 0, False, 0
    while at < len(text):
        letter = text[at]
        if quoted:
            at += 2 if letter == "\\" else 1
            quoted = letter != '"'
            continue
        if letter == '"':
            quoted = True
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and text.startswith(separator, at):
            parts.append(text[start:at])
            at += len(separator)
            start = at
            continue
        at += 1
    return [*parts, text[start:]]


def implies(old: str, new: str) -> bool:
    """Say whether whatever met the old demand meets the new one."""
    if old == new:
        return True
    one, other = (_COMPARISON.fullmatch(text) for text in (old, new))
    if one and other and one[1] == other[1] and one[2] == other[2]:
        low, high = float(other[3]), float(one[3])
        return low <= high if one[2] == ">=" else low >= high
    one, other = (_CONTAINS.fullmatch(text) for text in (old, new))
    if one and other and one[1] == other[1] and one[3] == other[3]:
        before, now = (set(_split(match[2][1:-1], ", ")) for match in (one, other))
        return before <= now if not one[1] else now <= before
    return False
