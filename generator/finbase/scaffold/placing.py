"""Create files and folders completely or not at all; never overwrite."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePath

from finbase.errors import FinbaseError, TreeError
from finbase.project.files import staged_path


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a template in which each name, such as ``@NAME@``, is replaced by its value."""
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def refuse_existing(path: Path, root: Path, hint: str) -> None:
    """Raise ``FinbaseError`` if a file or folder of the project exists."""
    if path.exists() or path.is_symlink():
        raise FinbaseError(f"{path.relative_to(root).as_posix()} already exists", hint)


@contextmanager
def new_file(target: Path, content: bytes) -> Iterator[None]:
    """Write a file and its parent folders; remove them again if the block fails.

    Raises ``TreeError`` if it exists or cannot be written.
    """
    with ExitStack() as undo:
        with _write_errors(target):
            _make(target.parent, undo)
            file = target.open("xb")
            undo.callback(_quietly, target.unlink)
            with file:
                file.write(content)
        yield
        undo.pop_all()


def new_folder(target: Path, files: Mapping[PurePath, bytes]) -> None:
    """Write a folder with files, which are named by their paths inside it.

    It is written to a temporary folder and then renamed. Raises ``TreeError`` and leaves nothing
    behind if one file cannot be written.
    """
    staged = staged_path(target)
    with ExitStack() as undo:
        with _write_errors(target):
            shutil.rmtree(staged, ignore_errors=True)  # The rest of a killed process.
            _make(target.parent, undo)
        undo.callback(shutil.rmtree, staged, ignore_errors=True)
        for name, content in files.items():
            with _write_errors(target / name):
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                (staged / name).write_bytes(content)
        with _write_errors(target):
            staged.rename(target)
        undo.pop_all()


def _make(folder: Path, undo: ExitStack) -> None:
    """Create a folder and its parents; ``undo`` removes only those that did not exist."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir()
        undo.callback(_quietly, missing.rmdir)


def _quietly(remove: Callable[[], None]) -> None:
    """Remove a file or folder; ignores errors, because the first error is reported."""
    with suppress(OSError):
        remove()


@contextmanager
def _write_errors(target: Path) -> Iterator[None]:
    """Raise ``TreeError`` with the final path; the system names a temporary one, or none."""
    try:
        yield
    except OSError as error:
        what = f"cannot write {target}: {error.strerror or error}"
        raise TreeError(what, "nothing was written") from error
