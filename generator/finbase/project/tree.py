"""Compare rendered files with the files on disk, show the difference, and write them.

A render owns the folder of each module version and stack that it contains. Other files in such a
folder are orphans and are deleted. A file that finbase cannot be shown to have rendered is only
overwritten or deleted if the user forces it. Symbolic links are never followed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path, PurePosixPath

from finbase.errors import TreeError
from finbase.project import checksums
from finbase.project.files import MARK, ProjectFiles, Tree, owner, wrap_os_errors
from finbase.project.journal import Journal, Step
from finbase.project.terraform_files import LOCK_FILE, is_left_behind, is_read
from finbase.system.printable import printable_name

_parts = attrgetter("parts")  # In the order of the paths, which compare slowly.
_MARKED = (".tf", ".md", ".hcl", ".json")
_MARKS = tuple(f"{start}{MARK}".encode() for start in ("# ", "<!-- ", '{"$comment": "'))
# `init` replaces the header of a lock file when it adds a checksum.
_LOCK_MARKS = tuple(
    f'# This file is maintained automatically by "{name} init".'.encode()
    for name in ("terraform", "tofu")
)
# Hidden files, backups of editors, and compiled Python.
_UNREAD = re.compile(r"\..*|.*~|#.*#|__pycache__", re.DOTALL)


@dataclass(frozen=True)
class Changes:
    """What writing a tree would change, by path. Every mapping is sorted by path."""

    created: Mapping[PurePosixPath, bytes]
    changed: Mapping[PurePosixPath, tuple[bytes, bytes]]
    """Content before and after."""
    removed: Mapping[PurePosixPath, bytes]
    unchanged: tuple[PurePosixPath, ...]
    foreign: tuple[PurePosixPath, ...] = ()
    """Files that would be lost and that finbase cannot be shown to have rendered."""
    abandoned: Mapping[PurePosixPath, tuple[str, ...]] = field(default_factory=dict)
    """Stack without an environment file → names of Terraform's files there, which stay."""

    @property
    def steps(self) -> dict[PurePosixPath, Step]:
        """The files to write and delete, for ``apply``."""
        return {
            **{path: (None, after) for path, after in self.created.items()},
            **self.changed,
            **{path: (before, None) for path, before in self.removed.items()},
        }

    @property
    def strangers(self) -> tuple[PurePosixPath, ...]:
        """Files in rendered folders that neither a render nor finbase's marks account for."""
        return tuple(path for path in self.foreign if path in self.removed)

    @property
    def paths(self) -> tuple[PurePosixPath, ...]:
        """The files that differ, sorted."""
        return tuple(sorted({*self.created, *self.changed, *self.removed}))

    @property
    def clean(self) -> bool:
        """Whether the files on disk equal the rendered ones."""
        return not (self.created or self.changed or self.removed)


def compare(tree: Tree, root: Path, *, whole: bool = False) -> Changes:
    """Compare a tree with the files below ``root``.

    A ``whole`` tree contains every environment, so any other rendered stack is abandoned. Raises
    ``TreeError`` for a path that ``ProjectFiles.resolve`` refuses and for an unreadable file.
    """
    created: dict[PurePosixPath, bytes] = {}
    changed: dict[PurePosixPath, tuple[bytes, bytes]] = {}
    unchanged = []
    files = ProjectFiles(root)
    with wrap_os_errors("read"):
        for path in sorted(tree, key=_parts):
            after = tree[path]
            try:
                before = files.resolve(path).read_bytes()
            except FileNotFoundError:
                created[path] = after
                continue
            if before == after:
                unchanged.append(path)
            else:
                changed[path] = (before, after)
        owned = {folder for folder in map(owner, tree) if folder}
        abandoned = dict(_abandoned(files, owned) if whole else ())
        present = (file for folder in owned | abandoned.keys() for file in walk(root, folder))
        gone = sorted(path for path in present if path not in tree)
        removed = {path: files.resolve(path).read_bytes() for path in gone}
        lost = {path: before for path, (before, _) in changed.items()} | removed
        foreign = tuple(_foreign(files, lost))
    return Changes(created, changed, removed, tuple(unchanged), foreign, abandoned)


def diff(changes: Changes) -> str:
    """Return a unified diff from the files on disk to the rendered ones, sorted by path.

    It leaves out strangers, such as the JSON of a plan, because they can contain secrets.
    """
    removed = {p: old for p, old in changes.removed.items() if p not in changes.strangers}
    before = {path: old for path, (old, _) in changes.changed.items()} | removed
    after = {path: new for path, (_, new) in changes.changed.items()} | {**changes.created}
    return difference(before, after, "rendered")


def difference(on_disk: Tree, other: Tree, label: str) -> str:
    """Return a unified diff from the files on disk to others, which ``label`` names.

    The labels follow the paths after a tab, where ``git apply`` ignores them.
    """
    return "".join(
        _entry(path, on_disk.get(path), other.get(path), label)
        for path in sorted(on_disk.keys() | other.keys())
        if on_disk.get(path) != other.get(path)
    )


def write(changes: Changes, journal: Journal, *, force: bool = False) -> None:
    """Write changed files and delete orphans: all of them, or none if anything fails.

    Raises ``TreeError`` as ``apply`` does, and, without ``force``, if a file would be lost that
    finbase did not render.
    """
    if changes.foreign and not force:
        raise TreeError(
            "nothing was written, because these files were not rendered by finbase: "
            + ", ".join(map(str, changes.foreign)),
            hint="move them out of the rendered folders and render again, or run "
            "`finbase render --force` to overwrite or delete them",
        )
    apply(changes.steps, journal)


