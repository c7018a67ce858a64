"""One render at a time in a project, and a record from which a cut one is undone.

One file is both. Who holds its lock may write; the kernel frees the lock of who is killed. Its
content, there only while files are written, says what each file was before. So whoever gets
the lock and finds content undoes what an earlier render began, and the tree is the old one.

Nothing is flushed to the disk: this is for a render that is killed, or that runs into a full
disk, not for a machine that loses its power.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from finbase.errors import TreeError
from finbase.project import checksums
from finbase.project.files import ProjectFiles, is_finbase_path, told

__all__ = ["Journal", "Step", "Undone", "hold", "is_pending"]

_NAME = ".finbase-journal"
_PATIENCE = 10.0
_PAUSE = 0.05

Step: TypeAlias = tuple[bytes | None, bytes | None]
"""Content of a file before and after; None where there is no file."""

_Steps = Mapping[PurePosixPath, tuple[bytes | None, str | None]]
"""Path → content before and SHA-256 after; None where there is no file."""


@dataclass(frozen=True)
class Undone:
    """What became of the files that an interrupted render had begun with."""

    restored: tuple[PurePosixPath, ...]
    left: tuple[PurePosixPath, ...]
    """Files that somebody else has changed since, and that are left as they are."""


class Journal:
    """The right to write in a project, for as long as ``hold`` gives it."""

    def __init__(self, root: Path, handle: int) -> None:
        self.ground = ProjectFiles(root)
        self.undone: Undone | None = None
        self._handle = handle
        if os.fstat(handle).st_size:
            steps = self._read()
            with told("undo an interrupted render:", "mend that, and render again"):
                self.undone = self._undo(steps)
                self._clear()

    @contextlib.contextmanager
    def all_or_nothing(self, changes: Mapping[PurePosixPath, Step]) -> Iterator[None]:
        """Keep what the block does to files, or undo it where the block fails.

        ``changes`` are all files that it may write or delete: content before and after, None
        where there is no file. A block that is killed is undone by the next ``hold``.
        """
        steps = {path: (before, _digest(after)) for path, (before, after) in changes.items()}
        try:
            self._note(steps)
            yield
        except BaseException as error:
            try:
                self._undo(steps)
                self._clear()
            except OSError as trouble:
                raise TreeError(
                    f"the files are half-written: {error}; undoing that failed too: {trouble}",
                    "mend the cause; the next `finbase render` undoes what is left of this one",
                ) from error
            raise
        self._clear()

    def _note(self, steps: _Steps) -> None:
        import base64
        import json

        noted = {
            str(path): [None if before is None else base64.b64encode(before).decode(), digest]
            for path, (before, digest) in steps.items()
        }
        rest = memoryview(json.dumps(noted).encode())
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError as error:
            error.filename = _NAME
            raise

    def _read(self) -> _Steps:
        import base64
        import json

        content = os.pread(self._handle, os.fstat(self._handle).st_size, 0)
        try:
            noted = json.loads(content)
            return {
                PurePosixPath(path): (None if text is None else base64.b64decode(text), digest)
                for path, (text, digest) in noted.items()
            }
        except (AttributeError, TypeError, ValueError):
            return {}  # interrupted while it was noted, so before any file was touched

    def _undo(self, steps: _Steps) -> Undone:
        restored, left = [], []
        for path, (before, digest) in steps.items():
            try:
                if not is_finbase_path(path):  # no journal of finbase's says so
                    raise TreeError(f"{path} is not finbase's", "it is left as it is")
                place = self.ground.place(path)
            except TreeError:
                left.append(path)
                continue
            self.ground.staged(place).unlink(missing_ok=True)
            now = place.read_bytes() if place.exists() else None
            if now != before and _digest(now) != digest:
                left.append(path)
            elif now != before:
                restored.append(path)
                if before is None:
                    place.unlink()
                else:
                    self.ground.stage(place, before).replace(place)
            if before is None:
                self.ground.prune(place)
        return Undone(tuple(restored), tuple(left))

    def _clear(self) -> None:
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)


@contextlib.contextmanager
def hold(
    root: Path, waiting: Callable[[float], object], patience: float = _PATIENCE
) -> Iterator[Journal]:
    """Wait for the right to write in the project at ``root``, and undo an interrupted render.

    ``waiting`` is told the seconds, ``patience``, once another render is found at work.
    Raises ``TreeError`` where that one does not end in time, or nothing can be written.
    """
    path = root / _NAME
    with told("write", "`finbase render --check` only reads"):
        handle = _locked(path, waiting, patience)
    try:
        yield Journal(root, handle)
    finally:
        with contextlib.suppress(OSError):
            if os.fstat(handle).st_size == 0:  # nothing that is still to be undone
                path.unlink()
        os.close(handle)


def is_pending(root: Path) -> bool:
    """Say whether a render is writing at this moment, or was interrupted and not undone yet."""
    try:
        return (root / _NAME).lstat().st_size > 0
    except OSError:
        return False


def _locked(path: Path, waiting: Callable[[float], object], patience: float) -> int:
    """Open and lock the file, once it is the one that whoever comes next will find there."""
    end = None
    while True:
        with contextlib.ExitStack() as stack:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            stack.callback(os.close, handle)
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise TreeError(f"{path} is not a file, but has to be one", "move it away")
            if _lock(handle):
                if _is(path, handle):
                    stack.pop_all()
                    return handle
                continue
        if end is None:
            waiting(patience)
            end = time.monotonic() + patience
        elif time.monotonic() > end:
            raise TreeError(
                f"another render has been at work in {path.parent} for over {patience:g} s",
                "wait for it to end, or end it, and render again: what it began is undone",
            )
        time.sleep(_PAUSE)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except FileNotFoundError:  # who held the lock has deleted it at the end
        return False


def _digest(content: bytes | None) -> str | None:
    return None if content is None else checksums.digest(content)
