"""The comments that take a finding back, each beside its resource and with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["Skip", "skips", "skips_of_templates", "without_skips"]

_COMMENT = re.compile(
    r"^\s*#\s*(?:checkov:skip=(?P<checkov>[A-Z0-9_]+)(?::|$)|trivy:ignore:(?P<trivy>[A-Z0-9-]+))"
    r"(?P<reason>.*)$"
)
_LEAST = 5  # Words: fewer are no reason.


@dataclass(frozen=True, order=True)
class Skip:
    """A comment at a line (from 1) of a file, the check it takes back, and why."""

    file: PurePosixPath
    line: int
    check: str
    reason: str

    @property
    def reasoned(self) -> bool:
        """Whether there is a reason that says something."""
        return len(self.reason.split()) >= _LEAST

    def __str__(self) -> str:
        return f"{self.check}  {self.file}:{self.line}  {self.reason or '(no reason)'}"


def skips(files: Mapping[PurePosixPath, bytes]) -> Iterator[Skip]:
    """Find the comments in some files."""
    for path, content in sorted(files.items()):
        if path.suffix in {".tf", ".j2"}:
            for number, line in enumerate(content.decode().splitlines(), 1):
                if found := _COMMENT.match(line):
                    check = found["checkov"] or found["trivy"]
                    yield Skip(path, number, check, found["reason"].strip())


def skips_of_templates(root: Path) -> list[Skip]:
    """Find the comments where people write them."""
    paths = (root / "templates").rglob("*.tf.j2")
    return list(skips({PurePosixPath(p.relative_to(root)): p.read_bytes() for p in paths}))


def without_skips(files: Mapping[PurePosixPath, bytes]) -> dict[PurePosixPath, bytes]:
    """The same files with those comments left blank, to see what they take back."""

    def blank(content: bytes) -> bytes:
        lines = content.decode().splitlines(keepends=True)
        return "".join("\n" if _COMMENT.match(line) else line for line in lines).encode()

    return {path: blank(each) if path.suffix == ".tf" else each for path, each in files.items()}
