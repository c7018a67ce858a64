"""Which folders other users can change."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from finbase.terraform.program import Terraform
from finbase.terraform.provider import Installation, Mirror, find_provider
from finbase.terraform.trusted import is_trusted

TERRAFORM = Terraform(Path("/usr/bin/terraform"), "Terraform", (1, 11, 4), "linux_amd64")
PLATFORM = "registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64"
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY = 65534


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror with a package."""
    root = tmp_path / "root" / "mirror"
    (root / PLATFORM).mkdir(parents=True)
    for name in ("terraform-provider-aws_v5.100.0_x5", "LICENSE.txt"):
        (root / PLATFORM / name).touch(0o755)
    return root


def find(root: Path, home: Path) -> Installation:
    environ = {"HOME": str(home), "XDG_DATA_DIRS": str(home / "shared")}
    return find_provider(TERRAFORM, environ, [str(root)])


def test_is_trusted_own_mirror(mirror: Path, tmp_path: Path) -> None:
    assert is_trusted(mirror)
    assert find(mirror.parent, tmp_path).mirrors == (Mirror(mirror, TERRAFORM.host),)


def chmod(mode: int) -> Callable[[Path], None]:
    return lambda path: path.chmod(mode)


def give_away(path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


PLACES = (
    "",
    "..",
    "../..",
    "registry.terraform.io",
    "registry.terraform.io/hashicorp/aws",
    PLATFORM,
    f"{PLATFORM}/terraform-provider-aws_v5.100.0_x5",
    f"{PLATFORM}/LICENSE.txt",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "change",
    [chmod(0o777), chmod(0o775), pytest.param(give_away, marks=ROOT_ONLY)],
    ids=["all", "group", "owner"],
)
def test_is_trusted_refuses_others(
    mirror: Path, tmp_path: Path, place: str, change: Callable[[Path], None]
) -> None:
    change(mirror / place)
    assert not is_trusted(mirror / "registry.terraform.io" / "hashicorp" / "aws")
    assert find(mirror.parent, tmp_path) == Installation()


def test_is_trusted_below_sticky_folder(mirror: Path) -> None:
    """As in ``/tmp``, others can add entries there but cannot replace this one."""
    mirror.parent.chmod(0o1777)
    assert is_trusted(mirror)
    (mirror / PLATFORM).chmod(0o1777)  # There they could add files of their own.
    assert not is_trusted(mirror)


def test_is_trusted_follows_links(mirror: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (mirror / PLATFORM).rename(elsewhere)
    (mirror / PLATFORM).symlink_to(elsewhere)
    assert is_trusted(mirror)
    elsewhere.chmod(0o777)
    assert not is_trusted(mirror)
    elsewhere.rename(tmp_path / "gone")
    assert not is_trusted(mirror)
