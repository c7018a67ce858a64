"""Find the comments that suppress a finding, with their reasons.

checkov 3.3 and Trivy 0.59 accept such a comment anywhere in a line: after code, after ``//``, in
``/* */``, checkov even in a string, and both under their former names. This module finds all of
these forms. It also finds comments that a judge ignores; ``make judge`` reports those as unused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_MARK = re.compile(
    r"(?:checkov|bridgecrew|cortex):skip= *(?P<checkov>[\w-]+(?:,[\w-]+)*)?"
    r"|(?:trivy|tfsec):(?:\S+:)?ignore:(?P<trivy>[^\s:]*)\S*"
)
_UNNAMED = "(no check)"
_LEAST = 5  # Words: fewer are no reason.


@dataclass(frozen=True, order=True)
class Skip:
    """A comment at a line (from 1) of a file, one check that it suppresses, and the reason."""

    file: PurePosixPath
    line: int
    check: str
    reason: str

    @property
    def reasoned(self) -> bool:
        """Whether the reason has enough words to explain anything."""
        return len(self.reason.split()) >= _LEAST

    @property
    def beside(self) -> tuple[str, str]:
        """The check and the file without its version, as in the template."""
        parts = list(self.file.parts)
        if parts[0] == "templates":
            del parts[0]
        elif parts[0] == "environments":
            parts[:2] = ["stack"]
        else:
            del parts[2]
        return self.check, "/".join(parts).removesuffix(".j2")

    def __str__(self) -> str:
        return f"{self.check}  {self.file}:{self.line}  {self.reason or '(no reason)'}"


def skips(files: Mapping[PurePosixPath, bytes]) -> Iterator[Skip]:
    """Yield a ``Skip`` for each check that a comment in the files names."""
    for path, content in sorted(files.items()):
        if path.suffix in {".tf", ".j2"}:
            for number, line in enumerate(content.decode().splitlines(), 1):
                for checks, reason in _comments(line):
                    for check in checks.split(","):
                        yield Skip(path, number, check or _UNNAMED, reason)


def _comments(line: str) -> Iterator[tuple[str, str]]:
    """Yield checks and reason of each comment in a line; the next comment ends a reason."""
    marks = list(_MARK.finditer(line))
    ends = [*(mark.start() for mark in marks), len(line)][1:]
    for mark, end in zip(marks, ends, strict=True):
        text = line[mark.end() : end]
        # checkov requires a colon before the reason.
        checkov = mark["trivy"] is None
        reason = "" if checkov and not text.startswith(":") else text
        yield mark["checkov"] or mark["trivy"] or "", reason.strip(":#/* \t")


def skips_of_templates(root: Path) -> list[Skip]:
    """Return the comments in the templates, which are their source."""
    paths = (root / "templates").rglob("*.j2")
    return list(skips({PurePosixPath(p.relative_to(root)): p.read_bytes() for p in paths}))


def uncounted(rendered: Iterable[Skip], counted: Iterable[Skip]) -> Iterator[Skip]:
    """Yield the comments of a rendered tree that the templates do not have.

    Such a comment exists only in a released version, came from a value, or occurs twice.
    """
    left = Counter(skip.beside for skip in counted)
    for skip in rendered:
        if not left[skip.beside]:
            yield skip
        left[skip.beside] -= 1


def without_skips(files: Mapping[PurePosixPath, bytes]) -> dict[PurePosixPath, bytes]:
    """Return the files with these comments disabled, to show what they suppress."""
    return {
        path: _MARK.sub("-", each.decode()).encode() if path.suffix == ".tf" else each
        for path, each in files.items()
    }
