"""A module's templates → a new released version: its files, its hash, and what to tell its users.

A version is a promise to those who pin the one before. So both are read as they are shipped and
compared, and a release that is too small for what changed is refused, each reason with its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

from finbase.contract.contract import Contract
from finbase.contract.lock import PATH, Lock
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.errors import FinbaseError
from finbase.project.files import ProjectFiles, Tree, told
from finbase.project.tree import Step, compare, read_folder
from finbase.release import notes
from finbase.release.compatibility import Level, Reason, required, what_changed
from finbase.release.integrity import before_the_last, folder_hash, folder_of
from finbase.release.interface import ShippedModule, read_shipped
from finbase.render.editor_schema import pinnable
from finbase.render.module import render_module
from finbase.render.project import SCHEMA, render_schema

__all__ = ["Release", "prepare"]

_VERSION = re.compile(rb"^version:[ \t]*[^\s#]+", re.MULTILINE)


@dataclass(frozen=True)
class Release:
    """A release that can be made, or, where it is too small for what changed, cannot.

    ``previous`` is None for a first release. ``steps`` are for ``tree.apply``: path → content
    before and after, None where there is no file.
    """

    module: str
    version: Version
    previous: Version | None
    level: Level
    reasons: tuple[Reason, ...]
    steps: Mapping[PurePosixPath, Step]

    @property
    def refused(self) -> tuple[Reason, ...]:
        """The reasons that demand a greater release."""
        return tuple(reason for reason in self.reasons if reason.level > self.level)

    @property
    def needed(self) -> Level:
        """The smallest release that would do."""
        return required(self.reasons)


def prepare(
    root: Path,
    registry: Registry,
    module: str,
    level: Level,
    why: str,
    hints: tuple[str, ...],
    day: date,
) -> Release:
    """Prepare the next release of a module; nothing is written.

    ``why`` is a sentence for the changelog and the upgrade notes, ``hints`` are more of them
    for the latter. The first release has the version that the contract says; ``level`` does
    not matter then. Raises ``FinbaseError`` for a module that is not there, or where nothing
    has changed, or what is released is not as it was released.
    """
    if module not in registry.names:
        raise FinbaseError(
            f"there is no templates/modules/{module}/contract.yaml",
            f"there are {', '.join(registry.names)}; `finbase new module` begins another",
        )
    contract = registry.current(module)
    released = registry.lock.released(module)
    previous = released[-1] if released else None
    if previous and contract.version < previous:
        raise FinbaseError(*before_the_last(module, contract.version, previous))
    version = _next(previous, level) if previous else contract.version
    _is_free(root, registry.lock, module, version, contract.version)
    contract = _at(contract, version)
    rendered = render_module(contract, root / "templates")
    folder = folder_of(module, version)
    reasons: tuple[Reason, ...] = ()
    if previous:
        before = _intact(root, registry.lock, module, previous)
        if before == render_module(_at(contract, previous), root / "templates"):
            raise FinbaseError(
                f"{module} renders as {previous} did, so there is nothing to release",
                f"change its templates first: templates/modules/{module}/",
            )
        reasons = what_changed(_shipped(before), _shipped(rendered))
    modules = pinnable(registry)
    lock = registry.lock.with_release(module, version, folder_hash(rendered, folder))
    texts = {
        PATH: lock.text().encode(),
        PurePosixPath("templates/modules", module, "contract.yaml"): contract.source,
        SCHEMA: render_schema({**modules, module: modules[module].with_release(contract)}),
        **notes.with_release(root, module, previous, version, level, reasons, why, hints, day),
    }
    steps = _written(root, rendered, texts) | _draft(root, registry, module, version)
    return Release(module, version, previous, level, reasons, steps)


def _next(version: Version, level: Level) -> Version:
    if level is Level.MAJOR:
        return Version(version.major + 1, 0, 0)
    if level is Level.MINOR:
        return Version(version.major, version.minor + 1, 0)
    return Version(version.major, version.minor, version.patch + 1)


def _at(contract: Contract, version: Version) -> Contract:
    """Give the contract with another version, in its text too."""
    source, count = _VERSION.subn(f"version: {version}".encode(), contract.source, count=1)
    if not count:
        raise FinbaseError(
            f"{contract.path} has no line that begins with `version:`",
            f"write `version: {version}` on a line of its own, at its begin",
        )
    placed = Contract.parse(source, contract.path)
    if placed.version != version:
        raise FinbaseError(
            f"{contract.path} has another line before its version that looks like it",
            "put the version before all other lines that begin with `version:`",
        )
    return placed


def _shipped(tree: Tree) -> ShippedModule:
    try:
        return read_shipped(tree)
    except ValueError as error:
        raise FinbaseError(str(error), "fix the template or the contract") from error


def _is_free(root: Path, lock: Lock, module: str, version: Version, current: Version) -> None:
    """Refuse to give a version out twice."""
    folder = folder_of(module, version)
    lost = notes.released(root, module) - {*lock.released(module)}
    if lost or (version != current and (root / folder).exists()):
        which = folder_of(module, min(lost)) if lost else folder
        raise FinbaseError(
            f"{which} may have been released already, but is in no line of {PATH}",
            "`finbase render --check` shows the way out",
        )


def _intact(root: Path, lock: Lock, module: str, version: Version) -> Tree:
    folder = folder_of(module, version)
    files = read_folder(root, folder)
    if folder_hash(files, folder) != lock.hashes[module, version]:
        raise FinbaseError(
            f"{folder} is not as it was released, so nothing can be compared with it",
            "`finbase render --check` shows the difference and the way out",
        )
    return files


def _written(
    root: Path, rendered: Tree, texts: Mapping[PurePosixPath, bytes]
) -> dict[PurePosixPath, Step]:
    """List the steps that lead to the files, whatever draft of them is there."""
    changes = compare(rendered, root)
    if changes.foreign:
        raise FinbaseError(
            f"not rendered by finbase: {', '.join(map(str, changes.foreign))}",
            "move them out of the release's folder",
        )
    steps = changes.steps
    ground = ProjectFiles(root)
    with told("read"):
        for path, after in texts.items():
            place = ground.place(path)
            before = place.read_bytes() if place.exists() else None
            if before != after:
                steps[path] = (before, after)
    return steps


def _draft(
    root: Path, registry: Registry, module: str, version: Version
) -> dict[PurePosixPath, Step]:
    """List the files of the draft that the release takes the place of."""
    draft = registry.current(module).version
    if draft == version or (module, draft) in registry.lock:
        return {}
    files = read_folder(root, folder_of(module, draft))
    return {path: (content, None) for path, content in files.items()}
