"""Whatever is not as it was released is found by render, its check, and check, with a way out."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from generator.cli import main
from generator.registry import Registry

MAIN = "modules/cache/{}/main.tf"


def finbase(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(project), *arguments])


def snapshot(project: Path) -> dict[str, bytes]:
    files = (p for p in project.rglob("*") if p.is_file() and ".git" not in p.parts)
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files}


def git(project: Path, *arguments: str) -> None:
    name = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *name, *arguments], cwd=project, check=True, capture_output=True)


@pytest.fixture
def committed(project: Path) -> Path:
    git(project, "init", "--quiet", ".")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "All as released.")
    return project


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("# More.\n")


def current(project: Path) -> Path:
    version = Registry(project).current("cache").version
    return project / "modules" / "cache" / str(version)


def breached(project: Path, command: tuple[str, ...]) -> str:
    before = snapshot(project)
    done = finbase(project, *command)
    assert done.exit_code == 1, done.output
    assert snapshot(project) == before
    return done.output


COMMANDS = [("render",), ("render", "--check"), ("check", "development")]
every_command = pytest.mark.parametrize("command", COMMANDS, ids=" ".join)


@every_command
def test_an_edited_file_of_the_newest_release_goes_back_by_force(
    project: Path, command: tuple[str, ...]
) -> None:
    before = snapshot(project)
    append(current(project) / "main.tf")
    told = breached(project, command)
    assert "# More." in told
    assert "is not as it was released" in told
    assert "finbase render --force" in told
    assert finbase(project, "render", "--force").exit_code == 0
    assert snapshot(project) == before


def test_a_missing_file_of_the_newest_release_comes_back(project: Path) -> None:
    before = snapshot(project)
    (current(project) / "main.tf").unlink()
    assert "is not whole" in breached(project, ("render", "--check"))
    assert finbase(project, "render").exit_code == 0
    assert snapshot(project) == before


@every_command
@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: append(folder / "main.tf"),
        lambda folder: (folder / "main.tf").unlink(),
        lambda folder: (folder / "more file.tf").write_text("locals {}\n"),
        shutil.rmtree,
    ],
    ids=["edited", "deleted", "added", "gone"],
)
def test_an_older_release_comes_back_from_history(
    committed: Path, command: tuple[str, ...], harm: Callable[[Path], object]
) -> None:
    before = snapshot(committed)
    folder = committed / "modules" / "cache" / "1.0.0"
    harm(folder)
    told = breached(committed, command)
    assert "modules/cache/1.0.0" in told
    assert "+++ " in told
    way_out = re.search(r"hint: put the release back: (git checkout .*)", told)
    assert way_out, told
    for step in way_out[1].split(" && "):
        subprocess.run(shlex.split(step), cwd=committed, check=True, capture_output=True)
    assert snapshot(committed) == before
    assert finbase(committed, "render", "--check").exit_code == 0


def test_a_change_that_was_committed_is_one_all_the_same(committed: Path) -> None:
    append(committed / "modules" / "cache" / "1.0.0" / "main.tf")
    git(committed, "commit", "--all", "--quiet", "--message", "As it comes by a pull.")
    assert "git checkout" in breached(committed, ("render", "--check"))


def test_without_history_the_release_is_named(project: Path) -> None:
    append(project / "modules" / "cache" / "1.0.0" / "main.tf")
    told = breached(project, ("render",))
    assert "modules/cache/1.0.0 is not as it was released" in told
    assert "git log" in told


@every_command
def test_a_template_that_moved_on_has_to_be_released(
    project: Path, command: tuple[str, ...]
) -> None:
    template = project / "templates" / "modules" / "cache" / "main.tf.j2"
    template.write_text(template.read_text().replace("two or three", "2 or 3"))
    told = breached(project, command)
    assert "-  # ElastiCache Serverless takes two or three" in told
    assert "+  # ElastiCache Serverless takes 2 or 3" in told
    assert "finbase release cache patch|minor|major" in told
    assert finbase(project, "release", "cache", "patch", "-m", "Digits.").exit_code == 0
    assert finbase(project, "render", "--check").exit_code == 0


def test_a_shared_template_concerns_every_module(project: Path) -> None:
    append(project / "templates" / "module" / "versions.tf.j2")
    told = breached(project, ("render", "--check"))
    assert told.count("its templates now render something else") == len(Registry(project).names)


@every_command
def test_another_hash_in_the_lock_is_found(committed: Path, command: tuple[str, ...]) -> None:
    lock = committed / "modules" / "releases.lock"
    text = lock.read_text()
    line = next(line for line in text.splitlines() if line.startswith("cache 1.0.0 "))
    lock.write_text(text.replace(line, f"cache 1.0.0 h1:{'A' * 43}="))
    told = breached(committed, command)
    assert "modules/cache/1.0.0" in told
    assert "git checkout" in told


def test_a_release_that_the_lock_has_lost_is_found(committed: Path) -> None:
    lock = committed / "modules" / "releases.lock"
    kept = [x for x in lock.read_text().splitlines(True) if not x.startswith("cache 1.0.0 ")]
    lock.write_text("".join(kept))
    assert "in no line of modules/releases.lock" in breached(committed, ("render", "--check"))


def test_a_line_that_is_none_is_wrong_input(project: Path) -> None:
    with (project / "modules" / "releases.lock").open("a") as file:
        file.write("cache 1.0.0\n")
    done = finbase(project, "render", "--check")
    assert done.exit_code == 2
    assert re.search(r"modules/releases\.lock:\d+:1: .* \[FB011\]", done.output)


def test_a_link_is_no_file_of_a_release(project: Path) -> None:
    place = project / "modules" / "cache" / "1.0.0" / "main.tf"
    moved = place.rename(project / "elsewhere.tf")
    place.symlink_to(moved)
    assert "is a symbolic link" in breached(project, ("render", "--check"))
