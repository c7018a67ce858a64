"""The inputs of a verdict, as hashes: equal inputs, equal verdict.

Files of the project are hashed by content. Programs of hundreds of megabytes are identified by
path, size, times and inode: replacing one changes its change time, which nobody can set.
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

from finbase.judge.features import IGNORED as GENERATED
from finbase.system.child_environ import PYTHON, child_environ
from finbase.terraform.offline import is_unplanned, used_folders
from finbase.terraform.program import Terraform, isolated_environ
from finbase.terraform.provider import Installation, all_folders_known, origins

_JUDGES = ("terraform_compliance", "radish")
_INSTALLED = (".dist-info", ".egg-info", ".pth", *all_suffixes())
_SETTINGS = re.compile(r"(PYTHON|LD_|DYLD_|TF_|TFC_|TOFU_|OPENTOFU_|RADISH_).*")
_DEVELOPMENT = re.compile(r"\bdev_overrides\b")

Ignore = Callable[[str, list[str]], set[str]]


class VerdictInputs:
    """The inputs of the verdicts on one project; each is hashed once, so use it for one run."""

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
        """Return the hashes for an environment, by what each is of.

        Raises ``OSError`` if something cannot be read or hashed, and ``TerraformError`` if the
        stack uses files outside of the project.
        """
        stack = (self._root / "environments" / environment).resolve()
        stack_ = stack_hash(self._root, stack, self._folders)
        return self.combine(environment, stack_, self._features)

    def combine(self, environment: str, stack: str, features: str) -> dict[str, str]:
        """Return them for a stack and features that are hashed already; raises ``OSError``."""
        own = {"environment": _hash([environment]), "stack": stack, "features": features}
        return {**self._common, **own}

    @cached_property
    def _features(self) -> str:
        return tree_hash(self._root / "features")

    @cached_property
    def _common(self) -> dict[str, str]:
        return {
            "finbase": tree_hash(Path(__file__).parents[2]),
            "python": _hash([sys.version, sys.platform, os.path.realpath(sys.executable)]),
            "packages": _hash(_packages()),
            "settings": _hash(self._settings()),
            "terraform": _hash([repr(self._terraform), *_stamps(self._terraform.path)]),
            "provider": _hash(self._sources()),
            "templates": tree_hash(self._root / "templates"),
        }

    def _settings(self) -> Iterator[str]:
        received = isolated_environ(self._environ) | child_environ(PYTHON, self._environ)
        for name, value in sorted(received.items()):
            if _SETTINGS.fullmatch(name):
                yield f"{name}={value}"

    def _sources(self) -> Iterator[str]:
        """Yield the CLI configuration of Terraform and the builds of the provider it may use."""
        texts, folders = origins(self._terraform, self._provider, self._environ)
        if any(map(_DEVELOPMENT.search, texts)) or not all_folders_known(texts, self._environ):
            raise OSError(errno.ENOTSUP, "it names providers in folders that cannot be hashed")
        yield from texts
        for folder in folders:
            yield from _stamps(folder)


def stack_hash(project: Path, stack: Path, known: dict[Path, str] | None = None) -> str:
    """Hash a stack and every module that it uses; its copy has the same hash.

    Both paths are resolved. ``known`` holds hashes of folders, and new ones are added to it.
    Raises like ``VerdictInputs.of``.
    """
    known = {} if known is None else known
    parts: list[str] = []
    for folder in sorted(used_folders(stack, project)):
        if folder not in known:
            known[folder] = tree_hash(folder, is_unplanned)
        parts += [folder.relative_to(project).as_posix(), known[folder]]
    return _hash([stack.relative_to(project).as_posix(), *parts])


def _files(folder: Path, ignore: Ignore = GENERATED) -> Iterator[Path]:
    """Yield the files below a folder in a fixed order, following links.

    Raises ``OSError`` for a folder that cannot be read.
    """
    for parent, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        ignored = ignore(parent, [*folders, *names])
        folders[:] = sorted(name for name in folders if name not in ignored)
        yield from (Path(parent, name) for name in sorted(names) if name not in ignored)


def _installed(folder: str) -> Iterator[str]:
    """Yield the names of modules and packages in a folder of Python's path."""
    try:
        names = sorted(path.name for path in Path(folder).iterdir())
    except OSError:
        return  # An archive of the standard library, or no folder.
    for name in names:
        # A package needs no ``__init__.py``, so any folder may be one.
        if (name.isidentifier() or name.endswith(_INSTALLED)) and name != "__pycache__":
            yield name


def _packages() -> Iterator[str]:
    """Yield the names and versions of all packages, and the code of the packages that judge.

    A new module in a folder of Python's path may replace one that a step imports.
    """
    for folder in dict.fromkeys(sys.path):
        yield from _installed(folder)
    for name in _JUDGES:
        spec = find_spec(name)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            yield tree_hash(Path(folder))


def _stamps(path: Path) -> Iterator[str]:
    """Yield the identity of a file, or of each file below a folder; it changes with the file."""
    real = Path(os.path.realpath(path))
    for file in _files(real) if real.is_dir() else [real]:
        try:
            status = file.stat()
        except OSError:
            yield f"{file} does not exist"
            continue
        times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
        yield f"{file} {status.st_size} {times} {status.st_dev} {status.st_ino}"


def tree_hash(folder: Path, ignore: Ignore = GENERATED) -> str:
    """Hash names and contents of all files below a folder; its copy has the same hash.

    Raises ``OSError``.
    """
    digest = hashlib.sha256()
    for path in _files(folder, ignore):
        if not path.is_file():  # Reading a pipe would block.
            raise OSError(errno.EINVAL, "not a file, a folder or a link to one", str(path))
        content = path.read_bytes()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{len(name)} {len(content)} {name}".encode(errors="surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


def _raise(error: OSError) -> None:
    raise error


def _hash(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        # With its length, so that ["ab"] and ["a", "b"] have different hashes.
        digest.update(f"{len(part)} {part}".encode(errors="surrogateescape"))
    return digest.hexdigest()
