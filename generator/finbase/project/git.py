"""Read the files of the project's git repository: of a commit, and of the working tree."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from finbase.errors import FinbaseError
from finbase.project.files import GIT
from finbase.system.child_environ import child_environ
from finbase.system.processes import Finished, Processes

_Wanted = Callable[[PurePosixPath], bool]

_FOLDERS = ("environments", "modules")
_SECONDS = 120.0
# git reads its configuration at home. The other variables say which repository it is in: git itself
# sets them for a hook. No helper of git gets a credential, because files are read, never fetched.
_SETTINGS = (
    r"HOME|XDG_CONFIG_HOME|GIT_(DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|NAMESPACE"
    r"|ALTERNATE_OBJECT_DIRECTORIES|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM"
    r"|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM))"
)
_MOST = 50
_LINK_MODE, _SUBMODULE = "120000", "160000"
# No file starts like this, so none equals a link whose target is written like its content.
_LINK = b"\0symbolic link to "


def top_of_repository(root: Path) -> Path:
    """Return the nearest folder with ``.git`` at or above ``root``; ``root`` if there is none."""
    root = root.resolve()
    return next((f for f in (root, *root.parents) if (f / ".git").exists()), root)


def folder_in_repository(root: Path) -> PurePosixPath:
    """Return the path of a project in its repository; ``.`` is the root of the repository."""
    return PurePosixPath(root.resolve().relative_to(top_of_repository(root)).as_posix())


class Repository:
    """The git repository that contains the project at ``root``; it is only read.

    Raises ``FinbaseError`` if git is not installed or there is no repository.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        done = self._done("rev-parse", "--is-inside-work-tree")
        if done.code != 0:
            cause = done.stderr.strip().partition("\n")[0]
            raise FinbaseError(
                f"{root} is not in a readable git repository: {cause}",
                "clone the project with git; run `git status` there for more",
            )

    def commit(self, revision: str) -> str:
        """Return the commit id of a revision; raises ``FinbaseError`` if it does not exist."""
        unknown = FinbaseError(
            f"{revision!r} is not a commit of this repository",
            "name a branch, a tag or a commit; a shallow clone lacks older commits "
            "(run git fetch --unshallow)",
        )
        if not revision or "\0" in revision:
            raise unknown
        arguments = ("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        done = self._done(*arguments)
        if done.code != 0:
            raise unknown
        if " is ambiguous" in done.stderr:
            raise FinbaseError(
                f"{revision!r} is ambiguous: it names more than one branch, tag or commit",
                "write it in full, such as refs/remotes/origin/main; `git show-ref` lists all refs",
            )
        return done.stdout.decode().strip()

    def changes_of(self, path: PurePosixPath) -> list[str]:
        """Return the commits that changed a file or folder, newest first, at most 50."""
        listed = self.run("rev-list", f"--max-count={_MOST}", "HEAD", "--", str(path))
        return listed.decode().split()

    def is_shallow(self) -> bool:
        """Return whether the clone lacks older commits."""
        return self.run("rev-parse", "--is-shallow-repository").strip() == b"true"

    def versions_of(self, path: PurePosixPath) -> Iterator[tuple[str, bytes]]:
        """Yield every commit of HEAD's history that changed a file, and its content there.

        Merges count. Commits that deleted the file are left out.
        """
        listed = self.run("rev-list", "--full-history", "HEAD", "--", str(path))
        for commit in listed.decode().split():
            files = self.at(commit, path.__eq__)
            if path in files:
                yield commit, files[path]

    def at(self, commit: str, wanted: _Wanted) -> dict[PurePosixPath, bytes]:
        """Read the wanted files below ``environments/`` and ``modules/`` in a commit.

        The content of a symbolic link is its target, marked as one.
        """
        listed = self.run("ls-tree", "-r", "-z", commit, "--", *_FOLDERS)
        blobs: dict[PurePosixPath, str] = {}
        links: set[PurePosixPath] = set()
        for entry in filter(None, listed.split(b"\0")):
            header, _, name = entry.partition(b"\t")
            mode, _, blob = header.decode().split(" ")
            path = PurePosixPath(os.fsdecode(name))
            if mode != _SUBMODULE and wanted(path):
                blobs[path] = blob
                if mode == _LINK_MODE:
                    links.add(path)
        contents = self._contents(sorted(set(blobs.values())))
        return {
            path: _LINK + contents[blob] if path in links else contents[blob]
            for path, blob in blobs.items()
        }

    def now(self, wanted: _Wanted) -> dict[PurePosixPath, bytes]:
        """Read the wanted files on disk, except those that git ignores."""
        kinds = ("--cached", "--others", "--exclude-standard")
        listed = self.run("ls-files", "-z", *kinds, "--", *_FOLDERS)
        files: dict[PurePosixPath, bytes] = {}
        for name in filter(None, listed.split(b"\0")):
            path = PurePosixPath(os.fsdecode(name))
            file = self.root / path
            if not wanted(path):
                continue
            if file.is_symlink():
                files[path] = _LINK + os.fsencode(file.readlink())
            elif file.is_file():
                files[path] = file.read_bytes()
        return files

    def differs(self, commit: str, paths: Sequence[str]) -> bool:
        """Return True if a file at or below one of the paths differs from a commit."""
        changed = self.run("diff", "--name-only", commit, "--", *paths)
        new = self.run("ls-files", "--others", "--exclude-standard", "--", *paths)
        return bool(changed or new)

    def _contents(self, blobs: Sequence[str]) -> dict[str, bytes]:
        if not blobs:
            return {}
        output = self.run("cat-file", "--batch", stdin="".join(f"{b}\n" for b in blobs).encode())
        contents: dict[str, bytes] = {}
        start = 0
        for blob in blobs:
            end = output.index(b"\n", start)
            _, kind, size = output[start:end].decode().split(" ")
            if kind != "blob":
                raise FinbaseError(
                    f"git object {blob} is a {kind}, not a file",
                    "run `git fsck` in the project's folder to check the repository",
                )
            start = end + 1 + int(size)
            contents[blob] = output[end + 1 : start]
            start += 1  # A newline follows each file.
        return contents

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Return what a command of git prints; raises ``FinbaseError`` with the cause."""
        done = self._done(*arguments, stdin=stdin)
        if done.code == 0:
            return done.stdout
        raise FinbaseError(
            f"git {arguments[0]} failed: {done.stderr.strip()}",
            f"run git {arguments[0]} in {self.root}",
        )

    def _done(self, *arguments: str, stdin: bytes = b"") -> Finished:
        command = [*GIT, "-c", "core.warnAmbiguousRefs=true", *arguments]
        environ = {"GIT_OPTIONAL_LOCKS": "0", "GIT_GRAFT_FILE": os.devnull, "LC_ALL": "C"}
        try:
            with Processes() as processes:
                return processes.run(
                    command,
                    cwd=self.root,
                    environ=child_environ(_SETTINGS) | environ,
                    stdin=stdin,
                    seconds=_SECONDS,
                )
        except FileNotFoundError as error:
            raise FinbaseError("git is not on PATH", "install the package git") from error
        except TimeoutError as error:
            raise FinbaseError(
                f"git {arguments[0]} did not finish within {_SECONDS:g} s",
                "run `git fsck` in the project's folder to check the repository",
            ) from error


def history(root: Path, path: PurePosixPath) -> Iterator[tuple[str, dict[PurePosixPath, bytes]]]:
    """Yield the commits that changed a file or folder, newest first, at most 50, and its files.

    There are none in a commit that deleted it. Yields nothing if there is no git or no repository:
    history only helps to restore files.
    """
    with contextlib.suppress(FinbaseError):
        repository = Repository(root)
        for commit in repository.changes_of(path):
            yield commit, repository.at(commit, lambda file: file.is_relative_to(path))
