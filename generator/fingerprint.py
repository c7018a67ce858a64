"""All that decides a verdict, as hashes: where none of them changes, the verdict does not either.

What a project can change is hashed by content. Programs of hundreds of megabytes are known by
place, size, times and inode: one that is replaced has another change time, whatever its
modification time is set to.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from generator.offline import IGNORED, used_folders
from generator.provider import Installation, origins
from generator.terraform import Terraform, isolated_environ

__all__ = ["Deciders"]

_JUDGES = ("terraform_compliance", "radish")
_SETTINGS = re.compile(r"(PYTHON|TF_|TFC_|TOFU_|OPENTOFU_|RADISH_).*")
_MADE = frozenset(("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"))

Ignore = Callable[[str, list[str]], set[str]]


class Deciders:
    """The deciders of the verdicts on one project, each hashed once: for one run, not longer."""

    def __init__(
        self,
        root: Path,
        terraform: Terraform,
        provider: Installation,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._root = root.resolve()
        self._terraform = terraform
        self._provider = provider
        self._environ = os.environ if environ is None else environ
        self._folders: dict[Path, str] = {}

    def of(self, environment: str) -> dict[str, str]:
        """Return the hashes that decide the verdict on an environment, by what each is of.

        Raises ``OSError`` where something cannot be read, and ``TerraformError`` where the
        stack uses what lies outside of the project.
        """
        stack = self._root / "environments" / environment
        used = sorted(used_folders(stack, self._root))
        parts = [part for folder in used for part in (self._place(folder), self._content(folder))]
        return {**self._common, "environment": _hash([environment]), "stack": _hash(parts)}

    @cached_property
    def _common(self) -> dict[str, str]:
        return {
            "finbase": _tree(Path(__file__).parent),
            "python": _hash([sys.version, sys.platform, os.path.realpath(sys.executable)]),
            "packages": _hash(_packages()),
            "settings": _hash(self._settings()),
            "terraform": _hash([repr(self._terraform), *_stamps(self._terraform.path)]),
            "provider": _hash(self._sources()),
            "templates": _tree(self._root / "templates"),
            "features": _tree(self._root / "features"),
        }

    def _place(self, folder: Path) -> str:
        return folder.relative_to(self._root).as_posix()

    def _content(self, folder: Path) -> str:
        if folder not in self._folders:
            self._folders[folder] = _tree(folder, IGNORED)
        return self._folders[folder]

    def _settings(self) -> Iterator[str]:
        for name, value in sorted(isolated_environ(self._environ).items()):
            if _SETTINGS.fullmatch(name):
                yield f"{name}={value}"

    def _sources(self) -> Iterator[str]:
        texts, folders = origins(self._terraform, self._provider, self._environ)
        yield from texts
        for folder in folders:
            yield from _stamps(folder)


def _packages() -> Iterator[str]:
    """Yield what says which packages are installed, and what the judging ones hold."""
    for folder in dict.fromkeys(sys.path):
        try:
            names = [path.name for path in Path(folder).iterdir()]
        except OSError:
            continue  # An archive of the standard library, or nothing.
        yield from sorted(name for name in names if name.endswith((".dist-info", ".egg-info")))
    for name in _JUDGES:
        spec = find_spec(name)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            yield _tree(Path(folder))


def _stamps(place: Path) -> Iterator[str]:
    """Yield what tells that a file, or any file below a folder, was replaced or changed."""
    real = Path(os.path.realpath(place))
    for path in _files(real) if real.is_dir() else [real]:
        try:
            status = path.stat()
        except OSError:
            yield f"{path} is not there"
            continue
        times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
        yield f"{path} {status.st_size} {times} {status.st_dev} {status.st_ino}"


def _tree(folder: Path, ignore: Ignore = lambda *_: set()) -> str:
    """Hash names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for path in _files(folder, ignore):
        content = path.read_bytes()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{len(name)} {len(content)} {name}".encode(errors="surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


def _files(folder: Path, ignore: Ignore = lambda *_: set()) -> Iterator[Path]:
    """Yield the files below a folder in a fixed order, links followed, nothing compiled."""
    for parent, folders, names in os.walk(folder, followlinks=True):
        ignored = ignore(parent, [*folders, *names]) | _MADE
        folders[:] = sorted(name for name in folders if name not in ignored)
        yield from (Path(parent, name) for name in sorted(names) if name not in ignored)


def _hash(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)} {part}".encode(errors="surrogateescape"))
    return digest.hexdigest()
