"""Feature files: a copy to be judged by; as text, their scenarios, with tags and lines."""

from __future__ import annotations

import re
import shutil
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

from finbase.errors import ComplianceError

__all__ = ["IGNORED", "Feature", "Scenario", "copy_features", "read_feature"]

IGNORED = shutil.ignore_patterns("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")
"""What of a folder tools have made and nobody has written, for ``shutil.copytree``.

Compiled steps are among it: Python takes them for those of a source of the same size and time,
whatever the source says by now.
"""

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


def copy_features(features: Path, target: Path) -> None:
    """Copy the folder of the features, links followed, to ``target``, which must not be there.

    Raises ``ComplianceError`` where something in it cannot be copied, or is no file.
    """
    try:
        shutil.copytree(features, target, ignore=IGNORED, copy_function=_copy_file)
    except shutil.Error as error:
        path, _, why = error.args[0][0]
        raise ComplianceError(
            f"{path} cannot be read: {why}", "mend it, or take it out of the features"
        ) from error
    except OSError as error:
        raise ComplianceError(
            f"{features} cannot be copied to be judged by: {error}",
            "there has to be room for temporary files; TMPDIR names another place for them",
        ) from error


def _copy_file(source: str, target: str) -> None:
    if not Path(source).is_file():  # To read a pipe would be to wait for ever.
        raise shutil.SpecialFileError("it is neither a file nor a folder, nor a link to one")
    shutil.copyfile(source, target)


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
