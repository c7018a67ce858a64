"""Released versions never change: what lies in ``modules/`` against the lock and the templates.

A release is kept whole by three things that have to agree: its files, its line in the lock, and,
as long as the templates are at its version, what they render. Where one does not, this says
which, shows the difference, and names the command that leads out.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from finbase.contract.lock import PATH, Lock
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.errors import InputError
from finbase.project.checksums import digest, tree_hash
from finbase.project.files import ProjectFiles, Tree, owner, told
from finbase.project.tree import difference, walk
from finbase.release.notes import released

__all__ = ["Breach", "before_the_last", "folder_hash", "folder_of", "verify"]

_CHANGE_OUT = (
    'release the change: finbase release {module} patch|minor|major -m "why"; or work on it as a '
    "draft: a later version than {version} in templates/modules/{module}/contract.yaml"
)
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


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
    file that cannot be read.
    """
    lock = registry.lock
    current = {name: registry.current(name).version for name in registry.names}
    last = {name: max(lock.released(name), default=None) for name in registry.names}
    folders: dict[PurePosixPath | None, dict[PurePosixPath, bytes]] = {}
    for path, content in rendered.items():
        folders.setdefault(owner(path), {})[path] = content
    found: list[Breach] = []
    for name, version in sorted(lock.hashes):
        folder = folder_of(name, version)
        files, link = _read(root, folder)
        if current.get(name) == version == last.get(name):
            breach = _of_templates(root, lock, name, version, files, folders.get(folder, {}))
        else:
            breach = _of_the_past(root, lock, name, version, files)
        if link:
            breach = _of_link(folder, link, breach)
        found += [breach] if breach else []
    for name, version in current.items():
        latest = last[name]
        if latest and version < latest:
            found.append(Breach(folder_of(name, version), *before_the_last(name, version, latest)))
    found += _neither(root, lock, current)
    return tuple(found)


def before_the_last(module: str, version: Version, last: Version) -> tuple[str, str]:
    """Say that templates are at a version before the last release, and what leads out."""
    return (
        f"templates/modules/{module}/contract.yaml is at {version}, before the last release {last}",
        f"put its templates back as they were for {last}, or set `version: {last}` there and "
        "release what they render now",
    )


def folder_of(module: str, version: Version) -> PurePosixPath:
    """Say where a version of a module lies."""
    return PurePosixPath("modules", module, str(version))


def folder_hash(files: Tree, folder: PurePosixPath) -> str:
    """Give the hash of the files of a version's folder; their paths lead from the project."""
    return tree_hash({str(path.relative_to(folder)): digest(c) for path, c in files.items()})


def _read(root: Path, folder: PurePosixPath) -> tuple[Tree, PurePosixPath | None]:
    """Read the files of a release, and name a link that takes the place of one, or leads there.

    A name that cannot be shown, or would be two lines of a list, is told by something similar.
    """
    for above in (*reversed(folder.parents), folder):
        if (root / above).is_symlink():
            return {}, above
    files, link = {}, None
    ground = ProjectFiles(root)
    with told("read"):
        for path in walk(root, folder):
            if (root / path).is_symlink():
                link = path
            else:
                shown = PurePosixPath(_UNSHOWN.sub("\ufffd", str(path)))
                files[shown] = ground.place(path).read_bytes()
    return files, link


def _of_link(folder: PurePosixPath, link: PurePosixPath, other: Breach | None) -> Breach:
    """Tell of a link in a release, together with what is wrong without it."""
    what = f"{link} is a symbolic link, and a release is its very files"
    out = f"delete the link: rm {_quoted(link)}"
    if other is None:
        return Breach(folder, what, out)
    return Breach(folder, what, f"{out}; then {other.way_out}", other.diff)


