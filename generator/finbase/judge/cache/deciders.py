"""All that decides a verdict, as hashes: where none of them changes, the verdict does not either.

What a project can change is hashed by content. Programs of hundreds of megabytes are known by
place, size, times and inode: one that is replaced has another change time, whatever its
modification time is set to.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from importlib.machinery import all_suffixes
from importlib.util import find_spec
from pathlib import Path

from finbase.judge import features as feature_files
from finbase.terraform.offline import IGNORED, used_folders
from finbase.terraform.program import Terraform, isolated_environ
from finbase.terraform.provider import Installation, origins

__all__ = ["VerdictInputs", "features_hash", "files", "installed", "stack_hash"]

_JUDGES = ("terraform_compliance", "radish")
_INSTALLED = (".dist-info", ".egg-info", ".pth", *all_suffixes())
_SETTINGS = re.compile(r"(PYTHON|TF_|TFC_|TOFU_|OPENTOFU_|RADISH_).*")

Ignore = Callable[[str, list[str]], set[str]]


class VerdictInputs:
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
        stack = (self._root / "environments" / environment).resolve()
        return self.given(environment, stack_hash(self._root, stack, self._folders), self._features)

    def given(self, environment: str, stack: str, features: str) -> dict[str, str]:
        """Return them for a stack and features that were hashed already; raises as above."""
        own = {"environment": _hash([environment]), "stack": stack, "features": features}
        return {**self._common, **own}

    @cached_property
    def _features(self) -> str:
        return features_hash(self._root / "features")

    @cached_property
    def _common(self) -> dict[str, str]:
        return {
            "finbase": _tree(Path(__file__).parents[2]),
            "python": _hash([sys.version, sys.platform, os.path.realpath(sys.executable)]),
            "packages": _hash(_packages()),
            "settings": _hash(self._settings()),
            "terraform": _hash([repr(self._terraform), *_stamps(self._terraform.path)]),
            "provider": _hash(self._sources()),
            "templates": _tree(self._root / "templates"),
        }

    def _settings(self) -> Iterator[str]:
        for name, value in sorted(isolated_environ(self._environ).items()):
            if _SETTINGS.fullmatch(name):
                yield f"{name}={value}"

    def _sources(self) -> Iterator[str]:
        texts, folders = origins(self._terraform, self._provider, self._environ)
        yield from texts
        for folder in folders:
            yield from _stamps(folder)


def stack_hash(project: Path, stack: Path, known: dict[Path, str] | None = None) -> str:
    """Hash a stack with every module that it uses: the same for the copy that is planned.

    Both are resolved paths; ``known`` holds the hashes of folders, and is added to. Raises as
    ``VerdictInputs.of``.
    """
    known = {} if known is None else known
    parts: list[str] = []
    for folder in sorted(used_folders(stack, project)):
        if folder not in known:
            known[folder] = _tree(folder, IGNORED)
        parts += [folder.relative_to(project).as_posix(), known[folder]]
    return _hash([stack.relative_to(project).as_posix(), *parts])


def features_hash(features: Path) -> str:
    """Hash the features: the same for the copy that is judged by. Raises ``OSError``."""
    return _tree(features)


def files(folder: Path, ignore: Ignore = feature_files.IGNORED) -> Iterator[Path]:
    """Yield the files below a folder in a fixed order, links followed.

    Raises ``OSError`` for a folder that cannot be read.
    """
    for parent, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        ignored = ignore(parent, [*folders, *names])
        folders[:] = sorted(name for name in folders if name not in ignored)
        yield from (Path(parent, name) for name in sorted(names) if name not in ignored)


def installed(folder: str) -> tuple[str, ...]:
    """Return the names in a folder of Python's path that are of modules or of packages."""
    try:
        names = sorted(path.name for path in Path(folder).iterdir())
    except OSError:
        return ()  # An archive of the standard library, or nothing.
    # A folder need not hold ``__init__.py`` to be a package.
    likely = (name for name in names if name.isidentifier() or name.endswith(_INSTALLED))
    return tuple(name for name in likely if name != "__pycache__")


def _packages() -> Iterator[str]:
    """Yield what says which packages are installed, and what the judging ones hold.

    A module that is new in a folder of Python's path may hide one of a step's own.
    """
    for folder in dict.fromkeys(sys.path):
        yield from installed(folder)
    for name in _JUDGES:
        spec = find_spec(name)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            yield _tree(Path(folder))


def _stamps(place: Path) -> Iterator[str]:
    """Yield what tells that a file, or any file below a folder, was replaced or changed."""
    real = Path(os.path.realpath(place))
    for path in files(real) if real.is_dir() else [real]:
        try:
            status = path.stat()
        except OSError:
            yield f"{path} is not there"
            continue
        times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
        yield f"{path} {status.st_size} {times} {status.st_dev} {status.st_ino}"


def _tree(folder: Path, ignore: Ignore = feature_files.IGNORED) -> str:
    """Hash names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for path in files(folder, ignore):
        if not path.is_file():  # To read a pipe would be to wait for ever.
            raise OSError(
                errno.EINVAL, "it is neither a file nor a folder, nor a link to one", str(path)
            )
        content = path.read_bytes()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{len(name)} {len(content)} {name}".encode(errors="surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


def _refuse(error: OSError) -> None:
    raise error


def _hash(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)} {part}".encode(errors="surrogateescape"))
    return digest.hexdigest()
