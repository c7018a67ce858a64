"""Released versions never change: what lies in ``modules/`` against the lock and the templates.

A release is kept whole by three things that have to agree: its files, its line in the lock, and,
as long as the templates are at its version, what they render. Where one does not, this says
which, shows the difference, and names the command that leads out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from generator.checksums import digest, tree_hash
from generator.contract import Version
from generator.ground import Ground, told
from generator.history import snapshots
from generator.lock import PATH, Lock
from generator.registry import Registry
from generator.render import Tree
from generator.tree import difference, walk

__all__ = ["Breach", "folder_hash", "folder_of", "verify"]


@dataclass(frozen=True)
class Breach:
    """A release that is not what was released.

    ``diff`` leads from the release to what there is now; it is empty where the release cannot
    be had. ``restored_by`` says which ``finbase render`` puts the release back: any, or only a
    forced one, or, where it is empty, none.
    """

    folder: PurePosixPath
    what: str
    way_out: str
    diff: str = ""
    restored_by: str = ""


def verify(root: Path, registry: Registry, rendered: Tree) -> tuple[Breach, ...]:
    """Find every release that changed, and every version that is neither released nor a draft.

    ``rendered`` holds each module at the version of its templates. Raises ``TreeError`` for a
    file that cannot be read or that is reached through a link.
    """
    lock = registry.lock
    current = {name: registry.current(name).version for name in registry.names}
    ground = Ground(root)
    found: list[Breach] = []
    for name, version in sorted(lock.hashes):
        folder = folder_of(name, version)
        with told("read"):
            files = {path: ground.place(path).read_bytes() for path in walk(root, folder)}
        locked = lock.hashes[name, version]
        if current.get(name) == version:
            now = {path: c for path, c in rendered.items() if path.is_relative_to(folder)}
            found += _of_templates(root, name, version, locked, files, now)
        elif folder_hash(files, folder) != locked:
            found.append(_of_the_past(root, folder, locked, files))
    found += _neither(root, lock, current)
    return tuple(found)


def folder_of(module: str, version: Version) -> PurePosixPath:
    """Say where a version of a module lies."""
    return PurePosixPath("modules", module, str(version))


def folder_hash(files: Tree, folder: PurePosixPath) -> str:
    """Give the hash of the files of a version's folder; their paths lead from the project."""
    return tree_hash({str(path.relative_to(folder)): digest(c) for path, c in files.items()})


def _of_templates(
    root: Path, module: str, version: Version, locked: str, files: Tree, now: Tree
) -> Iterator[Breach]:
    """Judge a release that its templates still are at the version of."""
    folder = folder_of(module, version)
    intact = folder_hash(files, folder) == locked
    if folder_hash(now, folder) == locked:
        if intact:
            return
        only_missing = all(now.get(path) == content for path, content in files.items())
        if only_missing:
            what, out, by = f"{folder} is not whole", "finbase render", "render"
        else:
            what, out, by = f"{folder} is not as it was released", "finbase render --force", "force"
        yield Breach(folder, what, f"put the release back: {out}", difference(now, files), by)
        return
    if not intact:
        commit, released = _released(root, folder, locked)
        if not commit:
            what = f"{PATH} has another hash for {folder} than its files and the templates"
            yield Breach(folder, what, f"put the lock back: git checkout -- {PATH}")
            return
    else:
        released = files
    yield Breach(
        folder,
        f"{folder} is released, and its templates now render something else",
        f'release the change: finbase release {module} patch|minor|major -m "why"; or work on it '
        f"as a draft: a later version than {version} in templates/modules/{module}/contract.yaml",
        difference(released, now),
    )


def _of_the_past(root: Path, folder: PurePosixPath, locked: str, files: Tree) -> Breach:
    """Tell of a release that only its files and the lock still know."""
    what = f"{folder} is not as it was released" if files else f"{folder} is released, and gone"
    commit, released = _released(root, folder, locked)
    if not commit:
        where = "a commit that has it, or put the lock back" if files else "a commit that has it"
        return Breach(folder, what, f"put it back from {where}: git log -- {folder} {PATH}")
    out = f"put the release back: git checkout {commit[:12]} -- {folder}"
    more = [str(path) for path in files if path not in released]
    if more:
        out += f"; and delete {', '.join(more)}"
    return Breach(folder, what, out, difference(released, files))


def _released(root: Path, folder: PurePosixPath, locked: str) -> tuple[str, Tree]:
    """Find the release in the history of the project: a commit, and the files; or nothing."""
    for snapshot in snapshots(root, folder):
        files = {folder / path: content for path, content in snapshot.files.items()}
        if folder_hash(files, folder) == locked:
            return snapshot.commit, files
    return "", {}


def _neither(root: Path, lock: Lock, current: Mapping[str, Version]) -> Iterator[Breach]:
    """Find folders of versions that are neither released nor what the templates are at."""
    for module in _folders(root / "modules"):
        for name in _folders(root / "modules" / module):
            try:
                version = Version.parse(name)
            except ValueError:
                continue
            if (module, version) not in lock and current.get(module) != version:
                folder = folder_of(module, version)
                yield Breach(
                    folder,
                    f"{folder} is in no line of {PATH}, and not what the templates are at",
                    f"if it was a draft, delete it: rm -r {folder}; if it was released, put the "
                    f"lock back: git checkout -- {PATH}",
                )


def _folders(folder: Path) -> Iterable[str]:
    try:
        return sorted(e.name for e in os.scandir(folder) if e.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return ()
