"""Feature files as text: their scenarios, with the tags and the line of each."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["Feature", "Scenario", "read_feature"]

_HEAD = re.compile(r"\s*(Feature|Scenario|Scenario Outline):\s*(.+)")


@dataclass(frozen=True)
class Scenario:
    """One scenario: ``text`` is all below its title, without the indentation.

    ``tags`` are without the ``@``; ``line`` is that of the title, the first being 1.
    """

    title: str
    tags: tuple[str, ...]
    line: int
    text: str


@dataclass(frozen=True)
class Feature:
    """One feature file; ``words`` is what stands between its title and the first scenario."""

    path: str
    title: str
    words: str
    scenarios: tuple[Scenario, ...]


def read_feature(path: Path) -> Feature:
    """Read a feature file."""
    title, words, tags = "", list[str](), list[str]()
    scenarios, bodies = list[Scenario](), list[list[str]]()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        head = _HEAD.fullmatch(line)
        if line.strip().startswith("@"):
            tags += [tag.removeprefix("@") for tag in line.split()]
        elif head and head[1] == "Feature":
            title, tags = head[2], []
        elif head:
            scenarios.append(Scenario(head[2], tuple(tags), number, ""))
            bodies.append([])
            tags = []
        else:
            (bodies[-1] if bodies else words).append(line)
    texts = [textwrap.dedent("\n".join(body)).strip("\n") for body in bodies]
    scenarios = [replace(each, text=text) for each, text in zip(scenarios, texts, strict=True)]
    words = [line.strip() for line in words]
    return Feature(path.name, title, "\n".join(words).strip(), tuple(scenarios))
