"""The commit that the project's files are of, and where it is hosted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from finbase.project.git import Repository

_DECIDING = ("environments", "features", "modules", "templates")
"""Folders in which a new file can change a verdict; a report or a note elsewhere cannot."""
_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[\w.-]+):(?P<path>[^/:][^:]*)")
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_PATH = re.compile(r"(?:/[\w.~-]+){2,}")


@dataclass(frozen=True)
class Checkout:
    """A commit, and the files that differ from it, as paths in the project.

    ``prefix`` is the project's folder in the repository, such as ``infra/``, or empty. ``url`` is
    the page of the repository, without credentials; it is empty if no remote has one. ``pushed``
    says that a remote branch contains the commit, as far as this clone shows.
    """

    commit: str
    changed: tuple[str, ...] = ()
    prefix: str = ""
    url: str = ""
    pushed: bool = False

    @property
    def clean(self) -> bool:
        """Whether no file differs from the commit."""
        return not self.changed


def read_checkout(root: Path) -> Checkout:
    """Return the commit of a project's files.

    Every tracked file counts, and new files in the folders that decide a verdict. Raises
    ``FinbaseError`` without git, a repository or a commit.
    """
    repository = Repository(root)
    commit = repository.commit("HEAD")
    changed = repository.run("diff", "--name-only", "--relative", "-z", commit, "--")
    new = repository.run("ls-files", "--others", "--exclude-standard", "-z", "--", *_DECIDING)
    names = (changed + new).decode(errors="surrogateescape").split("\0")
    contains = ("for-each-ref", "--count=1", "--contains", commit, "refs/remotes")
    remotes = repository.run("remote", "--verbose").decode(errors="replace")
    return Checkout(
        commit,
        tuple(sorted(set(filter(None, names)))),
        repository.run("rev-parse", "--show-prefix").decode().strip(),
        next(filter(None, map(repository_url, _addresses(remotes))), ""),
        bool(repository.run(*contains).strip()),
    )


def repository_url(remote: str) -> str:
    """Return the page of a repository for the address of a git remote, without credentials.

    Empty for a folder, and for an address that contains anything else than plain names.

    >>> repository_url("https://user:token@github.com/bank/ledger.git")
    'https://github.com/bank/ledger'
    >>> repository_url("git@gitlab.com:bank/teams/ledger.git")
    'https://gitlab.com/bank/teams/ledger'
    >>> repository_url("/srv/git/ledger.git")
    ''
    """
    try:
        if match := _SCP.fullmatch(remote):
            host, path, port = match["host"], f"/{match['path']}", None
        else:
            parts = urlsplit(remote)
            host, path = parts.hostname or "", parts.path
            port = parts.port if parts.scheme in ("http", "https") else None
            if parts.scheme not in ("https", "http", "ssh", "git"):
                return ""
    except ValueError:
        return ""
    path = path.rstrip("/").removesuffix(".git")
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(path) or ".." in path.split("/"):
        return ""
    return f"https://{host}{f':{port}' if port else ''}{path}"


def _addresses(remotes: str) -> list[str]:
    """Return the addresses of all remotes, that of ``origin`` first."""
    lines = sorted(remotes.splitlines(), key=lambda line: not line.startswith("origin\t"))
    return [line.partition("\t")[2].rpartition(" (")[0] for line in lines]
