"""Permanent addresses of the project's files on GitHub, GitLab and Bitbucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from finbase.project.checkout import Checkout

_SHAPES = (
    ("github", "/blob/{commit}/", "#L{line}"),
    ("gitlab", "/-/blob/{commit}/", "#L{line}"),
    ("bitbucket.org", "/src/{commit}/", "#lines-{line}"),
)
"""A part of the host's name, and the address of a file and of a line there."""


@dataclass(frozen=True)
class Forge:
    """Where the files of a commit are, except those that ``changed`` since."""

    base: str
    line: str
    changed: frozenset[str] = frozenset()

    def permalink(self, path: str, line: int) -> str:
        """Return the address of a line, or an empty string if the commit has another content."""
        if path in self.changed:
            return ""
        return f"{self.base}{quote(path)}{self.line.format(line=line)}"


def find_forge(checkout: Checkout | None, environ: Mapping[str, str]) -> Forge | None:
    """Return where the commit of a project is hosted, or None if no known forge has it.

    CI names its own forge; elsewhere the git remote does, if a remote branch has the commit.
    """
    if not checkout:
        return None
    changed = frozenset(checkout.changed)
    hosted = hosted_files(environ)
    if hosted.endswith(f"/blob/{checkout.commit}"):
        return Forge(f"{hosted}/{quote(checkout.prefix)}", "#L{line}", changed)
    host = urlsplit(checkout.url).hostname or ""
    for name, files, line in _SHAPES if checkout.pushed else ():
        if name in host:
            base = f"{checkout.url}{files.format(commit=checkout.commit)}{quote(checkout.prefix)}"
            return Forge(base, line, changed)
    return None


def hosted_files(environ: Mapping[str, str]) -> str:
    """Return the URL of the files of the commit that CI runs on, or an empty string."""
    if environ.get("GITHUB_REPOSITORY") and environ.get("GITHUB_SHA"):
        server = environ.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{environ['GITHUB_REPOSITORY']}/blob/{environ['GITHUB_SHA']}"
    if environ.get("CI_PROJECT_URL") and environ.get("CI_COMMIT_SHA"):
        return f"{environ['CI_PROJECT_URL']}/-/blob/{environ['CI_COMMIT_SHA']}"
    return ""
