"""Permanent addresses of lines, for each forge."""

from __future__ import annotations

import pytest

from finbase.project.checkout import Checkout
from finbase.report.forge import find_forge

COMMIT = "1" * 40


def checkout(url: str = "", prefix: str = "", pushed: bool = True) -> Checkout:
    return Checkout(COMMIT, ("modules/a b/main.tf",), prefix, url, pushed)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://github.com/b/l", f"https://github.com/b/l/blob/{COMMIT}/x%20y.tf#L7"),
        (
            "https://github.bank.example/b/l",
            f"https://github.bank.example/b/l/blob/{COMMIT}/x%20y.tf#L7",
        ),
        ("https://gitlab.com/b/t/l", f"https://gitlab.com/b/t/l/-/blob/{COMMIT}/x%20y.tf#L7"),
        ("https://bitbucket.org/b/l", f"https://bitbucket.org/b/l/src/{COMMIT}/x%20y.tf#lines-7"),
    ],
)
def test_address_on_a_forge(url: str, address: str) -> None:
    forge = find_forge(checkout(url), {})
    assert forge is not None
    assert forge.permalink("x y.tf", 7) == address
    assert forge.permalink("modules/a b/main.tf", 7) == ""
    inside = find_forge(checkout(url, "infra/"), {})
    assert inside is not None
    assert inside.permalink("x y.tf", 7) == address.replace("x%20y", "infra/x%20y")


def test_no_address_of_what_nobody_can_open() -> None:
    assert find_forge(None, {}) is None
    assert find_forge(checkout("https://git.example/b/l"), {}) is None
    assert find_forge(checkout(), {}) is None
    assert find_forge(checkout("https://github.com/b/l", pushed=False), {}) is None


def test_a_pipeline_names_its_own_forge() -> None:
    environ = {"CI_PROJECT_URL": "https://git.example/b/l", "CI_COMMIT_SHA": COMMIT}
    forge = find_forge(checkout(prefix="infra/"), environ)
    assert forge is not None
    start = f"https://git.example/b/l/-/blob/{COMMIT}/infra/"
    assert forge.permalink("a.tf", 1) == f"{start}a.tf#L1"
    other = environ | {"CI_COMMIT_SHA": "2" * 40}  # The job has checked another commit out.
    assert find_forge(checkout(), other) is None
