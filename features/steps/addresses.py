"""Addresses and references as a plan writes them: ``module.a["x"].aws_y.z[0].attribute``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

Key = str | int | None
ModulePath = tuple[tuple[str, Key], ...]

_CALL = re.compile(r'module\.([\w-]+)(?:\[(?:"((?:[^"\\]|\\.)*)"|(\d+))\])?')
_TOKEN = re.compile(r'([\w-]+)|\[(?:"((?:[^"\\]|\\.)*)"|(\d+))\]')


def whole(references: Iterable[str]) -> Iterator[str]:
    """Yield the references of an expression without the shorter forms that follow each."""
    last = ""
    for reference in references:
        if not (last.startswith((f"{reference}.", f"{reference}["))):
            yield reference
        last = reference


def tokens(reference: str) -> list[Any]:
    """Split ``a.b["c"].d[0]`` into ``["a", "b", ("c",), "d", 0]``."""
    return [
        name or ((text,) if not number else int(number))
        for name, text, number in _TOKEN.findall(reference)
    ]


def dotted(tokens: Iterable[Any]) -> str:
    """Join what remains of a reference: the attribute that it ends at."""
    return ".".join(str(each[0] if isinstance(each, tuple) else each) for each in tokens)


def module_path(address: str) -> ModulePath:
    """Read the address of a module instance; nothing for the root."""
    return tuple(
        (name, int(number) if number else (text or None))
        for name, text, number in _CALL.findall(address)
    )


def prefix(module: ModulePath) -> str:
    """Write the address of a module instance, as the beginning of an address in it."""

    def index(key: Key) -> str:
        return "" if key is None else f'["{key}"]' if isinstance(key, str) else f"[{key}]"

    return "".join(f"module.{name}{index(key)}." for name, key in module)
