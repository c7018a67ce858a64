"""The ground that renders build on: files below the project's folder, reached through no link.

A file is written beside its place, under a name that Terraform does not read, and then takes
the place at once; nobody ever sees half of one.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from finbase.errors import TreeError

__all__ = ["MARK", "ProjectFiles", "Tree", "is_finbase_path", "owner", "told"]

_OWNED_DEPTH = {"environments": 2, "modules": 3}
# What is written beside those: pins, the schema for editors, and what a release adds to.
_BESIDE = re.compile(
    r"environments/([^/]+\.yaml|environment\.schema\.json)|modules/releases\.lock"
    r"|modules/[^/]+/(CHANGELOG|UPGRADING)\.md|templates/modules/[^/]+/contract\.yaml"
)


def owner(path: PurePosixPath) -> PurePosixPath | None:
    """Give the stack or the module version that a file lies in; None outside of them all."""
    depth = _OWNED_DEPTH.get(path.parts[0], 0) if path.parts else 0
    return PurePosixPath(*path.parts[:depth]) if 0 < depth < len(path.parts) else None


def is_finbase_path(path: PurePosixPath) -> bool:
    """Say whether a command of finbase ever writes to a path."""
    return owner(path) is not None or _BESIDE.fullmatch(str(path)) is not None


@contextlib.contextmanager
def told(verb: str, hint: str | None = None) -> Iterator[None]:
    """Make a ``TreeError`` of what the system says about a file."""
    try:
        yield
    except OSError as error:
        name = error.filename2 or error.filename
        raise TreeError(f"cannot {verb} {name}: {error.strerror or error}", hint) from error


class ProjectFiles:
    """The project's folder, and a look at all that leads to a file in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sound: set[PurePosixPath] = {PurePosixPath()}

    def place(self, path: PurePosixPath) -> Path:
        """Give the place of a file, which may not be there yet.

        Raises ``TreeError`` for a path that leaves the project, leads through a symbolic link
        or is in the way of something else.
        """
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise TreeError(f"{path} leaves the project", "name a path below the project's folder")
        if path.parent not in self._sound:
            for folder in reversed(path.parents[:-1]):
                self._check(folder, "folder", stat.S_ISDIR)
            self._sound.add(path.parent)
        self._check(path, "file", stat.S_ISREG)
        return self.root / path

    def stage(self, place: Path, content: bytes) -> Path:
        """Write the content beside its place; it is there once the result is renamed to it."""
        place.parent.mkdir(parents=True, exist_ok=True)
        staged = self.staged(place)
        try:
            staged.unlink(missing_ok=True)
            with staged.open("xb") as file:
                file.write(content)
            staged.chmod(0o644)
        except OSError as error:
            error.filename = str(place)  # what people know, and never nothing
            raise
        return staged

    def staged(self, place: Path) -> Path:
        """Say where a file is written before it takes its place."""
        return place.with_name(f".{place.name}.finbase~")

    def prune(self, place: Path) -> None:
        """Delete the folders that are empty without this file."""
        for folder in place.parents:
            if folder == self.root:
                return
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:  # it still holds something
                return

    def _check(self, path: PurePosixPath, kind: str, is_kind: Callable[[int], bool]) -> None:
        try:
            mode = os.lstat(self.root / path).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISLNK(mode):
            raise TreeError(
                f"{path} is a symbolic link, and finbase reads and writes through none",
                hint="put the real folder or file there, or remove the link",
            )
        if not is_kind(mode):
            raise TreeError(f"{path} is not a {kind}, but has to be one", hint="move it away")


Tree: TypeAlias = Mapping[PurePosixPath, bytes]
"""Path, relative to the project → content."""


MARK = "Rendered by finbase from "
"""What the first line of every rendered file of HCL, Markdown or JSON says."""
