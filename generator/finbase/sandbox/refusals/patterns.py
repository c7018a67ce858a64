r"""Regular expressions of AWS's service models, which are those of Java, as Python's.

Python's ``re`` has no Unicode categories such as ``\p{L}``, so they become ranges of characters.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

_CATEGORY = re.compile(r"\\p\{(\w+)\}")
_CLASS_BEFORE_HYPHEN = re.compile(r"(\\[wds])-(?=[^\]])")


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Return the Python form of a pattern; match it with ``fullmatch``, as AWS does.

    >>> bool(compile_pattern(r"[\p{L}\p{N} -]+").fullmatch("Zoë 2"))
    True
    >>> bool(compile_pattern(r"[\w-_]*").fullmatch("é"))
    False
    """
    # Java reads the hyphen in [\w-_] as a hyphen; Python refuses it as a bad range.
    pattern = _CLASS_BEFORE_HYPHEN.sub(r"\1\\-", pattern)
    return re.compile(_CATEGORY.sub(lambda match: _ranges(match[1]), pattern), re.ASCII)


@cache
def _ranges(category: str) -> str:
    """Return the characters of a Unicode category as the content of a character class."""
    # Of the two letters of a category, only the first is a capital: no run starts within one.
    runs = re.finditer(f"(?:{category:.<2})+", _categories())
    return "".join(f"\\U{run.start() // 2:08x}-\\U{run.end() // 2 - 1:08x}" for run in runs)


@cache
def _categories() -> str:
    """Return the categories of all characters, two letters for each."""
    return "".join(map(unicodedata.category, map(chr, range(sys.maxunicode + 1))))
