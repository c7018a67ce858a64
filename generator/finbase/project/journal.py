"""Allow one render at a time in a project, and undo a render that was interrupted.

One file serves both. The process that holds its lock may write; the kernel releases the lock of
a killed process. While files are written, the journal contains the previous content of each.
The next process that gets the lock restores them if the journal is not empty.

A journal that came with a commit, a copy or an archive would overwrite people's files. So it is
sealed: it counts only in the file, on the machine and since the start in which it was written.

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
from finbase.project.files import GIT, ProjectFiles, is_finbase_path, staged_path, wrap_os_errors

NAME = ".finbase-journal"
_PATIENCE = 10.0
_SECONDS = 30.0
_PAUSE = 0.05
_MOST_BYTES = 256 << 20
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

Step: TypeAlias = tuple[bytes | None, bytes | None]
"""Content of a file before and after; None if the file does not exist."""

_Steps = Mapping[PurePosixPath, tuple[bytes | None, str | None]]
"""Path → content before and SHA-256 after; None if the file does not exist."""


@dataclass(frozen=True)
class Undone:
    """What happened to the files that an interrupted render had changed."""

    restored: tuple[PurePosixPath, ...]
    left: tuple[PurePosixPath, ...]
    """Files that were changed again since then, or that the journal of another file or machine
    names. They are left unchanged."""


class Journal:
    """The exclusive right to write in a project, while ``hold`` is active."""

    def __init__(self, root: Path, handle: int) -> None:
        self.files = ProjectFiles(root)
        self.undone: Undone | None = None
        self._handle = handle
        if os.fstat(handle).st_size:
            _refuse_tracked(root)
            steps, is_own = self._read()
            with wrap_os_errors("undo an interrupted render:", "fix the cause and render again"):
                self.undone = self._undo(steps) if is_own else Undone((), tuple(steps))
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

        files = {
            str(path): [None if before is None else base64.b64encode(before).decode(), digest]
            for path, (before, digest) in steps.items()
        }
        record = {"seal": _seal(files, self._handle), "files": files}
        rest = memoryview(json.dumps(record).encode())
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError as error:
            error.filename = NAME
            raise

    def _read(self) -> tuple[_Steps, bool]:
        """Return the steps, and whether this journal was written here."""
        import base64
        import hmac
        import json

        size = os.fstat(self._handle).st_size
        if size > _MOST_BYTES:
            raise TreeError(f"{NAME} has {size} bytes, so no render wrote it", "delete the file")
        content = os.pread(self._handle, size, 0)
        try:
            record = json.loads(content)
            seal, files = record.get("seal", ""), record.get("files", record)
            steps = {
                PurePosixPath(path): (None if text is None else base64.b64decode(text), digest)
                for path, (text, digest) in files.items()
            }
            return steps, hmac.compare_digest(seal.encode(), _seal(files, self._handle).encode())
        except (AttributeError, RecursionError, TypeError, ValueError):
            return {}, True  # Interrupted while the journal was written: no file was changed yet.

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
    path = root / NAME
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
        return (root / NAME).lstat().st_size > 0
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
    """Return the handle of the journal, opened and locked, or None if another process has it.

    A process that finishes deletes the journal, so the locked file may no longer be the one at
    ``path``. That lock protects nothing, so this tries again with the file that is there now.
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


def _refuse_tracked(root: Path) -> None:
    """Refuse a journal that git tracks: somebody else wrote it."""
    from finbase.system.processes import Processes

    command = [*GIT, "ls-files", "--error-unmatch", "--", NAME]
    with contextlib.suppress(OSError), Processes() as processes:
        if processes.run(command, cwd=root, seconds=_SECONDS).code == 0:
            raise TreeError(
                f"git tracks {NAME}, so it was not written by an interrupted render here",
                f"git rm --force {NAME}",
            )


def _seal(files: Mapping[str, object], handle: int) -> str:
    """Return a checksum of the files and of what nobody can know or choose from afar.

    That is the start of this machine and the number of the journal's file.
    """
    import json

    status = os.fstat(handle)
    own = [_boot(), status.st_dev, status.st_ino, status.st_uid]
    return checksums.digest(json.dumps([own, files], sort_keys=True).encode())


def _boot() -> str:
    """Return the random number of the machine's start."""
    if _BOOT_ID.exists():
        return _BOOT_ID.read_text().strip()
    from finbase.system.processes import Processes

    command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]  # macOS
    with Processes() as processes:
        done = processes.run(command, seconds=_SECONDS)
    if done.code != 0:
        raise OSError(done.stderr.strip())
    return done.stdout.decode().strip()


def _digest(content: bytes | None) -> str | None:
    return None if content is None else checksums.digest(content)
