"""What files were in earlier commits: a help to put something back, and not a need."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from finbase.errors import FinbaseError
from finbase.project.git import Repository

__all__ = ["Snapshot", "contents", "snapshots"]


@dataclass(frozen=True)
class Snapshot:
    """The files of a folder as one commit had them, by path inside the folder."""

    commit: str
    files: dict[PurePosixPath, bytes]


def snapshots(root: Path, folder: PurePosixPath) -> Iterator[Snapshot]:
    """Yield the folder as the commits that changed it left it, newest first, at most 50.

    Yields nothing where there is no git or no repository.
    """
    with contextlib.suppress(FinbaseError):
        repository = Repository(root)
        for commit in repository.changes_of(folder):
            files = repository.at(commit, lambda path: path.is_relative_to(folder))
            yield Snapshot(commit, {path.relative_to(folder): c for path, c in files.items()})


def contents(root: Path, path: PurePosixPath) -> Iterator[tuple[str, bytes]]:
    """Yield a file as the commits that changed it left it, with their names; as above.

    A commit that deleted it left it empty.
    """
    with contextlib.suppress(FinbaseError):
        repository = Repository(root)
        for commit in repository.changes_of(path):
            yield commit, repository.at(commit, path.__eq__).get(path, b"")
