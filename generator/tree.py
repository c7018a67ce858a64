"""Rendered files against the ones that lie in the project: compare, show, write.

A render owns the folder of every module version and every stack that it holds a file of. In
there, what it does not hold is an orphan and goes; but nothing is written over or deleted
that does not say that finbase rendered it, and nothing is reached through a symbolic link.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from generator.errors import TreeError
from generator.render import MARK, Tree

__all__ = ["Changes", "Tree", "compare", "diff", "write"]

_MARKED = (".tf", ".md")
_MARKS = (f"# {MARK}".encode(), f"<!-- {MARK}".encode())
_OWNED_DEPTH = {"environments": 2, "modules": 3}
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

    @property
    def clean(self) -> bool:
        """Whether there is nothing to write and nothing to remove."""
        return not (self.created or self.changed or self.removed)


def compare(tree: Tree, root: Path) -> Changes:
    """Compare a tree with the files below ``root``; nothing is written.

    Raises ``TreeError`` for a path that leaves ``root``, leads through a symbolic link or is
    in the way, and for a file that cannot be read.
    """
    created: dict[PurePosixPath, bytes] = {}
    changed: dict[PurePosixPath, tuple[bytes, bytes]] = {}
    unchanged = []
    ground = _Ground(root)
    with _told("read"):
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
        present = sorted(file for folder in _owned(tree) for file in _walk(root, folder))
        removed = {path: ground.place(path).read_bytes() for path in present if path not in tree}
    return Changes(created, changed, removed, tuple(unchanged))


def diff(changes: Changes) -> str:
    """Show the changes as one unified diff, in the order of the paths."""
    entries: list[tuple[PurePosixPath, bytes | None, bytes | None]]
    entries = [(path, None, after) for path, after in changes.created.items()]
    entries += [(path, before, after) for path, (before, after) in changes.changed.items()]
    entries += [(path, before, None) for path, before in changes.removed.items()]
    return "".join(_entry(*entry) for entry in sorted(entries, key=lambda entry: entry[0]))


def write(changes: Changes, root: Path) -> None:
    """Write what differs, each file at once or not at all, then delete the orphans.

    Files that do not change are not touched. Raises ``TreeError``, before anything changes,
    where a file is not finbase's own, a path may not be written to, or the new content of all
    files does not fit beside the old.
    """
    after = {**changes.created, **{path: new for path, (_, new) in changes.changed.items()}}
    ground = _Ground(root)
    with _told("reach"):
        orphans = [ground.place(path) for path in changes.removed]
        places = {ground.place(path): content for path, content in after.items()}
    if foreign := sorted(_foreign(changes)):
        raise TreeError(
            "not rendered by finbase, so left alone, and nothing was written: "
            + ", ".join(map(str, foreign)),
            hint="move them out of the rendered folders, or delete them, and render again",
        )
    staged: dict[Path, Path] = {}
    try:
        with _told("write"):
            for place, content in places.items():
                place.parent.mkdir(parents=True, exist_ok=True)
                staged[place] = _stage(place, content)
            for place, temporary in staged.items():
                temporary.replace(place)
            for orphan in orphans:
                orphan.unlink()
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)
    for orphan in orphans:
        with contextlib.suppress(OSError):  # the first folder that still holds something
            for folder in orphan.parents:
                folder.rmdir()


def _stage(place: Path, content: bytes) -> Path:
    """Write the content beside its place, under a name that Terraform does not read."""
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", suffix="~", dir=place.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.chmod(0o644)
    except BaseException:
        temporary.unlink()
        raise
    return temporary


def _foreign(changes: Changes) -> Iterator[PurePosixPath]:
    """Yield the files that finbase cannot have written."""
    for path, before in changes.removed.items():
        if not _marked(path, before):
            yield path
    for path, (before, after) in changes.changed.items():
        if _marked(path, after) and not _marked(path, before):
            yield path


def _marked(path: PurePosixPath, content: bytes) -> bool:
    return path.suffix in _MARKED and content.startswith(_MARKS)


class _Ground:
    """The project's folder, and a look at all that leads to a file in it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._sound: set[PurePosixPath] = {PurePosixPath()}

    def place(self, path: PurePosixPath) -> Path:
        """Give the place of a file, which may not be there yet."""
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise TreeError(f"{path} leaves the project")
        if path.parent not in self._sound:
            for folder in reversed(path.parents[:-1]):
                self._check(folder, "folder", stat.S_ISDIR)
            self._sound.add(path.parent)
        self._check(path, "file", stat.S_ISREG)
        return self._root / path

    def _check(self, path: PurePosixPath, kind: str, is_kind: Callable[[int], bool]) -> None:
        try:
            mode = os.lstat(self._root / path).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISLNK(mode):
            raise TreeError(
                f"{path} is a symbolic link, and finbase reads and writes through none",
                hint="put the real folder or file there, or remove the link",
            )
        if not is_kind(mode):
            raise TreeError(f"{path} is not a {kind}, but has to be one", hint="move it away")


def _owned(paths: Iterable[PurePosixPath]) -> set[PurePosixPath]:
    """Give the folders of the module versions and stacks that the paths lie in."""
    depths = ((path, _OWNED_DEPTH.get(path.parts[0], 0)) for path in paths)
    return {PurePosixPath(*path.parts[:n]) for path, n in depths if 0 < n < len(path.parts)}


def _walk(root: Path, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield every file and link below a folder, but what is ignored."""
    if not (root / folder).is_dir():
        return
    for entry in os.scandir(root / folder):
        path = folder / entry.name
        if _IGNORED.fullmatch(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path)
        else:
            yield path


@contextlib.contextmanager
def _told(verb: str) -> Iterator[None]:
    """Tell what the system says about a file."""
    try:
        yield
    except OSError as error:
        name = error.filename2 or error.filename
        raise TreeError(f"cannot {verb} {name}: {error.strerror or error}") from error


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
    import hashlib

    if content is None:
        return "nothing"
    return f"{len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}"
