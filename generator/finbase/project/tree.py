"""Rendered files against the ones that lie in the project: compare, show, write.

A render owns the folder of every module version and every stack that it holds a file of. In
there, what it does not hold is an orphan and goes; but nothing is written over or deleted
that finbase is not known to have rendered, unless that is forced, and nothing is reached
through a symbolic link.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from finbase.errors import TreeError
from finbase.project import checksums
from finbase.project.files import MARK, ProjectFiles, Tree, owner, told
from finbase.project.journal import Journal, Step

__all__ = [
    "Changes",
    "Step",
    "Tree",
    "apply",
    "compare",
    "diff",
    "difference",
    "lay_out",
    "read_folder",
    "walk",
    "write",
]

_MARKED = (".tf", ".md", ".hcl", ".json")
_MARKS = tuple(f"{start}{MARK}".encode() for start in ("# ", "<!-- ", '{"$comment": "'))
# What Terraform makes, and what it does not read: hidden files and the copies of editors.
_IGNORED = re.compile(r"\..*|.*~|#.*#|__pycache__|.*\.tfstate(\..*)?|.*\.tfplan")


@dataclass(frozen=True)
class Changes:
    """What writing a tree would do, by path. Every mapping is in the order of the paths."""

    created: Mapping[PurePosixPath, bytes]
    changed: Mapping[PurePosixPath, tuple[bytes, bytes]]
    """Content before and after."""
    removed: Mapping[PurePosixPath, bytes]
    unchanged: tuple[PurePosixPath, ...]
    foreign: tuple[PurePosixPath, ...] = ()
    """What would be lost of it that finbase is not known to have rendered."""
    abandoned: Mapping[PurePosixPath, tuple[str, ...]] = field(default_factory=dict)
    """Stack whose environment is gone → names of what is Terraform's there, and stays."""

    @property
    def steps(self) -> dict[PurePosixPath, Step]:
        """What has to be written and deleted, for ``apply``."""
        return {
            **{path: (None, after) for path, after in self.created.items()},
            **self.changed,
            **{path: (before, None) for path, before in self.removed.items()},
        }

    @property
    def clean(self) -> bool:
        """Whether there is nothing to write and nothing to remove."""
        return not (self.created or self.changed or self.removed)


def compare(tree: Tree, root: Path, *, whole: bool = False) -> Changes:
    """Compare a tree with the files below ``root``; nothing is written.

    A ``whole`` tree holds every environment, so a rendered stack that it does not hold is
    abandoned. Raises ``TreeError`` for a path that leaves ``root``, leads through a symbolic
    link or is in the way, and for a file that cannot be read.
    """
    created: dict[PurePosixPath, bytes] = {}
    changed: dict[PurePosixPath, tuple[bytes, bytes]] = {}
    unchanged = []
    ground = ProjectFiles(root)
    with told("read"):
        for path, after in sorted(tree.items()):
            try:
                before = ground.place(path).read_bytes()
            except FileNotFoundError:
                created[path] = after
                continue
            if before == after:
                unchanged.append(path)
            else:
                changed[path] = (before, after)
        owned = {folder for folder in map(owner, tree) if folder}
        abandoned = dict(_abandoned(ground, owned) if whole else ())
        present = sorted(file for folder in owned | abandoned.keys() for file in walk(root, folder))
        removed = {path: ground.place(path).read_bytes() for path in present if path not in tree}
        lost = {path: before for path, (before, _) in changed.items()} | removed
        foreign = tuple(_foreign(ground, lost))
    return Changes(created, changed, removed, tuple(unchanged), foreign, abandoned)


def diff(changes: Changes) -> str:
    """Show the changes as one unified diff, in the order of the paths."""
    before = {path: old for path, (old, _) in changes.changed.items()} | {**changes.removed}
    after = {path: new for path, (_, new) in changes.changed.items()} | {**changes.created}
    return difference(before, after)


