"""Find every version of every module of a project that an environment can pin."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from finbase import codes
from finbase.contract.contract import SCHEMA, Contract, load_contract
from finbase.contract.lock import Lock
from finbase.contract.version import Version
from finbase.errors import Diagnostic, InputError
from finbase.project.files import refuse_links
from finbase.source.cache import YamlCache


class Registry:
    """The contracts of a project: those of the templates and those of the releases.

    Raises ``TreeError`` if the templates contain a symbolic link.
    """

    def __init__(self, root: Path) -> None:
        refuse_links(root / "templates")
        self.templates = root / "templates" / "modules"
        self.releases = root / "modules"
        # The cached contracts were validated by the schema that the name of the folder stands for.
        schema = hashlib.sha256(SCHEMA.read_bytes()).hexdigest()
        self._cache = YamlCache(f"contracts-{schema[:16]}", load_contract)
        self._loaded: dict[Path, Contract] = {}
        self._parsed: dict[bytes, Contract] = {}
        self._current: dict[str, Contract] = {}
        self._pinned: dict[tuple[str, Version], Contract] = {}

    @cached_property
    def lock(self) -> Lock:
        """The lock file with all releases; raises ``InputError`` if it is invalid."""
        return Lock.load(self.releases.parent)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The modules that have templates, sorted; hidden folders do not count."""
        names = (path.parent.name for path in self.templates.glob("*/contract.yaml"))
        return tuple(sorted(name for name in names if not name.startswith(".")))

    def current(self, name: str) -> Contract:
        """Return the current contract of a module, from its templates."""
        if name not in self._current:
            self._current[name] = self._load(self.templates / name / "contract.yaml")
        return self._current[name]

    def versions(self, name: str) -> tuple[Version, ...]:
        """Return every version that can be pinned, oldest first."""
        versions = {self.current(name).version}
        for path in (self.releases / name).glob("*/contract.yaml"):
            versions.add(self._load(path).version)
        return tuple(sorted(versions))

    def get(self, name: str, version: Version) -> Contract:
        """Return the contract of a version; raises ``KeyError`` if it does not exist.

        A released version has its own contract, also if the templates have the same version.
        """
        if (name, version) not in self._pinned:
            self._pinned[name, version] = self._get(name, version)
        return self._pinned[name, version]

    def _get(self, name: str, version: Version) -> Contract:
        path = self.releases / name / str(version) / "contract.yaml"
        current = self.current(name)
        if current.version == version and not ((name, version) in self.lock and path.is_file()):
            return current
        if not path.is_file():
            raise KeyError(f"{name} {version}")
        return self._load(path)

    def _load(self, path: Path) -> Contract:
        if path not in self._loaded:
            contract = self._parse(path)
            folder = path.parent if path.is_relative_to(self.templates) else path.parent.parent
            if contract.name != folder.name:
                what = f"name {contract.name!r} differs from the folder {folder.name!r}; rename one"
                raise InputError([Diagnostic(str(path), 1, 1, codes.CONTRACT, what)])
            self._loaded[path] = contract
        return self._loaded[path]

    def _parse(self, path: Path) -> Contract:
        """Read a contract; equal files, such as a release and its templates, are parsed once."""
        source = path.read_bytes()
        known = self._parsed.get(source)
        if known is None:
            known = self._parsed[source] = Contract.parse(source, path, self._cache.load)
        return replace(known, path=path)
