"""Scalars of YAML: what an unquoted one means, and how messages show values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

_CONSTANTS: Final[Mapping[str, bool | None]] = {
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
}
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,15}")
_LONGEST_NAME: Final = 64
_SIMILAR: Final = 0.3
"""The similarity of what two names do not have in common, so that one may be meant."""


def printable(text: str, most: int = 60) -> str:
    r"""Return the text as a message can show it: printable, on one line, and shortened.

    >>> printable("two\nlines")
    'two\\nlines'
    >>> printable("production", most=5)
    'prod…'
    """
    short = text if len(text) <= most else f"{text[: most - 1]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)


@lru_cache(maxsize=4096)
def plain(text: str) -> bool | int | float | str | None:
    """Return the value of an unquoted scalar.

    It is a number only if writing the number produces the same text: versions and times stay text.

    >>> [plain(text) for text in ("16", "1.5", "true", "~")]
    [16, 1.5, True, None]
    >>> [plain(text) for text in ("1.20", "1.0.0", "0x10", "no", "12:30")]
    ['1.20', '1.0.0', '0x10', 'no', '12:30']
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text) and str(int(text)) == text:
        return int(text)
    if _DECIMAL.fullmatch(text) and repr(float(text)) == text:
        return float(text)
    return text


def as_yaml(value: Any) -> str:
    """Write a value as YAML on one line, with quotes only where the text would mean another value.

    >>> as_yaml("ledger"), as_yaml("17"), as_yaml(17), as_yaml(["a", 1])
    ('ledger', '"17"', '17', '["a", 1]')
    """
    # A leading zero gets quotes too: other YAML readers take such a text for an octal number.
    if isinstance(value, str) and isinstance(plain(value), str) and not value.startswith("0"):
        return value
    return json.dumps(value, ensure_ascii=False)


def listed(values: Iterable[Any], most: int = 12) -> str:
    """Return the values as YAML, separated by commas; ``most`` of them at the most.

    >>> listed(["kms", "secret", "17"])
    'kms, secret, "17"'
    >>> listed(range(1000), most=3)
    '0, 1, 2, …'
    """
    texts = [as_yaml(value) for value in values]
    return ", ".join(texts[:most]) + (", …" if len(texts) > most else "")


def closest(name: str, names: Iterable[Any]) -> str | None:
    """Return a hint at the most similar of ``names``, or None if no name is similar.

    >>> closest("databse", ["database", "cache"])
    'did you mean `database`?'
    >>> closest("x", ["database", "cache"])

    A common word is not enough, because the other word says what is meant:

    >>> closest("storage_type", ["storage_throughput"])
    >>> closest("storage_troughput", ["storage_throughput"])
    'did you mean `storage_throughput`?'
    """
    match = nearest(name, names)
    return f"did you mean `{match}`?" if match else None


def nearest(name: str, names: Iterable[Any]) -> str | None:
    """Return the most similar of ``names``, or None if no name is similar; see ``closest``."""
    # Imported here: difflib is slow to load, and a valid file needs no hint.
    from difflib import SequenceMatcher, get_close_matches

    if len(name) > _LONGEST_NAME:  # Comparing takes the square of the length.
        return None
    for match in get_close_matches(name, [str(candidate) for candidate in names]):
        one, other = _without_common_words(name, match)
        if not one or not other or SequenceMatcher(None, one, other).ratio() >= _SIMILAR:
            return match
    return None


def _without_common_words(one: str, other: str) -> tuple[str, str]:
    """Return two names without the words at the start and at the end that both have."""
    left, right = one.split("_"), other.split("_")
    for end in (0, -1):
        while left and right and left[end] == right[end]:
            del left[end], right[end]
    return "_".join(left), "_".join(right)


def with_closest(name: str, names: Iterable[Any], hint: str) -> str:
    """Return the hint, after a hint at the most similar of ``names`` if one is similar.

    >>> with_closest("databse", ["database", "cache"], "it has database, cache")
    'did you mean `database`? it has database, cache'
    """
    near = closest(name, names)
    return f"{near} {hint}" if near else hint
