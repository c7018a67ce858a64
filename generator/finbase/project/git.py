"""The files of the project's git repository: as a commit has them, and as they lie there now."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from finbase.errors import FinbaseError

__all__ = ["Repository"]

_log = logging.getLogger(__name__)
_Wanted = Callable[[PurePosixPath], bool]

_FOLDERS = ("environments", "modules")
_SECONDS = 120.0
_MOST = 50
_SUBMODULE = "160000"


class Repository:
    """The repository that the project at ``root`` lies in; nothing is ever written to it.

    Raises ``FinbaseError`` where there is no git or no repository.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._git("rev-parse", "--is-inside-work-tree", failed=_no_repository(root))

    def commit(self, revision: str) -> str:
        """Give the id of the commit that a revision names; raises ``FinbaseError`` if none."""
        unknown = FinbaseError(
            f"{revision!r} is no commit of this repository",
            "name a branch, a tag or a commit; a shallow clone has its newest commits only "
            "(git fetch --unshallow)",
        )
        if not revision or "\0" in revision:
            raise unknown
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        name = self._git(*arguments, f"{revision}^{{commit}}", failed=unknown)
        return name.decode().strip()

    def changes_of(self, path: PurePosixPath) -> list[str]:
        """Name the commits that changed a file or a folder, newest first, at most 50."""
        listed = self._git("rev-list", f"--max-count={_MOST}", "HEAD", "--", str(path))
        return listed.decode().split()

    def at(self, commit: str, wanted: _Wanted) -> dict[PurePosixPath, bytes]:
        """Read the wanted files of ``environments/`` and ``modules/`` as a commit has them."""
        listed = self._git("ls-tree", "-r", "-z", commit, "--", *_FOLDERS)
        blobs: dict[PurePosixPath, str] = {}
        for entry in filter(None, listed.split(b"\0")):
            about, _, name = entry.partition(b"\t")
            mode, _, blob = about.decode().split(" ")
            path = PurePosixPath(os.fsdecode(name))
            if mode != _SUBMODULE and wanted(path):
                blobs[path] = blob
        contents = self._contents(sorted(set(blobs.values())))
        return {path: contents[blob] for path, blob in blobs.items()}

    def now(self, wanted: _Wanted) -> dict[PurePosixPath, bytes]:
        """Read the wanted files as they lie there; what git ignores is left out."""
        kinds = ("--cached", "--others", "--exclude-standard")
        listed = self._git("ls-files", "-z", *kinds, "--", *_FOLDERS)
        files: dict[PurePosixPath, bytes] = {}
        for name in filter(None, listed.split(b"\0")):
            path = PurePosixPath(os.fsdecode(name))
            place = self.root / path
            if not wanted(path):
                continue
            if place.is_symlink():
                files[path] = os.fsencode(place.readlink())
            elif place.is_file():
                files[path] = place.read_bytes()
        return files

    def differs(self, commit: str, paths: Sequence[str]) -> bool:
        """Say whether any of these files and folders is not as a commit has it."""
        changed = self._git("diff", "--name-only", commit, "--", *paths)
        new = self._git("ls-files", "--others", "--exclude-standard", "--", *paths)
        return bool(changed or new)

    def _contents(self, blobs: Sequence[str]) -> dict[str, bytes]:
        if not blobs:
            return {}
        output = self._git("cat-file", "--batch", stdin="".join(f"{b}\n" for b in blobs).encode())
        contents: dict[str, bytes] = {}
        start = 0
        for blob in blobs:
            end = output.index(b"\n", start)
            _, kind, size = output[start:end].decode().split(" ")
            if kind != "blob":
                raise FinbaseError(
                    f"git has {kind} under {blob}, not the content of a file",
                    "`git fsck` in the project's folder says whether the repository is sound",
                )
            start = end + 1 + int(size)
            contents[blob] = output[end + 1 : start]
            start += 1  # a newline ends each
        return contents

    def _git(
        self, *arguments: str, stdin: bytes = b"", failed: FinbaseError | None = None
    ) -> bytes:
        begun = time.monotonic()
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self.root,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
                input=stdin,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise FinbaseError("git is not on PATH", "install the package git") from error
        except subprocess.TimeoutExpired as error:
            raise FinbaseError(
                f"git {arguments[0]} did not end within {_SECONDS:g} s",
                "`git fsck` in the project's folder says whether the repository is sound",
            ) from error
        seconds = time.monotonic() - begun
        _log.debug("git %s  [%.2f s, exit code %d]", arguments[0], seconds, done.returncode)
        if done.returncode == 0:
            return done.stdout
        said = done.stderr.decode(errors="replace").strip()
        raise failed or FinbaseError(
            f"git {arguments[0]} failed: {said}", f"run git {arguments[0]} in {self.root} yourself"
        )


def _no_repository(root: Path) -> FinbaseError:
    return FinbaseError(
        f"{root} lies in no git repository that can be read",
        "clone the project with git; `git status` there says what is wrong",
    )
