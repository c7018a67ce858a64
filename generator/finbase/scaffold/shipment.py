"""What finbase brings to a project in a repository of its own, and the record of it.

``finbase.lock`` has the SHA-256 of each file that finbase brought. So an update separates files of
finbase from those of the project, and unchanged ones from edited ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

from finbase.contract.lock import PATH as LOCK
from finbase.contract.lock import Lock
from finbase.contract.version import Version
from finbase.errors import FinbaseError
from finbase.project import checksums
from finbase.project.files import ProjectFiles, wrap_os_errors
from finbase.project.shipped import shipped
from finbase.system.packages import Wheel, version, wheel

RECORD: Final = PurePosixPath("finbase.lock")
REQUIREMENTS: Final = PurePosixPath("requirements.txt")
PACKAGES: Final = PurePosixPath("requirements.lock")
WHEELS: Final = PurePosixPath("wheels")

_HEADER = """\
# What finbase brought to this project, with the SHA-256 of each file. `finbase update` writes it.
# Do not edit: an update replaces the files that still have these hashes, and no others.
"""
_VERSION = re.compile(r"^version (\S+)$", re.MULTILINE)
_PIN = re.compile(
    r"^(?P<name>finbase(?:\[[a-z,]+\])?) *== *(?P<version>\S+)(?:(?: |\\\n)+--hash=\S+)*",
    re.MULTILINE,
)
_FOLDERS = ("templates", "features")
_OWN = ("features", "own")
"""The controls of a project itself, which an update never replaces or deletes."""
_OF_FINBASE = ("mutations", "applied")
"""Folders of the features that prove the controls on finbase's own environments."""
_NOTES = ("CHANGELOG.md", "UPGRADING.md")

WITHOUT_HASH: Final = (
    "requirements.txt has no hash of finbase, so `make` refuses to install it; "
    "write `--hash=sha256:…` behind the version, as `pip hash` prints it for the wheel"
)

WITHOUT_WHEEL: Final = (
    "the file from which finbase was installed is gone or changed, so `make` cannot install it: "
    "put {} into wheels/, or let pip find it in your index (`PIP_INDEX_URL`)"
)

Files = Mapping[PurePosixPath, bytes]


class Shipment:
    """The files that the installed finbase brings to a project."""

    @cached_property
    def version(self) -> str:
        """The version of finbase."""
        return version("finbase")

    @cached_property
    def wheel(self) -> Wheel | None:
        """The wheel of finbase, if pip installed it from a file or an address."""
        return wheel("finbase")

    @cached_property
    def wheels(self) -> Files:
        """The wheel as a file of a project; empty if it is not at hand."""
        if self.wheel is None or self.wheel.content is None:
            return {}
        return {WHEELS / self.wheel.name: self.wheel.content}

    def remark(self, requirements: str, present: bytes | None = None) -> str:
        """Return what a project with this pin still needs before it can be installed, or "".

        ``present`` is the file in the project that has the name of the wheel.
        """
        if without_hash(requirements):
            return WITHOUT_HASH
        if self.wheel is None or self.wheels:
            return ""
        if present is not None and checksums.digest(present) == self.wheel.sha256:
            return ""
        return WITHOUT_WHEEL.format(self.wheel.name)

    def pinned(self, requirements: str) -> str:
        """Return the text of ``requirements.txt`` with the installed finbase."""
        return pinned(requirements, self.version, self.wheel.sha256 if self.wheel else None)

    @cached_property
    def lock(self) -> Lock:
        """The releases that finbase has."""
        return Lock.parse((shipped("modules") / LOCK.name).read_bytes())

    @cached_property
    def newest(self) -> Mapping[str, Version]:
        """The newest release of each module."""
        return {name: self.lock.released(name)[-1] for name, _ in self.lock.hashes}

    @cached_property
    def files(self) -> Files:
        """Templates, features, changelogs of modules, locked packages: what an update replaces."""
        files = {PACKAGES: (shipped("requirements") / "run.lock").read_bytes()}
        for folder in _FOLDERS:
            for path, content in _below(shipped(folder)):
                if path.parts[0] not in _OF_FINBASE:
                    files[PurePosixPath(folder, path)] = content
        for module in self.newest:
            for name in _NOTES:
                note = shipped("modules") / module / name
                if note.is_file():
                    files[PurePosixPath("modules", module, name)] = note.read_bytes()
        return files

    def release(self, module: str, number: Version) -> Files:
        """Return the files of a released version.

        Raises ``FinbaseError`` if they do not have the hash that finbase was released with.
        """
        folder = PurePosixPath("modules", module, str(number))
        files = dict(_below(shipped("modules") / module / str(number)))
        digests = {str(path): checksums.digest(content) for path, content in files.items()}
        if checksums.tree_hash(digests) != self.lock.hashes[module, number]:
            raise FinbaseError(
                f"{module} {number} of the installed finbase is damaged",
                "install its wheel again: pip install --force-reinstall --no-deps FILE",
            )
        return {folder / path: content for path, content in files.items()}


