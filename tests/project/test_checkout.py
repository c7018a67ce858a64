"""The commit behind a report, and the web address of its repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from finbase.errors import FinbaseError
from finbase.project.checkout import read_checkout, repository_url
from tests.support.commands import git


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://github.com/bank/ledger.git", "https://github.com/bank/ledger"),
        ("https://github.com/bank/ledger/", "https://github.com/bank/ledger"),
        ("https://octocat:s3cret@github.com/bank/ledger", "https://github.com/bank/ledger"),
        (
            "https://x-access-token:s3cret@git.bank.example:8443/a/b",
            "https://git.bank.example:8443/a/b",
        ),
        ("https://github.com/bank/ledger?token=s3cret#s3cret", "https://github.com/bank/ledger"),
        ("ssh://git@bitbucket.org:22/bank/ledger.git", "https://bitbucket.org/bank/ledger"),
        ("git@gitlab.com:bank/teams/ledger.git", "https://gitlab.com/bank/teams/ledger"),
        ("s3cret@gitlab.com:bank/ledger.git", "https://gitlab.com/bank/ledger"),
        ("/srv/git/ledger.git", ""),
        ("../ledger", ""),
        ("file:///srv/git/ledger", ""),
        ("https://github.com/../ledger", ""),
        ("https://github.com/bank/led ger", ""),
        ("https://github.com/bank/<script>", ""),
        ("https://[::1", ""),
        ("javascript://github.com/a/b", ""),
        ("", ""),
    ],
)
def test_address_of_a_repository_has_no_credentials(remote: str, url: str) -> None:
    assert repository_url(remote) == url


def test_checkout_names_what_differs(committed: Path) -> None:
    seen = read_checkout(committed)
    assert (seen.commit, seen.clean) == (git(committed, "rev-parse", "HEAD"), True)
    assert (seen.url, seen.pushed, seen.prefix) == ("", False, "")
    (committed / "report.html").touch()  # Such a file decides no verdict.
    assert read_checkout(committed).clean
    (committed / "features" / "own.feature").touch()
    path = committed / "environments" / "staging.yaml"
    path.write_text(path.read_text() + "\n")
    assert read_checkout(committed).changed == ("environments/staging.yaml", "features/own.feature")


def test_checkout_finds_its_remote(committed: Path) -> None:
    git(committed, "remote", "add", "fork", "https://github.com/somebody/ledger")
    git(committed, "remote", "add", "origin", "https://octocat:s3cret@github.com/bank/ledger.git")
    seen = read_checkout(committed)
    assert (seen.url, seen.pushed) == ("https://github.com/bank/ledger", False)
    git(committed, "update-ref", "refs/remotes/origin/main", "HEAD")
    assert read_checkout(committed).pushed


def test_checkout_in_a_subfolder(committed: Path) -> None:
    (committed / "infra" / "environments").mkdir(parents=True)
    (committed / "infra" / "environments" / "a.yaml").touch()
    seen = read_checkout(committed / "infra")
    assert (seen.prefix, seen.changed) == ("infra/", ("environments/a.yaml",))


def test_checkout_needs_a_commit(tmp_path: Path) -> None:
    with pytest.raises(FinbaseError, match="not in a readable git repository"):
        read_checkout(tmp_path)
    git(tmp_path, "init", "--quiet")
    with pytest.raises(FinbaseError, match="'HEAD' is not a commit"):
        read_checkout(tmp_path)
