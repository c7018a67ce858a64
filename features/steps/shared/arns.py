"""Find out whether the pattern of an ARN in a policy can match an ARN of a kind.

In a policy, ``*`` stands for any characters, also for colons and slashes, and ``?`` for one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_VARIABLE = re.compile(r"\$\{[^}]*\}")
"""A variable of a policy, such as ${aws:PrincipalTag/x}: it can be any text."""
_SEGMENT, _WORD, _SEPARATOR, _ANY = "<segment>", "<word>", "<separator>", "<any>"
_PART = re.compile(f"({_SEGMENT}|{_WORD}|{_SEPARATOR}|{_ANY}|.)", re.DOTALL)


class _Piece(NamedTuple):
    """One character: ``only`` these, or any ``but`` these; ``many`` for any number of them."""

    only: str
    but: str = ""
    many: bool = False


_PIECES = {
    _SEGMENT: _Piece("", ":", many=True),
    _WORD: _Piece("", ":/", many=True),
    _SEPARATOR: _Piece(":/"),
    _ANY: _Piece("", many=True),
}


def of_name(pattern: str, service: str, name: str) -> bool:
    """Return whether the pattern can match the ARN of a resource with a name, or of a part of it.

    The name can stand after a type, and before a version, a stream or an object. AWS adds six
    characters to the name of a secret. The name can be an ARN as well.

    >>> arn = "arn:aws:lambda:eu-west-1:111122223333:function"
    >>> ends = "a?b:*", "a-b:1", "*-b", "a-b-c", "c:*"
    >>> [of_name(f"{arn}:{end}", "lambda", "a-b") for end in ends]
    [True, True, True, False, False]
    >>> [of_name(f"arn:aws:s3:::{end}", "s3", "a-b") for end in ("a*k/*", "c*k/*")]
    [True, False]
    """
    heads = [_head(service)]
    if name.startswith("arn:"):
        heads = [""]
    elif service != "s3":
        heads.append(f"{heads[0]}{_WORD}{_SEPARATOR}")
    ends = ["", f"{_SEPARATOR}{_ANY}"]
    if service == "secretsmanager":
        ends += ["-??????", f"-??????:{_ANY}"]
    return any(_meet(pattern, head, name, end) for head in heads for end in ends)


def of_kind(pattern: str, service: str, start: str) -> bool:
    """Return whether the pattern can match an ARN of a service whose resource starts with a text.

    >>> of_kind("arn:aws:kms:eu-west-1:111122223333:k*", "kms", "key/")
    True
    """
    return _meet(pattern, _head(service), start, _ANY)


def of_text(pattern: str, text: str, *, more: bool = False) -> bool:
    """Return whether a pattern can match a text, or one that starts with it.

    >>> [of_text(pattern, "AWS/", more=True) for pattern in ("aws/RDS", "*", "Own/AWS/x")]
    [True, True, False]
    """
    return _meet(pattern, "", text, _ANY if more else "")


def _head(service: str) -> str:
    return f"arn:{_SEGMENT}:{service}:{_SEGMENT}:{_SEGMENT}:"


def _meet(pattern: str, before: str, name: str, after: str) -> bool:
    """Return whether a text matches both a pattern of a policy, and what the other three say."""
    one = [_of_policy(c) for c in _VARIABLE.sub("*", pattern).lower()]
    other = [_piece(p) for p in _PART.findall(before.lower())]
    other += [_Piece(c) for c in name.lower()]
    other += [_piece(p) for p in _PART.findall(after)]
    todo, seen = [(0, 0)], set[tuple[int, int]]()
    while todo:
        place = i, j = todo.pop()
        if place in seen:
            continue
        seen.add(place)
        if place == (len(one), len(other)):
            return True
        a = one[i] if i < len(one) else None
        b = other[j] if j < len(other) else None
        if a and a.many:
            todo.append((i + 1, j))
        if b and b.many:
            todo.append((i, j + 1))
        if a and b and _share(a, b):
            todo.append((i if a.many else i + 1, j if b.many else j + 1))
    return False


def _of_policy(character: str) -> _Piece:
    wild = character in "*?"
    return _Piece("" if wild else character, many=character == "*")


def _piece(part: str) -> _Piece:
    return _PIECES.get(part) or _Piece("" if part == "?" else part)


def _share(a: _Piece, b: _Piece) -> bool:
    """Return whether one character fits both."""
    if a.only and b.only:
        return bool({*a.only} & {*b.only})
    return (not a.only and not b.only) or bool({*(a.only or b.only)} - {*a.but, *b.but})
