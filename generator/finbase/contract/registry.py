"""The module registry of a project: every version of every module that can be pinned."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

from finbase import codes
from finbase.contract.contract import Contract
from finbase.contract.lock import Lock
from finbase.contract.version import Version
from finbase.errors import Diagnostic, InputError
from finbase.source.cache import YamlCache

__all__ = ["Registry"]


class Registry:
    """Every contract of a project: the ones of the templates, and each released copy."""

    def __init__(self, root: Path) -> None:
        self.templates = root / "templates" / "modules"
        self.releases = root / "modules"
        self._yaml = YamlCache()
        self._loaded: dict[Path, Contract] = {}
        self._parsed: dict[bytes, Contract] = {}
        self._current: dict[str, Contract] = {}
        self._pinned: dict[tuple[str, Version], Contract] = {}

    @cached_property
    def lock(self) -> Lock:
        """What is released; raises ``InputError`` where that cannot be read."""
        return Lock.load(self.releases.parent)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The modules that have templates, sorted; a hidden folder is none."""
        found = (path.parent.name for path in self.templates.glob("*/contract.yaml"))
        return tuple(sorted(name for name in found if not name.startswith(".")))

    def current(self, name: str) -> Contract:
        """The contract that the templates of the module have now."""
        if name not in self._current:
            self._current[name] = self._load(self.templates / name / "contract.yaml")
        return self._current[name]

    def versions(self, name: str) -> tuple[Version, ...]:
        """Every version that can be pinned, oldest first."""
        found = {self.current(name).version}
        for path in (self.releases / name).glob("*/contract.yaml"):
            found.add(self._load(path).version)
        return tuple(sorted(found))

    def get(self, name: str, version: Version) -> Contract:
        """The contract of that version; raises ``KeyError`` where there is none.

        A released version has its own, whatever the templates are at.
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
                what = f"it names {contract.name!r} but lies in {folder.name!r}"
                raise InputError([Diagnostic(str(path), 1, 1, codes.CONTRACT, what)])
            self._loaded[path] = contract
        return self._loaded[path]

    def _parse(self, path: Path) -> Contract:
        """Read a contract; the copy of the newest release is most often what templates have."""
        source = path.read_bytes()
        known = self._parsed.get(source)
        if known is None:
            known = self._parsed[source] = Contract.parse(source, path, self._yaml.load)
        return replace(known, path=path)
