"""Read and write ``modules/releases.lock``: the released versions and the hash of each.

The file has one sorted line per release, ``<module> <version> h1:<hash>``, so that branches that
release different modules merge without a conflict. The hash is ``checksums.tree_hash`` of all
files in ``modules/<module>/<version>/``. If this file is unchanged, no release has changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from finbase import codes
from finbase.contract.version import Version
from finbase.errors import Diagnostic, InputError
from finbase.project.files import ProjectFiles, wrap_os_errors
from finbase.source.syntax import INVISIBLE

PATH = PurePosixPath("modules/releases.lock")

_HEADER = """\
# Released versions never change: a line for each, with the hash of its files.
# Written by finbase release. Do not edit; on a merge conflict keep the lines of both sides.
"""
_LINE = re.compile(r"([a-z][a-z0-9_]*) (\d+\.\d+\.\d+) (h1:[A-Za-z0-9+/]{43}=)", re.ASCII)
_MERGE = "a merge conflict"
_CONFLICT = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")


@dataclass(frozen=True)
class Lock:
    """The released versions: (module, version) → hash."""

    hashes: Mapping[tuple[str, Version], str] = field(default_factory=dict)

    def released(self, module: str) -> tuple[Version, ...]:
        """Return the released versions of a module, oldest first."""
        return tuple(sorted(version for name, version in self.hashes if name == module))

    def __contains__(self, release: tuple[str, Version]) -> bool:
        return release in self.hashes

    def with_release(self, module: str, version: Version, tree_hash: str) -> Lock:
        """Return a copy of the lock with one more release."""
        return Lock({**self.hashes, (module, version): tree_hash})

    def line(self, module: str, version: Version) -> str:
        """Return the line of a release, without a line end."""
        return f"{module} {version} {self.hashes[module, version]}"

    def text(self) -> str:
        """Return the content of the file."""
        return _HEADER + "".join(f"{self.line(*release)}\n" for release in sorted(self.hashes))

    @classmethod
    def load(cls, root: Path) -> Lock:
        """Read the lock of a project; without one, the project has no releases.

        Raises ``InputError`` as ``parse`` does, and ``TreeError`` if it cannot be read.
        """
        with wrap_os_errors("read"):
            file = ProjectFiles(root).resolve(PATH)
            return cls.parse(file.read_bytes()) if file.exists() else cls()

    @classmethod
    def parse(cls, content: bytes) -> Lock:
        """Read the file.

        Raises ``InputError`` with all invalid lines, and all releases with two hashes.
        """
        text = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
        hashes: dict[tuple[str, Version], str] = {}
        wrong = []
        for number, line in enumerate(text.split("\n"), 1):
            try:
                if (found := _release(line)) is None:
                    continue
                release, tree_hash = found
                if hashes.setdefault(release, tree_hash) != tree_hash:
                    raise ValueError(f"{release[0]} {release[1]} has another hash above")
            except ValueError as error:
                what, hint = str(error), f"restore the committed file: git checkout HEAD -- {PATH}"
                if what == _MERGE:
                    hint = "keep the lines of both sides and delete the conflict markers"
                wrong.append(Diagnostic(str(PATH), number, 1, codes.LOCK, what, hint))
        if wrong:
            raise InputError(wrong)
        return cls(hashes)


def _release(line: str) -> tuple[tuple[str, Version], str] | None:
    """Read a line; None if it is empty or a comment. Raises ``ValueError`` if it is invalid."""
    if hidden := INVISIBLE.search(line):
        raise ValueError(f"invisible character U+{ord(hidden[0]):04X}")
    if not line or line.startswith("#"):
        return None
    if match := _LINE.fullmatch(line):
        return (match[1], Version.parse(match[2])), match[3]
    if line.startswith(_CONFLICT):
        raise ValueError(_MERGE)
    raise ValueError(f"{line[:60]!r} is not <module> <version> <hash>")