@dataclass(frozen=True)
class Record:
    """The content of ``finbase.lock``: the version that wrote it, and path → SHA-256."""

    version: str
    hashes: Mapping[str, str]

    @classmethod
    def of(cls, shipment: Shipment) -> Record:
        """Return the record of a project that has all files of a shipment."""
        hashes = {str(path): checksums.digest(data) for path, data in shipment.files.items()}
        return cls(shipment.version, hashes)

    @classmethod
    def load(cls, root: Path) -> Record:
        """Read the record of a project; raises ``FinbaseError`` if it has none."""
        with wrap_os_errors("read"):
            file = ProjectFiles(root).resolve(RECORD)
            content = file.read_bytes() if file.exists() else b""
        match = _VERSION.search(content.decode(errors="replace"))
        if not match:
            raise FinbaseError(
                f"{root} has no valid {RECORD}, which lists the files of finbase",
                "`finbase init` writes it; in a clone of finbase, merge its main branch instead",
            )
        return cls(match[1], checksums.parse(content))

    @property
    def paths(self) -> tuple[PurePosixPath, ...]:
        """The recorded files in folders of finbase; an update may delete these."""
        paths = (PurePosixPath(name) for name in self.hashes if "\0" not in name)
        return tuple(p for p in paths if p.parts[0] in _FOLDERS and p.parts[:2] != _OWN)

    def text(self) -> bytes:
        """Return the content of the file."""
        return f"{_HEADER}version {self.version}\n{checksums.listing(self.hashes)}".encode()


def refuse_shipped(root: Path, module: str) -> None:
    """Raise ``FinbaseError`` if finbase brought a module to a project, and brings its releases.

    A release of the project would take a version that finbase can release as well, and then no
    update could be written.
    """
    if not (root / RECORD).is_file():
        return
    if f"templates/modules/{module}/contract.yaml" in Record.load(root).hashes:
        raise FinbaseError(
            f"{module} is a module of finbase, so a release of your own would stop every update",
            f"copy templates/modules/{module} to another name, write it as `name` into its "
            f"contract.yaml, restore {module}, and release the copy",
        )


def pinned(requirements: str, number: str, sha256: str | None) -> str:
    """Return the text of ``requirements.txt`` with another version of finbase.

    Without the hash of its wheel, the pin of another version has none, and pip refuses it.

    >>> pinned("# Tools.\\nfinbase==0.1.0 --hash=sha256:a\\n", "0.2.0", "b")
    '# Tools.\\nfinbase==0.2.0 --hash=sha256:b\\n'
    >>> pinned("finbase==0.1.0 --hash=sha256:a\\n", "0.2.0", None)
    'finbase==0.2.0\\n'
    >>> pinned("finbase==0.1.0 --hash=sha256:a\\n", "0.1.0", None)
    'finbase==0.1.0 --hash=sha256:a\\n'
    """

    def line(pin: re.Match[str]) -> str:
        if sha256 is None and pin["version"] == number:
            return pin[0]
        hashed = f" --hash=sha256:{sha256}" if sha256 else ""
        return f"{pin['name']}=={number}{hashed}"

    return _PIN.sub(line, requirements, count=1)


def without_hash(requirements: str) -> bool:
    """Return whether a ``requirements.txt`` pins finbase without the hash of its wheel."""
    pin = _PIN.search(requirements)
    return pin is not None and "--hash" not in pin[0]


def _below(folder: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the files below a folder, without hidden and compiled ones."""
    for path in sorted(folder.rglob("*")):
        relative = PurePosixPath(path.relative_to(folder).as_posix())
        hidden = any(part.startswith((".", "__pycache__")) for part in relative.parts)
        if path.is_file() and not hidden:
            yield relative, path.read_bytes()