def apply(steps: Mapping[PurePosixPath, Step], journal: Journal) -> None:
    """Take every step, or none.

    Raises ``TreeError`` for a path that may not be written, and for any error of the system.
    """
    files = journal.files
    with wrap_os_errors("reach"):
        contents = {files.resolve(path): after for path, (_, after) in steps.items()}
    if not steps:
        return
    with wrap_os_errors("write", "nothing was changed"), journal.all_or_nothing(steps):
        staged = {p: files.stage(p, after) for p, after in contents.items() if after is not None}
        for path, temporary in staged.items():
            temporary.replace(path)
        for orphan in contents.keys() - staged.keys():
            orphan.unlink()
            files.prune(orphan)


def _foreign(files: ProjectFiles, lost: Mapping[PurePosixPath, bytes]) -> Iterator[PurePosixPath]:
    """Yield those of the ``lost`` files that finbase cannot be shown to have written.

    It wrote files that start with its mark, or match a list of checksums that does.
    """
    lists: dict[PurePosixPath, Mapping[str, str]] = {}
    for path, content in sorted(lost.items()):
        if _marked(path, content):
            continue
        folder = owner(path) or path.parent
        if folder not in lists:
            lists[folder] = _checksums(folder, files)
        if lists[folder].get(str(path.relative_to(folder))) != checksums.digest(content):
            yield path


def _checksums(folder: PurePosixPath, files: ProjectFiles) -> Mapping[str, str]:
    path = folder / checksums.FILE_NAME
    with contextlib.suppress(FileNotFoundError):
        content = files.resolve(path).read_bytes()
        if _marked(path, content):
            return checksums.parse(content)
    return {}


def _marked(path: PurePosixPath, content: bytes) -> bool:
    if path.name == LOCK_FILE and content.startswith(_LOCK_MARKS):
        return True
    can_be_marked = path.suffix in _MARKED or path.name == checksums.FILE_NAME
    return can_be_marked and content.startswith(_MARKS)


def _abandoned(
    files: ProjectFiles, owned: Set[PurePosixPath]
) -> Iterator[tuple[PurePosixPath, tuple[str, ...]]]:
    """Yield each rendered stack without an environment, with the names of its ignored files."""
    home = PurePosixPath("environments")
    for entry in sorted(os.scandir(files.root / home), key=lambda entry: entry.name):
        folder = home / entry.name
        if folder in owned or not entry.is_dir(follow_symlinks=False):
            continue
        paths = (path for path in walk(files.root, folder) if path.suffix in _MARKED)
        if any(_marked(path, files.resolve(path).read_bytes()) for path in paths):
            inside = sorted(file.name for file in os.scandir(entry))
            yield folder, tuple(name for name in inside if is_ignored(folder / name))


def is_ignored(path: PurePosixPath) -> bool:
    """Return whether a render ignores a file or folder in a stack or a module version.

    It ignores what Terraform creates there, and what Terraform does not read. A module's tests
    create a lock file in its folder, which no stack reads.

    >>> is_ignored(PurePosixPath("environments/test/terraform.tfstate"))
    True
    >>> is_ignored(PurePosixPath("environments/test/terraform.tfstate.tf"))
    False
    """
    if is_read(path.name):
        return path.name == LOCK_FILE and path.parts[0] != "environments"
    return is_left_behind(path.name) or _UNREAD.fullmatch(path.name) is not None


def walk(root: Path, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield every file and link below a folder, except ignored ones."""
    if not (root / folder).is_dir():
        return
    for entry in os.scandir(root / folder):
        path = folder / entry.name
        if is_ignored(path):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from walk(root, path)
        else:
            yield path


def read_folder(root: Path, folder: PurePosixPath) -> dict[PurePosixPath, bytes]:
    """Read every file below a folder of the project; raises ``TreeError`` as ``compare`` does."""
    files = ProjectFiles(root)
    with wrap_os_errors("read"):
        return {path: files.resolve(path).read_bytes() for path in walk(root, folder)}


def lay_out(tree: Tree, scratch: Path) -> None:
    """Write a tree below a scratch folder, without any protection."""
    for path, content in tree.items():
        file = scratch / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _entry(path: PurePosixPath, before: bytes | None, after: bytes | None, label: str) -> str:
    from difflib import unified_diff

    old, new = (_lines(content) for content in (before, after))
    names = (
        "/dev/null" if before is None else f"a/{printable_name(path)}",
        "/dev/null" if after is None else f"b/{printable_name(path)}",
    )
    header = f"--- {names[0]}\ton disk\n+++ {names[1]}\t{label}\n"
    if old is None or new is None:
        return f"{header}Binary: {_weight(before)} -> {_weight(after)}\n"
    if old == new:  # An empty file is created or deleted.
        return header
    lines = unified_diff(old, new, *names, "on disk", label)
    end = "\n\\ No newline at end of file\n"
    return "".join(line if line.endswith("\n") else line + end for line in lines)


def _lines(content: bytes | None) -> list[str] | None:
    """Return the lines of a text with their line ends; None for a binary file."""
    try:
        text = (content or b"").decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else re.findall(r"[^\n]*\n|[^\n]+", text)


def _weight(content: bytes | None) -> str:
    if content is None:
        return "no file"
    return f"{len(content)} bytes, SHA-256 {checksums.digest(content)}"
