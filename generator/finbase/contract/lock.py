"""``modules/releases.lock``: which versions of which modules are released, and the hash of each.

A line for each release, sorted, so that two branches that release different modules merge by
themselves: ``<module> <version> h1:<hash>``. The hash is ``checksums.tree_hash`` of all files of
``modules/<module>/<version>/``. Who may not change a release need only see this file unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from finbase import codes
from finbase.contract.version import Version
from finbase.errors import Diagnostic, InputError
from finbase.project.files import ProjectFiles, told

__all__ = ["PATH", "Lock"]

PATH = PurePosixPath("modules/releases.lock")

_HEADER = """\
# Released versions never change: a line for each, with the hash of its files.
# Written by finbase release. Do not edit; on a merge conflict keep the lines of both sides.
"""
_LINE = re.compile(r"([a-z][a-z0-9_]*) (\d+\.\d+\.\d+) (h1:[A-Za-z0-9+/]{43}=)", re.ASCII)
_CONFLICT = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")


@dataclass(frozen=True)
class Lock:
    """The released versions: (module, version) → hash."""

    hashes: Mapping[tuple[str, Version], str] = field(default_factory=dict)

    def released(self, module: str) -> tuple[Version, ...]:
        """Name the released versions of a module, oldest first."""
        return tuple(sorted(version for name, version in self.hashes if name == module))

    def __contains__(self, release: tuple[str, Version]) -> bool:
        return release in self.hashes

    def with_release(self, module: str, version: Version, tree_hash: str) -> Lock:
        """Give the lock with one more release in it."""
        return Lock({**self.hashes, (module, version): tree_hash})

    def line(self, module: str, version: Version) -> str:
        """Write the line of a release, without its end."""
        return f"{module} {version} {self.hashes[module, version]}"

    def text(self) -> str:
        """Write the file."""
        return _HEADER + "".join(f"{self.line(*release)}\n" for release in sorted(self.hashes))

    @classmethod
    def load(cls, root: Path) -> Lock:
        """Read the lock of a project; a project without one has released nothing.

        Raises ``InputError`` as ``parse`` does, and ``TreeError`` where it cannot be read.
        """
        with told("read"):
            place = ProjectFiles(root).place(PATH)
            return cls.parse(place.read_bytes()) if place.exists() else cls()

    @classmethod
    def parse(cls, content: bytes) -> Lock:
        """Read the file.

        Raises ``InputError`` for each line that is none, and for a release that is named twice
        with different hashes.
        """
        lines = content.decode(errors="replace").replace("\r\n", "\n").split("\n")
        hashes: dict[tuple[str, Version], str] = {}
        wrong = []
        for number, line in enumerate(lines, 1):
            if not line or line.startswith("#"):
                continue
            match = _LINE.fullmatch(line)
            if match is None:
                if line.startswith(_CONFLICT):
                    hint = "keep the lines of both sides, and delete the markers"
                    wrong.append(_wrong(number, "a merge conflict", hint))
                else:
                    what = f"{line[:60]!r} is not <module> <version> <hash>"
                    wrong.append(_wrong(number, what))
                continue
            try:
                release = (match[1], Version.parse(match[2]))
            except ValueError as error:
                wrong.append(_wrong(number, str(error)))
                continue
            if hashes.setdefault(release, match[3]) != match[3]:
                wrong.append(_wrong(number, f"{match[1]} {match[2]} is there with another hash"))
        if wrong:
            raise InputError(wrong)
        return cls(hashes)


def _wrong(
    line: int,
    what: str,
    hint: str = f"put the file back as it was committed: git checkout HEAD -- {PATH}",
) -> Diagnostic:
    return Diagnostic(str(PATH), line, 1, codes.LOCK, what, hint)
