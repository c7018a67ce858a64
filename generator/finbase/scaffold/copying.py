"""Rename an environment in its text, and find the values that it cannot share with a copy."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

import yaml

from finbase.source.document import Where

_ARN = "arn:"
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def renamed(text: str, old: str, new: str) -> str:
    """Replace the name of a valid environment, also in ``state`` and in the ARNs of modules.

    Comments, layout and quotes stay unchanged.

    >>> renamed('environment: "test"  # mine\\n', "test", "prod")
    'environment: "prod"  # mine\\n'
    """
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    edits: list[tuple[yaml.ScalarNode, str]] = []
    for key, node in top.value if top else ():
        if key.value == "environment":
            edits.append((node, new))
        elif key.value in ("state", "modules"):
            edits += [
                (scalar, _word(old).sub(new, scalar.value))
                for scalar in _scalars(node)
                if key.value == "state" or scalar.value.startswith(_ARN)
            ]
    for node, value in sorted(edits, key=lambda edit: edit[0].start_mark.index, reverse=True):
        if node.value != value:
            start, end = node.start_mark.index, node.end_mark.index
            text = text[:start] + _token(value, node.style) + text[end:]
    return text


def is_text(word: str) -> bool:
    """Return True if every YAML parser reads an unquoted word as text.

    >>> is_text("yes"), is_text("cache")
    (False, True)
    """
    return bool(yaml.safe_load(word) == word)


def mentions(text: str, name: str) -> list[int]:
    """Return the lines, counted from 1, that name an environment in upper or lower case.

    >>> mentions("# For Test.\\nlatest: 1\\n", "test")
    [1]
    """
    word = _word(name)
    return [n for n, line in enumerate(text.splitlines(), 1) if word.search(line.lower())]


def particular(document: Any) -> Iterator[tuple[Where, str]]:
    """Yield the values that environments seldom share, and why."""
    yield ("account_id",), "the AWS account of the environment"
    yield ("tags",), "the owner, the class of the data, the cost centre"
    yield ("state", "bucket"), "must exist before the first `terraform init`"
    for module, section in document["modules"].items():
        for name, value in section.items():
            texts = list(_texts(value))
            if any(map(_is_network, texts)):
                yield (
                    ("modules", module, name),
                    "must not overlap a connected network",
                )
            elif any(map(_MAIL.fullmatch, texts)):
                yield ("modules", module, name), "receives the notifications"
            elif any(text.startswith(_ARN) for text in texts):
                yield ("modules", module, name), "names roles and users of the account"


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])")


def _token(value: str, style: str | None) -> str:
    """Return a value of letters, digits and ``-/_:`` in the quotes of the old one."""
    if style in ("'", '"'):
        return f"{style}{value}{style}"
    if style in ("|", ">"):  # A block scalar includes the line end.
        return f'"{value}"\n'
    return value if is_text(value) else f'"{value}"'


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Yield the values of a node, and not the keys of its mappings."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.CollectionNode):
        for part in node.value:
            yield from _scalars(part[1] if isinstance(part, tuple) else part)


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
