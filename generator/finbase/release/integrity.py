"""Verify that released versions did not change.

Three sources must agree on a release: its files, its line in the lock, and what the templates
render while they are at its version. If one differs, the breach says which, shows the difference
and contains the command that fixes it.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from finbase.contract.lock import PATH, Lock
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.errors import InputError
from finbase.project.checksums import digest, tree_hash
from finbase.project.files import ProjectFiles, Tree, owner, wrap_os_errors
from finbase.project.tree import difference, walk
from finbase.release.notes import released

_RELEASE_IT = (
    'release the change: finbase release {module} patch|minor|major -m "why"; or make it a draft: '
    "set a version above {version} in templates/modules/{module}/contract.yaml"
)
_UNPRINTABLE = r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]"


@dataclass(frozen=True)
class Breach:
    """A release whose files, lock or templates differ from what was released.

    ``diff`` leads from the files on disk to the release, or to what the templates render; it is
    empty if the release is not available. ``restored_by`` says what restores the release:
    ``render`` (any render), ``force`` (``finbase render --force``), or nothing if empty.
    """

    folder: PurePosixPath
    what: str
    fix: str
    diff: str = ""
    restored_by: str = ""


def verify(root: Path, registry: Registry, rendered: Tree) -> tuple[Breach, ...]:
    """Return every changed release, and every version that is neither released nor a draft.

    ``rendered`` contains each module at the version of its templates. Raises ``TreeError`` for
    an unreadable file.
    """
    lock = registry.lock
    current = {name: registry.current(name).version for name in registry.names}
    last = {name: max(lock.released(name), default=None) for name in registry.names}
    folders: dict[PurePosixPath | None, dict[PurePosixPath, bytes]] = {}
    for path, content in rendered.items():
        folders.setdefault(owner(path), {})[path] = content
    breaches: list[Breach] = []
    for name, version in sorted(lock.hashes):
        folder = folder_of(name, version)
        files, link = _read(root, folder)
        if current.get(name) == version == last.get(name):
            breach = _of_templates(root, lock, name, version, files, folders.get(folder, {}))
        else:
            breach = _of_the_past(root, lock, name, version, files)
        if link:
            breach = _of_link(folder, link, breach)
        breaches += [breach] if breach else []
    for name, version in current.items():
        latest = last[name]
        if latest and version < latest:
            what, fix = before_the_last(name, version, latest)
            breaches.append(Breach(folder_of(name, version), what, fix))
    breaches += _neither(root, lock, current)
    return tuple(breaches)


def before_the_last(module: str, version: Version, last: Version) -> tuple[str, str]:
    """Return message and hint for templates at a version before the last release."""
    return (
        f"templates/modules/{module}/contract.yaml is at {version}, before the last release {last}",
        f"restore the templates of {last}, or set `version: {last}` there and release the "
        "templates of today",
    )


def folder_of(module: str, version: Version) -> PurePosixPath:
    """Return the folder of a version of a module."""
    return PurePosixPath("modules", module, str(version))


def folder_hash(files: Tree, folder: PurePosixPath) -> str:
    """Return the hash of a version's files, whose paths are relative to the project."""
    return tree_hash({str(path.relative_to(folder)): digest(c) for path, c in files.items()})


def _read(root: Path, folder: PurePosixPath) -> tuple[Tree, PurePosixPath | None]:
    """Read the files of a release; also returns a symbolic link at, in or above its folder.

    Unprintable characters and line breaks in a name are replaced.
    """
    for above in (*reversed(folder.parents), folder):
        if (root / above).is_symlink():
            return {}, above
    files, link = {}, None
    project = ProjectFiles(root)
    with wrap_os_errors("read"):
        for path in walk(root, folder):
            file = root / path
            mode = file.lstat().st_mode
            if stat.S_ISLNK(mode):
                link = path
            elif not stat.S_ISREG(mode):
                project.resolve(path)  # Raises the error that says so.
            else:
                files[_printable(path)] = file.read_bytes()
    return files, link


def _printable(path: PurePosixPath) -> PurePosixPath:
    text = str(path)
    return path if text.isprintable() else PurePosixPath(re.sub(_UNPRINTABLE, "\ufffd", text))


def _of_link(folder: PurePosixPath, link: PurePosixPath, other: Breach | None) -> Breach:
    """Report a link in a release, and the ``other`` breach of the release, if any."""
    what = f"{link} is a symbolic link, which a release must not contain"
    fix = f"delete the link: rm {_quoted(link)}"
    if other is None:
        return Breach(folder, what, fix)
    return Breach(folder, what, f"{fix}; then {other.fix}", other.diff)


