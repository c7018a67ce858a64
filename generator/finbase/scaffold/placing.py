"""New files and folders, that are there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePath

from finbase.errors import TreeError

__all__ = ["new_file", "new_folder"]


@contextmanager
def new_file(place: Path, content: bytes) -> Iterator[None]:
    """Write a file, with the folders above it; where that or the block fails, nothing is left.

    Raises ``TreeError`` where it cannot be written, also for a file that is there.
    """
    with ExitStack() as undo:
        with _told(place):
            _make(place.parent, undo)
            file = place.open("xb")
            undo.callback(_quietly, place.unlink)
            with file:
                file.write(content)
        yield
        undo.pop_all()


def new_folder(place: Path, files: Mapping[PurePath, bytes]) -> None:
    """Write files, named by their paths below ``place``, into a folder of their own.

    It is written beside its place, and there at once. Raises ``TreeError`` where one of them
    cannot be written; then nothing is left.
    """
    staged = place.with_name(f".{place.name}.finbase~")
    with ExitStack() as undo:
        with _told(place):
            shutil.rmtree(staged, ignore_errors=True)  # What is left of one that was killed.
            _make(place.parent, undo)
        undo.callback(shutil.rmtree, staged, ignore_errors=True)
        for name, content in files.items():
            with _told(place / name):
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                (staged / name).write_bytes(content)
        with _told(place):
            staged.rename(place)
        undo.pop_all()


def _make(folder: Path, undo: ExitStack) -> None:
    """Make a folder and those above it; only what is made here is removed again."""
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir()
        undo.callback(_quietly, missing.rmdir)


def _quietly(remove: Callable[[], None]) -> None:
    """Remove what can be removed: what is told is why the whole failed."""
    with suppress(OSError):
        remove()


@contextmanager
def _told(place: Path) -> Iterator[None]:
    """Name the file: of a write the system names none, and of a staged file another."""
    try:
        yield
    except OSError as error:
        what = f"cannot write {place}: {error.strerror or error}"
        raise TreeError(what, "nothing was written") from error
