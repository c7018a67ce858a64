"""Expressions of HCL as text on one line, and what they stand for.

Locals, and arguments of resources beside them, are put in their place, so a name that is changed
where it is defined is seen to change wherever it is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["expand", "one_line", "renamed"]

_REFERENCE = re.compile(r"(?<![\w.-])(?:local\.[\w-]+|(?!data\.)[a-z]\w*\.[\w-]+\.\w+)(?![\w(-])")
_SIMPLE = re.compile(r'[\w.]+|"[^"]*"')
_PLAIN_IN_TEXT = re.compile(r'\$\{"((?:[^"\\$]|\$\{[^"{}]*\})*)"\}')
_LONGEST = 100_000


def expand(text: str, meanings: Mapping[str, str], around: frozenset[str] = frozenset()) -> str:
    """Put what references mean in their place, and so on in that; ``around`` stays as it is."""

    def meaning(match: re.Match[str]) -> str:
        name = match[0]
        if name not in meanings or name in around or len(text) > _LONGEST:
            return name
        inner = expand(meanings[name], meanings, around | {name})
        return inner if name == text or _SIMPLE.fullmatch(inner) else f"({inner})"

    expanded = _REFERENCE.sub(meaning, text)
    if expanded == text:
        return text
    expanded = re.sub(r'\$\{\(("(?:[^"\\]|\\.)*")\)\}', r"${\1}", expanded)
    return _PLAIN_IN_TEXT.sub(r"\1", expanded)


def renamed(text: str, moves: Mapping[str, str]) -> str:
    """Call resources in an expression as they are called after moves, by their address."""
    for old, new in moves.items():
        if old in text:
            text = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w-])", lambda _: new, text)  # noqa: B023
    return text


def one_line(value: Any) -> str:
    """Write a serialized expression on one line, as HCL would."""
    if isinstance(value, str):
        whole = value.startswith("${") and value.endswith("}")
        return " ".join((value[2:-1] if whole else value).split("\n"))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(one_line, value))}]"
    if isinstance(value, dict):
        entries = sorted((str(key).strip('"'), one_line(each)) for key, each in value.items())
        return f"{{{', '.join(f'{key} = {text}' for key, text in entries)}}}"
    return str(value)
