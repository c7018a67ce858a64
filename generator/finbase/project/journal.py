"""Allow one render at a time in a project, and undo a render that was interrupted.

One file serves both. The process that holds its lock may write; the kernel releases the lock of
a killed process. While files are written, the journal contains the previous content of each.
The next process that gets the lock restores them if the journal is not empty.

Nothing is flushed to disk: the journal covers a killed render and a full disk, not a power cut.
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
from finbase.project.files import ProjectFiles, is_finbase_path, staged_path, wrap_os_errors

_NAME = ".finbase-journal"
_PATIENCE = 10.0
_PAUSE = 0.05

Step: TypeAlias = tuple[bytes | None, bytes | None]
"""Content of a file before and after; None if the file does not exist."""

_Steps = Mapping[PurePosixPath, tuple[bytes | None, str | None]]
"""Path → content before and SHA-256 after; None if the file does not exist."""


@dataclass(frozen=True)
class Undone:
    """What happened to the files that an interrupted render had changed."""

    restored: tuple[PurePosixPath, ...]
    left: tuple[PurePosixPath, ...]
    """Files that were changed again since then, and are left unchanged."""


class Journal:
    """The exclusive right to write in a project, while ``hold`` is active."""

    def __init__(self, root: Path, handle: int) -> None:
        self.files = ProjectFiles(root)
        self.undone: Undone | None = None
        self._handle = handle
        if os.fstat(handle).st_size:
            steps = self._read()
            with wrap_os_errors("undo an interrupted render:", "fix the cause and render again"):
                self.undone = self._undo(steps)
                self._clear()

    @contextlib.contextmanager
    def all_or_nothing(self, changes: Mapping[PurePosixPath, Step]) -> Iterator[None]:
        """Undo what the block does to files if it fails.

        ``changes`` lists all files that the block may write or delete. If the process is killed,
        the next ``hold`` undoes the block.
        """
        steps = {path: (before, _digest(after)) for path, (before, after) in changes.items()}
        try:
            self._write(steps)
            yield
        except BaseException as error:
            try:
                self._undo(steps)
                self._clear()
            except OSError as trouble:
                raise TreeError(
                    f"the files are partly written: {error}; undoing that failed too: {trouble}",
                    "fix the cause; the next `finbase render` undoes the rest",
                ) from error
            raise
        self._clear()

    def _write(self, steps: _Steps) -> None:
        import base64
        import json

        record = {
            str(path): [None if before is None else base64.b64encode(before).decode(), digest]
            for path, (before, digest) in steps.items()
        }
        rest = memoryview(json.dumps(record).encode())
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
            record = json.loads(content)
            return {
                PurePosixPath(path): (None if text is None else base64.b64decode(text), digest)
                for path, (text, digest) in record.items()
            }
        except (AttributeError, TypeError, ValueError):
            return {}  # Interrupted while the journal was written: no file was changed yet.

    def _undo(self, steps: _Steps) -> Undone:
        restored, left = [], []
        for path, (before, digest) in steps.items():
            try:
                if not is_finbase_path(path):  # The journal was forged or is damaged.
                    raise TreeError(f"{path} is not written by finbase", "it is left unchanged")
                file = self.files.resolve(path)
            except TreeError:
                left.append(path)
                continue
            staged_path(file).unlink(missing_ok=True)
            now = file.read_bytes() if file.exists() else None
            if now != before and _digest(now) != digest:
                left.append(path)
            elif now != before:
                restored.append(path)
                if before is None:
                    file.unlink()
                else:
                    self.files.stage(file, before).replace(file)
            if before is None:
                self.files.prune(file)
        return Undone(tuple(restored), tuple(left))

    def _clear(self) -> None:
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)


@contextlib.contextmanager
def hold(
    root: Path, waiting: Callable[[float], object], patience: float = _PATIENCE
) -> Iterator[Journal]:
    """Lock the project at ``root`` for writing, and undo an interrupted render.

    If another render is running, calls ``waiting`` once with ``patience``, the seconds to wait.
    Raises ``TreeError`` if that render does not end in time, or the journal cannot be written.
    """
    path = root / _NAME
    with wrap_os_errors("write", "`finbase render --check` only reads"):
        handle = _locked(path, waiting, patience)
    try:
        yield Journal(root, handle)
    finally:
        with contextlib.suppress(OSError):
            if os.fstat(handle).st_size == 0:  # Otherwise there is still something to undo.
                path.unlink()
        os.close(handle)


def is_pending(root: Path) -> bool:
    """Return True if a render is writing now, or was interrupted and is not undone yet."""
    try:
        return (root / _NAME).lstat().st_size > 0
    except OSError:
        return False


def _locked(path: Path, waiting: Callable[[float], object], patience: float) -> int:
    """Open and lock the journal; returns the file descriptor."""
    handle = _try_lock(path)
    if handle is None:
        waiting(patience)
    end = time.monotonic() + patience
    while handle is None:
        if time.monotonic() > end:
            raise TreeError(
                f"another render has been running in {path.parent} for over {patience:g} s",
                "wait until it ends, or stop it, and render again; its changes are then undone",
            )
        time.sleep(_PAUSE)
        handle = _try_lock(path)
    return handle


def _try_lock(path: Path) -> int | None:
    """Open and lock the journal; returns None if another process has it.

    A process that finishes deletes the journal, so the locked file may no longer be the one at
    ``path``. The lock is then worthless, and the file that is there now is tried.
    """
    while True:
        with contextlib.ExitStack() as stack:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            stack.callback(os.close, handle)
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise TreeError(f"{path} must be a file", "move it away")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(path.lstat(), os.fstat(handle)):
                    stack.pop_all()
                    return handle


def _digest(content: bytes | None) -> str | None:
    return None if content is None else checksums.digest(content)
