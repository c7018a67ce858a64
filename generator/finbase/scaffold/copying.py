"""An environment's text under another name, and what else in it is an environment's own."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

import yaml

from finbase.source.document import Where

__all__ = ["is_text", "mentions", "particular", "renamed"]

_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def renamed(text: str, old: str, new: str) -> str:
    """Replace the name of a valid environment in its text: its own, and in the words of its state.

    Nothing else changes: neither comments nor layout, nor quotes.
    """
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    edits: list[tuple[yaml.ScalarNode, str]] = []
    for key, node in top.value if top else ():
        if key.value == "environment":
            edits.append((node, new))
        elif key.value == "state":
            edits += [(value, _word(old).sub(new, value.value)) for _, value in node.value]
    for node, value in sorted(edits, key=lambda edit: edit[0].start_mark.index, reverse=True):
        if node.value != value:
            start, end = node.start_mark.index, node.end_mark.index
            text = text[:start] + _token(value, node.style) + text[end:]
    return text


def is_text(word: str) -> bool:
    """Whether every reader of YAML takes a word without quotes as text; `no` is false for some."""
    return bool(yaml.safe_load(word) == word)


def mentions(text: str, name: str) -> list[int]:
    """The lines, counted from 1, that name an environment, in small letters or not."""
    word = _word(name)
    return [n for n, line in enumerate(text.splitlines(), 1) if word.search(line.lower())]


def particular(value: Any) -> Iterator[tuple[Where, str]]:
    """Yield the values of an environment that another one hardly ever shares, and why."""
    yield ("account_id",), "the one account that it can be applied to"
    yield ("tags",), "the owner, the class of the data, the cost centre"
    yield ("state", "bucket"), "has to be there before the first `terraform init`"
    for module, section in value["modules"].items():
        for name, given in section.items():
            texts = list(_texts(given))
            if any(map(_is_network, texts)):
                yield (
                    ("modules", module, name),
                    "must not overlap with a network that is connected to it",
                )
            elif any(map(_MAIL.fullmatch, texts)):
                yield ("modules", module, name), "who is written to"


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])")


def _token(value: str, style: str | None) -> str:
    """Write a value of letters, digits and ``-/_:``, in the quotes that it had."""
    if style in ("'", '"'):
        return f"{style}{value}{style}"
    if style in ("|", ">"):  # a block ends with its line
        return f'"{value}"\n'
    return value if is_text(value) else f'"{value}"'


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return "/" in text
