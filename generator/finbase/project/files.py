"""Access files inside the project safely: never through a symbolic link, never half-written.

A file is written to a temporary name beside it, which Terraform does not read, and then renamed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from finbase.errors import TreeError
from finbase.system.printable import printable_name

_OWNED_DEPTH = {"environments": 2, "modules": 3}
# Other files that finbase writes: pins, the schema for editors, and what a release adds to.
_BESIDE = re.compile(
    r"environments/([^/]+\.yaml|environment\.schema\.json)|modules/releases\.lock"
    r"|modules/[^/]+/(CHANGELOG|UPGRADING)\.md|templates/modules/[^/]+/contract\.yaml"
)

# A commit can contain files that git takes for a bare repository of its own, if the project is in a
# subfolder: its configuration would run programs, and hide what is tracked. A replaced object would
# show another history than the one that everybody else fetches.
GIT = (
    *("git", "--no-replace-objects"),
    *("-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false"),
)
"""The command that reads the repository of a project, and runs no program of it."""


def owner(path: PurePosixPath) -> PurePosixPath | None:
    """Return the folder of the stack or module version that contains a file, or None.

    >>> owner(PurePosixPath("modules/cache/1.0.0/tests/a.tftest.hcl"))
    PurePosixPath('modules/cache/1.0.0')
    >>> owner(PurePosixPath("modules/releases.lock")) is None
    True
    """
    depth = _OWNED_DEPTH.get(path.parts[0], 0) if path.parts else 0
    return PurePosixPath(*path.parts[:depth]) if 0 < depth < len(path.parts) else None


def is_finbase_path(path: PurePosixPath) -> bool:
    """Return True if some command of finbase writes to a path."""
    return owner(path) is not None or _BESIDE.fullmatch(str(path)) is not None


@contextlib.contextmanager
def wrap_os_errors(verb: str, hint: str | None = None) -> Iterator[None]:
    """Raise a ``TreeError`` instead of an ``OSError``: "cannot <verb> <file>: <reason>"."""
    try:
        yield
    except OSError as error:
        name = error.filename2 or error.filename
        raise TreeError(f"cannot {verb} {name}: {error.strerror or error}", hint) from error


def first_reason(error: OSError) -> tuple[str, bool]:
    """Return why a copy failed, and whether the disk is full.

    ``shutil.copytree`` collects the errors of all files, and has their texts only.

    >>> first_reason(shutil.Error([("a", "b", "[Errno 28] No space left on device: 'a' -> 'b'")]))
    ("No space left on device: 'a' -> 'b'", True)
    """
    why = str(error.args[0][0][2]) if isinstance(error, shutil.Error) else str(error)
    number = re.match(r"\[Errno ([0-9]+)\] ", why)
    full = number is not None and int(number[1]) in (errno.ENOSPC, errno.EDQUOT)
    return why.removeprefix(number[0]) if number else why, full


def staged_path(path: Path) -> Path:
    """Return the temporary name that a file or folder has while it is written.

    >>> staged_path(Path("main.tf")).name
    '.main.tf.finbase~'
    """
    return path.with_name(f".{path.name}.finbase~")


def is_real_file(path: Path) -> bool:
    """Return whether a path is a regular file, and not a link to one."""
    return path.is_file() and not path.is_symlink()


def refuse_links(folder: Path) -> None:
    """Raise ``TreeError`` if a folder, or anything below it, is a link or a special file.

    A link in a project can lead to a secret of the machine that reads the project, and finbase
    prints what it reads: differences, messages, the text of controls. It prints names as well, so
    one with a line break or an invisible character is refused. A missing folder has none.
    """
    queue = [folder] if os.path.lexists(folder) else []
    while queue:
        path = queue.pop()
        mode = os.lstat(path).st_mode
        if printable_name(path.name) != path.name:
            raise TreeError(
                f"{printable_name(path)} has a character in its name that cannot be printed",
                "rename it, or remove it",
            )
        if stat.S_ISDIR(mode):
            queue += [Path(entry) for entry in os.scandir(path)]
        elif not stat.S_ISREG(mode):
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
            raise TreeError(
                f"{printable_name(path)} is {kind}", "replace it by the real file, or remove it"
            )


class ProjectFiles:
    """Safe access to files inside the project (never through a symbolic link)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._checked: set[PurePosixPath] = {PurePosixPath()}

    def resolve(self, path: PurePosixPath) -> Path:
        """Return the absolute path of a file that exists or may be created.

        Raises ``TreeError`` for a path outside the project or through a symbolic link, and for a
        file or folder of the wrong type on the way.
        """
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise TreeError(
                f"{path} is not a relative path inside the project",
                "write the path relative to the project's folder, without `..`",
            )
        if path.parent not in self._checked:
            for folder in reversed(path.parents[:-1]):
                self._check(folder, "folder", stat.S_ISDIR)
            self._checked.add(path.parent)
        return self._check(path, "file", stat.S_ISREG)

    def read(self, path: PurePosixPath) -> bytes | None:
        """Return the content of a file; None if it does not exist. Raises as ``resolve``."""
        file = self.resolve(path)
        return file.read_bytes() if file.exists() else None

    def stage(self, path: Path, content: bytes) -> Path:
        """Write content to the temporary name of a file; the caller renames the result."""
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = staged_path(path)
        try:
            staged.unlink(missing_ok=True)
            with staged.open("xb") as file:
                file.write(content)
            staged.chmod(0o644)
        except OSError as error:
            error.filename = str(path)  # Users understand this name, not the temporary one.
            raise
        return staged

    def prune(self, path: Path) -> None:
        """Delete the parent folders of a removed file that are now empty."""
        for folder in path.parents:
            if folder == self.root:
                return
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:  # The folder is not empty.
                return

    def _check(self, path: PurePosixPath, kind: str, is_kind: Callable[[int], bool]) -> Path:
        file = self.root / path
        try:
            mode = os.lstat(file).st_mode
        except FileNotFoundError:
            return file
        if stat.S_ISLNK(mode):
            raise TreeError(
                f"{path} is a symbolic link, which finbase does not follow",
                hint="replace the link by the real file or folder, or remove it",
            )
        if not is_kind(mode):
            raise TreeError(f"{path} must be a {kind}", hint="move it away")
        return file


Tree: TypeAlias = Mapping[PurePosixPath, bytes]
"""Path, relative to the project → content."""


MARK = "Rendered by finbase from "
"""Text in the first line of every rendered HCL, Markdown or JSON file."""