def _of_templates(
    root: Path, lock: Lock, module: str, version: Version, files: Tree, now: Tree
) -> Breach | None:
    """Judge a release that its templates still are at the version of."""
    folder, locked = folder_of(module, version), lock.hashes[module, version]
    intact = folder_hash(files, folder) == locked
    if intact and files == now:
        return None
    if folder_hash(now, folder) == locked:
        if all(now.get(path) == content for path, content in files.items()):
            what, out, by = f"{folder} is not whole", "finbase render", "render"
        else:
            what, out, by = f"{folder} is not as it was released", "finbase render --force", "force"
        return Breach(folder, what, f"put the release back: {out}", difference(now, files), by)
    change_out = _CHANGE_OUT.format(module=module, version=version)
    if intact:
        what = f"{folder} is released, and its templates now render something else"
        return Breach(folder, what, change_out, difference(files, now))
    commit, was = _released(root, folder, locked)
    if commit:
        what = f"{folder} is not as it was released, and its templates render something else, too"
        out = f"{_put_back(commit, folder, files, was)}; then {change_out}"
        return Breach(folder, what, out, difference(was, files))
    what = f"{PATH} has another hash for {folder} than its files and its templates"
    hashes = {folder_hash(tree, folder) for tree in (files, now)}
    return Breach(folder, what, _lock_put_back(root, lock, module, version, hashes))


def _of_the_past(
    root: Path, lock: Lock, module: str, version: Version, files: Tree
) -> Breach | None:
    """Judge a release that only its files and the lock still know."""
    folder, locked = folder_of(module, version), lock.hashes[module, version]
    have = folder_hash(files, folder)
    if have == locked:
        return None
    what = f"{folder} is not as it was released" if files else f"{folder} is released, and gone"
    commit, was = _released(root, folder, locked)
    if commit:
        out = _put_back(commit, folder, files, was)
        return Breach(folder, what, out, difference(was, files))
    return Breach(folder, what, _lock_put_back(root, lock, module, version, {have}))


def _released(root: Path, folder: PurePosixPath, locked: str) -> tuple[str, Tree]:
    """Find the release in the history of the project: a commit, and the files; or nothing."""
    from finbase.project.history import snapshots  # Only where something is to be put back.

    for snapshot in snapshots(root, folder):
        files = {folder / path: content for path, content in snapshot.files.items()}
        if folder_hash(files, folder) == locked:
            return snapshot.commit, files
    return "", {}


def _put_back(commit: str, folder: PurePosixPath, files: Tree, was: Tree) -> str:
    more = " ".join(_quoted(path) for path in files if path not in was)
    remove = f" && rm {more}" if more else ""
    return f"put the release back: git checkout {commit[:12]} -- {folder}{remove}"


def _lock_put_back(
    root: Path, lock: Lock, module: str, version: Version, hashes: set[str] | None = None
) -> str:
    """Find the line of a release in the history of the lock; with one of ``hashes``, if given."""
    from finbase.project.history import contents

    release = (module, version)
    for commit, content in contents(root, PATH):
        try:
            earlier = Lock.parse(content)
        except InputError:
            continue
        if release not in earlier or (hashes and earlier.hashes[release] not in hashes):
            continue
        others = {key: value for key, value in lock.hashes.items() if key != release}
        if {**others, release: earlier.hashes[release]} == dict(earlier.hashes):
            return f"put the lock back: git checkout {commit[:12]} -- {PATH}"
        return f"put its line back in {PATH}: {earlier.line(module, version)}"
    folder = folder_of(module, version)
    return f"put both back as they were released: git log --all -- {folder} {PATH}"


def _neither(root: Path, lock: Lock, current: Mapping[str, Version]) -> Iterator[Breach]:
    """Find versions that are neither released nor what the templates are at."""
    for module in _folders(root / "modules"):
        told_of = released(root, module)
        there = {
            version for version in map(_version, _folders(root / "modules" / module)) if version
        }
        for version in sorted(there | told_of):
            if (module, version) in lock or not (
                version in told_of or current.get(module) != version
            ):
                continue
            folder = folder_of(module, version)
            if version in told_of:
                out = _lock_put_back(root, lock, module, version)
                what = f"{folder} is in modules/{module}/CHANGELOG.md, but in no line of {PATH}"
                yield Breach(folder, what, out)
                continue
            what = f"{folder} is in no line of {PATH}, and not what the templates are at"
            out = f"if it was a draft, delete it: rm -r {folder}; if it was released, "
            yield Breach(folder, what, out + _lock_put_back(root, lock, module, version))


def _version(name: str) -> Version | None:
    try:
        return Version.parse(name)
    except ValueError:
        return None


def _folders(folder: Path) -> Iterable[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except FileNotFoundError:
        return ()


def _quoted(path: PurePosixPath) -> str:
    return shlex.quote(str(path))