def _of_templates(
    root: Path, lock: Lock, module: str, version: Version, files: Tree, now: Tree
) -> Breach | None:
    """Check a release whose version the templates still have."""
    folder, locked = folder_of(module, version), lock.hashes[module, version]
    intact = folder_hash(files, folder) == locked
    if intact and files == now:
        return None
    if folder_hash(now, folder) == locked:
        if all(now.get(path) == content for path, content in files.items()):
            what, command, by = f"{folder} lacks files", "finbase render", "render"
        else:
            what, command, by = f"{folder} was changed", "finbase render --force", "force"
        diff = difference(files, now, "released")
        return Breach(folder, what, f"restore the release: {command}", diff, by)
    release_it = _RELEASE_IT.format(module=module, version=version)
    if intact and (source := _other_line_ends(root / "templates" / "modules" / module)):
        what = f"{source.relative_to(root)} has a byte order mark or line ends of Windows"
        fix = "save it with line feeds and without the mark, as git has it"
        return Breach(folder, what, fix, difference(files, now, "rendered"))
    if intact:
        what = f"{folder} is released, but its templates now render other files"
        return Breach(folder, what, release_it, difference(files, now, "rendered"))
    commit, was = _released(root, folder, locked)
    if commit:
        what = f"{folder} was changed, and its templates render other files, too"
        fix = f"{_restore(commit, folder, files, was)}; then {release_it}"
        return Breach(folder, what, fix, difference(files, was, "released"))
    what = f"{PATH} has another hash for {folder} than its files and its templates"
    hashes = {folder_hash(tree, folder) for tree in (files, now)}
    return Breach(folder, what, _restore_lock(root, lock, module, version, hashes))


def _other_line_ends(templates: Path) -> Path | None:
    """Return a text of a module that an editor saved in another form, which no diff shows."""
    for path in sorted(path for path in templates.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if b"\0" not in content and (b"\r\n" in content or content.startswith(BOM_UTF8)):
            return path
    return None


def _of_the_past(
    root: Path, lock: Lock, module: str, version: Version, files: Tree
) -> Breach | None:
    """Check a release that only its files and the lock describe."""
    folder, locked = folder_of(module, version), lock.hashes[module, version]
    have = folder_hash(files, folder)
    if have == locked:
        return None
    what = f"{folder} was changed" if files else f"{folder} was released but its files are missing"
    commit, was = _released(root, folder, locked)
    if commit:
        fix = _restore(commit, folder, files, was)
        return Breach(folder, what, fix, difference(files, was, "released"))
    return Breach(folder, what, _restore_lock(root, lock, module, version, {have}))


def _released(root: Path, folder: PurePosixPath, locked: str) -> tuple[str, Tree]:
    """Return the commit and the files of the release from git's history; both empty if none."""
    from finbase.project.git import history  # Most renders restore nothing.

    for commit, files in history(root, folder):
        if folder_hash(files, folder) == locked:
            return commit, files
    return "", {}


def _restore(commit: str, folder: PurePosixPath, files: Tree, was: Tree) -> str:
    more = " ".join(_quoted(path) for path in files if path not in was)
    remove = f" && rm {more}" if more else ""
    return f"restore the release: git checkout {commit[:12]} -- {_quoted(folder)}{remove}"


def _restore_lock(
    root: Path, lock: Lock, module: str, version: Version, hashes: set[str] | None = None
) -> str:
    """Return how to restore the line of a release; only lines with one of ``hashes``, if any."""
    from finbase.project.git import history

    release = (module, version)
    for commit, files in history(root, PATH):
        try:
            earlier = Lock.parse(files.get(PATH, b""))
        except InputError:
            continue
        if release not in earlier or (hashes and earlier.hashes[release] not in hashes):
            continue
        others = {key: value for key, value in lock.hashes.items() if key != release}
        if {**others, release: earlier.hashes[release]} == dict(earlier.hashes):
            return f"restore the lock: git checkout {commit[:12]} -- {PATH}"
        return f"restore its line in {PATH}: {earlier.line(module, version)}"
    folder = folder_of(module, version)
    return f"find the release to restore it: git log --all -- {_quoted(folder)} {PATH}"


def _neither(root: Path, lock: Lock, current: Mapping[str, Version]) -> Iterator[Breach]:
    """Yield versions that are neither released nor the version of the templates."""
    for module in _folders(root / "modules"):
        in_changelog = released(root, module)
        on_disk = {
            version for version in map(_version, _folders(root / "modules" / module)) if version
        }
        for version in sorted(on_disk | in_changelog):
            if (module, version) in lock or not (
                version in in_changelog or current.get(module) != version
            ):
                continue
            folder = folder_of(module, version)
            if version in in_changelog:
                fix = _restore_lock(root, lock, module, version)
                what = f"{folder} is in modules/{module}/CHANGELOG.md but not in {PATH}"
                yield Breach(folder, what, fix)
                continue
            what = f"{folder} is not in {PATH}, and the templates have another version"
            fix = f"if it was a draft, delete it: rm -r {folder}; if it was released, "
            yield Breach(folder, what, fix + _restore_lock(root, lock, module, version))


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
