"""What the condition of a ``validation`` block demands, and whether another one demands more.

A condition is taken apart into terms that must all hold, each a choice of alternatives. What
cannot be taken apart stays whole, and is implied by nothing but itself.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Final

__all__ = ["demands_no_more", "implies", "terms"]

_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_ORDER: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_OPERATORS: Final = frozenset({*_ORDER, "==", "!=", "&&", "||", "?", ":"})
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_MOST_TERMS: Final = 64


def demands_no_more(old: str, new: str) -> bool:
    """Say whether whatever meets the old condition meets the new one."""
    known = list(terms(old))
    return all(any(implies(one, term) for one in known) for term in terms(new))


def terms(condition: str) -> Iterator[str]:
    """Take a condition apart into what must all hold."""
    condition = _bare(condition)
    if choice := _choice(condition):
        test, then, otherwise = choice
        if then == "true":
            yield from _either([test, otherwise])
        else:
            yield f"({condition})"
        return
    if len(parts := _split(condition, " || ")) > 1:
        yield from _either(parts)
    elif len(parts := _split(condition, " && ")) > 1:
        for part in parts:
            yield from terms(part)
    elif (each := _each(condition)) and each[0] == "alltrue":
        for term in terms(each[2]):
            yield f"alltrue([{each[1]} : {term}])"
    elif (listed := _listed(condition)) and listed[0] == "alltrue":
        for part in listed[1]:
            yield from terms(part)
    elif listed and listed[0] == "anytrue":
        yield from _either(listed[1])
    else:
        yield condition


def implies(old: str, new: str) -> bool:
    """Say whether whatever meets the old term meets the new one."""
    alternatives = _split(new, " || ")
    return all(any(_implies(one, other) for other in alternatives) for one in _split(old, " || "))


def _implies(old: str, new: str) -> bool:
    if old == new:
        return True
    negated = [_negated(text) for text in (old, new)]
    if negated[0] and negated[1]:
        return demands_no_more(negated[1], negated[0])
    one, other = _each(old), _each(new)
    if one and other and one[:2] == other[:2]:
        return demands_no_more(one[2], other[2])
    return _values_imply(old, new)


def _values_imply(old: str, new: str) -> bool:
    """Compare what two terms let one and the same expression be."""
    chosen, allowed = _choices(old), _choices(new)
    if chosen and allowed:
        return chosen[0] == allowed[0] and chosen[1] <= allowed[1]
    bound = _bound(new)
    if bound is None:
        return False
    value, sign, limit = bound
    holds = _ORDER[sign]
    if chosen and chosen[0] == value:
        return all(_NUMBER.fullmatch(n) and holds(float(n), limit) for n in chosen[1])
    known = _bound(old)
    if known is None or known[0] != value or known[1][0] != sign[0]:
        return False
    return holds(known[2], limit) or (known[2] == limit and known[1] == sign[0])


def _bound(term: str) -> tuple[str, str, float] | None:
    """Read ``value >= number``: the value, the sign, the number."""
    words = _split(term, " ")
    if len(words) < 3 or words[-2] not in _ORDER or not _NUMBER.fullmatch(words[-1]):
        return None
    if _OPERATORS.intersection(words[:-2]):
        return None
    return " ".join(words[:-2]), words[-2], float(words[-1])


def _choices(term: str) -> tuple[str, frozenset[str]] | None:
    """Read ``contains([…], value)`` and ``value == literal``: the value, what it may be."""
    if (inner := _call(term, "contains")) and len(both := _split(inner, ", ")) == 2:
        listed, value = map(_bare, both)
        if listed.startswith("["):
            return value, frozenset(_split(listed[1:-1], ", "))
    words = _split(term, " ")
    if len(words) >= 3 and words[-2] == "==" and not _OPERATORS.intersection(words[:-2]):
        literal = words[-1]
        if _NUMBER.fullmatch(literal) or literal[0] == '"':
            return " ".join(words[:-2]), frozenset({literal})
    return None


def _choice(condition: str) -> tuple[str, str, str] | None:
    """Read ``test ? then : otherwise``."""
    test, *rest = _split(condition, " ? ")
    if not rest:
        return None
    parts = _split(" ? ".join(rest), " : ")
    if " ? " in parts[0]:  # a choice in the middle of another: nobody writes that
        return None if len(parts) < 2 else (test, "", condition)
    return test, parts[0], " : ".join(parts[1:])


def _each(condition: str) -> tuple[str, str, str] | None:
    """Read ``alltrue([for … in … : body])``: function, head, body; not where it has an ``if``."""
    for function in ("alltrue", "anytrue"):
        inner = _call(condition, function)
        if inner and inner.startswith("[for ") and inner.endswith("]"):
            head, *body = _split(inner[1:-1], " : ")
            text = " : ".join(body)
            if len(_split(head, " ? ")) == 1 and len(_split(text, " if ")) == 1:
                return function, head, text
    return None


def _listed(condition: str) -> tuple[str, list[str]] | None:
    for function in ("alltrue", "anytrue"):
        inner = _call(condition, function)
        if inner and inner.startswith("[") and inner.endswith("]"):
            if inner.startswith("[for "):
                return None
            return function, _split(inner[1:-1], ", ")
    return None


def _call(text: str, function: str) -> str:
    """Give what is in the parentheses where all of the text is one call; else nothing."""
    if text.startswith(f"{function}(") and _is_whole(text, len(function)):
        return text[len(function) + 1 : -1]
    return ""


def _negated(term: str) -> str:
    """Give what a term denies; nothing where it denies nothing."""
    return _bare(term[1:]) if term.startswith("!") and len(_split(term, " ")) == 1 else ""


def _either(parts: Sequence[str]) -> Iterator[str]:
    """Multiply alternatives out: ``a || (b && c)`` is ``a || b`` and ``a || c``."""
    factors = [list(terms(part)) for part in parts]
    size = 1
    for factor in factors:
        size *= len(factor)
    if size > _MOST_TERMS:
        yield " || ".join(f"({part})" for part in parts)
        return
    for term in product(*factors):
        yield " || ".join(term)


def _bare(text: str) -> str:
    while text.startswith("(") and _is_whole(text, 0):
        text = text[1:-1]
    return text


def _is_whole(text: str, start: int) -> bool:
    """Say whether the bracket that opens at ``start`` closes at the end."""
    depths = _depths(text)
    return text.endswith(")") and 0 not in depths[start + 1 :]


def _split(text: str, separator: str) -> list[str]:
    """Split where the separator is in no bracket and no string."""
    depths = _depths(text)
    parts, start, at = [], 0, 0
    while (at := text.find(separator, at)) >= 0:
        if depths[at] == 0:
            parts.append(text[start:at])
            at += len(separator)
            start = at
        else:
            at += 1
    return [*parts, text[start:]]


def _depths(text: str) -> list[int]:
    """Count the brackets and strings around each character; a string may hold ``${…}``."""
    depths: list[int] = []
    ends: list[str] = []
    at = 0
    while at < len(text):
        size = 1
        before = len(ends)
        if ends and ends[-1] == '"':
            if text[at] == "\\":
                size = 2
            elif text.startswith(("$${", "%%{"), at):
                size = 3
            elif text.startswith(("${", "%{"), at):
                size = 2
                ends.append("}")
            elif text[at] == '"':
                ends.pop()
        elif text[at] == '"':
            ends.append('"')
        elif text[at] in _CLOSING:
            ends.append(_CLOSING[text[at]])
        elif ends and text[at] == ends[-1]:
            ends.pop()
        depths += [max(before, len(ends), 0)] * size
        at += size
    return depths[: len(text)]
