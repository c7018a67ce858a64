"""The comments that take a finding back, each beside its resource and with its reason.

checkov 3.3 and Trivy 0.59 obey one anywhere in a line: behind code, after ``//``, within ``/* */``,
checkov even within a string, and both under the names that they had before. So each of those is
found here, also one that its judge would not obey: that one takes nothing back, and is told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["Skip", "skips", "skips_of_templates", "uncounted", "without_skips"]

_MARK = re.compile(
    r"(?:checkov|bridgecrew|cortex):skip= *(?P<checkov>[\w-]+(?:,[\w-]+)*)?"
    r"|(?:trivy|tfsec):(?:\S+:)?ignore:(?P<trivy>[^\s:]*)\S*"
)
_UNNAMED = "(no check)"
_LEAST = 5  # Words: fewer are no reason.


@dataclass(frozen=True, order=True)
class Skip:
    """A comment at a line (from 1) of a file, one check that it takes back, and why."""

    file: PurePosixPath
    line: int
    check: str
    reason: str

    @property
    def reasoned(self) -> bool:
        """Whether there is a reason that says something."""
        return len(self.reason.split()) >= _LEAST

    @property
    def beside(self) -> tuple[str, str]:
        """The check and the file without its version: as they are in the template, too."""
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
    """Find the comments in some files: one ``Skip`` for each check that they name."""
    for path, content in sorted(files.items()):
        if path.suffix in {".tf", ".j2"}:
            for number, line in enumerate(content.decode().splitlines(), 1):
                for checks, reason in _said(line):
                    for check in checks.split(","):
                        yield Skip(path, number, check or _UNNAMED, reason)


def _said(line: str) -> Iterator[tuple[str, str]]:
    """Yield the checks and the reason of each comment in a line; a reason ends with the next."""
    marks = list(_MARK.finditer(line))
    ends = [*(mark.start() for mark in marks), len(line)][1:]
    for mark, end in zip(marks, ends, strict=True):
        text = line[mark.end() : end]
        # checkov itself takes only what follows a colon for the reason.
        checkov = mark["trivy"] is None
        reason = "" if checkov and not text.startswith(":") else text
        yield mark["checkov"] or mark["trivy"] or "", reason.strip(":#/* \t")


def skips_of_templates(root: Path) -> list[Skip]:
    """Find the comments where people write them."""
    paths = (root / "templates").rglob("*.j2")
    return list(skips({PurePosixPath(p.relative_to(root)): p.read_bytes() for p in paths}))


def uncounted(rendered: Iterable[Skip], counted: Iterable[Skip]) -> Iterator[Skip]:
    """Yield the comments of a rendered tree that are not those of the templates.

    Such a one stands in a released version alone, came of a value, or was written more than once.
    """
    left = Counter(each.beside for each in counted)
    for each in rendered:
        if not left[each.beside]:
            yield each
        left[each.beside] -= 1


def without_skips(files: Mapping[PurePosixPath, bytes]) -> dict[PurePosixPath, bytes]:
    """The same files with those comments made powerless, to see what they take back."""
    return {
        path: _MARK.sub("-", each.decode()).encode() if path.suffix == ".tf" else each
        for path, each in files.items()
    }