def difference(before: Tree, after: Tree) -> str:
    """Show what leads from one tree to another as one unified diff, in the order of the paths."""
    return "".join(
        _entry(path, before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    )


def write(changes: Changes, journal: Journal, *, force: bool = False) -> None:
    """Write what differs and delete the orphans: all of it, or nothing where anything fails.

    Files that do not change are not touched. Raises ``TreeError`` as ``apply`` does, and,
    without ``force``, where a file would be lost that finbase did not render.
    """
    if changes.foreign and not force:
        raise TreeError(
            "not rendered by finbase, so left alone, and nothing was written: "
            + ", ".join(map(str, changes.foreign)),
            hint="move them out of the rendered folders and render again; or, if they can go, "
            "`finbase render --force` writes over them and deletes them",
        )
    apply(changes.steps, journal)


def apply(steps: Mapping[PurePosixPath, Step], journal: Journal) -> None:
    """Take every step, or none.

    Raises ``TreeError`` for a place that may not be written to, and for whatever the system
    says.
    """
    ground = journal.ground
    with told("reach"):
        places = {ground.place(path): after for path, (_, after) in steps.items()}
    if not steps:
        return
    with told("write", "nothing was changed"), journal.all_or_nothing(steps):
        staged = {p: ground.stage(p, after) for p, after in places.items() if after is not None}
        for place, temporary in staged.items():
            temporary.replace(place)
        for orphan in places.keys() - staged.keys():
            orphan.unlink()
            ground.prune(orphan)


def _foreign(ground: ProjectFiles, lost: Mapping[PurePosixPath, bytes]) -> Iterator[PurePosixPath]:
    """Yield those of the files about to be ``lost`` that finbase cannot be known to have written.

    It wrote what bears its mark, and what a list of checksums with its mark vouches for.
    """
    lists: dict[PurePosixPath, Mapping[str, str]] = {}
    for path, content in sorted(lost.items()):
        if _marked(path, content):
            continue
        folder = owner(path) or path.parent
        if folder not in lists:
            lists[folder] = _checksums(folder, ground)
        if lists[folder].get(str(path.relative_to(folder))) != checksums.digest(content):
            yield path


def _checksums(folder: PurePosixPath, ground: ProjectFiles) -> Mapping[str, str]:
    path = folder / checksums.FILE_NAME
    with contextlib.suppress(FileNotFoundError):
        content = ground.place(path).read_bytes()
        if _marked(path, content):
            return checksums.parse(content)
    return {}


def _marked(path: PurePosixPath, content: bytes) -> bool:
    may = path.suffix in _MARKED or path.name == checksums.FILE_NAME
    return may and content.startswith(_MARKS)


def _abandoned(
    ground: ProjectFiles, owned: Set[PurePosixPath]
) -> Iterator[tuple[PurePosixPath, tuple[str, ...]]]:
    """Yield each stack that was rendered, but no more, with the names of what is not rendered."""
    home = PurePosixPath("environments")
    for entry in sorted(os.scandir(ground.root / home), key=lambda entry: entry.name):
        folder = home / entry.name
        if folder in owned or not entry.is_dir(follow_symlinks=False):
            continue
        files = (path for path in walk(ground.root, folder) if path.suffix in _MARKED)
        if any(_marked(path, ground.place(path).read_bytes()) for path in files):
            inside = sorted(each.name for each in os.scandir(entry))
            yield folder, tuple(name for name in inside if _IGNORED.fullmatch(name))


def walk(root: Path, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield every file and link below a folder, but what is ignored."""
    if not (root / folder).is_dir():
        return
    for entry in os.scandir(root / folder):
        path = folder / entry.name
        if _IGNORED.fullmatch(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from walk(root, path)
        else:
            yield path


def read_folder(root: Path, folder: PurePosixPath) -> dict[PurePosixPath, bytes]:
    """Read every file below a folder of the project; raises ``TreeError`` as ``compare`` does."""
    ground = ProjectFiles(root)
    with told("read"):
        return {path: ground.place(path).read_bytes() for path in walk(root, folder)}


def lay_out(tree: Tree, scratch: Path) -> None:
    """Write a tree below a scratch folder of our own, where nothing has to be kept."""
    for path, content in tree.items():
        place = scratch / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _entry(path: PurePosixPath, before: bytes | None, after: bytes | None) -> str:
    from difflib import unified_diff

    old, new = (_lines(content) for content in (before, after))
    names = (
        "/dev/null" if before is None else f"a/{path}",
        "/dev/null" if after is None else f"b/{path}",
    )
    if old is None or new is None:
        return f"--- {names[0]}\n+++ {names[1]}\nBinary: {_weight(before)} -> {_weight(after)}\n"
    if old == new:  # an empty file that comes or goes
        return f"--- {names[0]}\n+++ {names[1]}\n"
    lines = unified_diff(old, new, *names)
    end = "\n\\ No newline at end of file\n"
    return "".join(line if line.endswith("\n") else line + end for line in lines)


def _lines(content: bytes | None) -> list[str] | None:
    """Split text into its lines, ends kept; None for what is not text."""
    try:
        text = (content or b"").decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else re.findall(r"[^\n]*\n|[^\n]+", text)


def _weight(content: bytes | None) -> str:
    if content is None:
        return "nothing"
    return f"{len(content)} bytes, SHA-256 {checksums.digest(content)}"
