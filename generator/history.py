"""What files were in the commits of the project's git repository; nothing is written there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["Snapshot", "contents", "snapshots"]

_MOST = 50
_SECONDS = 20.0


@dataclass(frozen=True)
class Snapshot:
    """The files of a folder as one commit had them, by path inside the folder."""

    commit: str
    files: dict[PurePosixPath, bytes]


def snapshots(root: Path, folder: PurePosixPath) -> Iterator[Snapshot]:
    """Yield the folder as the commits that changed it left it, newest first, at most 50.

    Yields nothing where there is no git or no repository: history is a help, not a need.
    """
    for name in _commits(root, folder):
        listed = _git(root, "ls-tree", "-r", "-z", "--name-only", name, "--", f"{folder}/")
        paths = [PurePosixPath(os.fsdecode(path)) for path in listed.split(b"\0") if path]
        yield Snapshot(
            name,
            {
                path.relative_to(folder): _git(root, "cat-file", "blob", f"{name}:./{path}")
                for path in paths
            },
        )


def contents(root: Path, path: PurePosixPath) -> Iterator[tuple[str, bytes]]:
    """Yield a file as the commits that changed it left it, with their names; as above."""
    for name in _commits(root, path):
        yield name, _git(root, "cat-file", "blob", f"{name}:./{path}")


def _commits(root: Path, path: PurePosixPath) -> list[str]:
    listed = _git(root, "rev-list", f"--max-count={_MOST}", "HEAD", "--", str(path))
    return listed.decode().split()


def _git(root: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=root,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""
