"""Test that render, its check, and check find every changed release and name the fix."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from codecs import BOM_UTF8
from collections.abc import Callable
from pathlib import Path

import pytest

from finbase.contract.registry import Registry
from finbase.project.checksums import digest
from tests.support.commands import finbase, git

MAIN = "modules/cache/{}/main.tf"


def snapshot(project: Path) -> dict[str, bytes]:
    files = (p for p in project.rglob("*") if p.is_file() and ".git" not in p.parts)
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files}


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
def test_edited_newest_release(project: Path, command: tuple[str, ...]) -> None:
    before = snapshot(project)
    append(current(project) / "main.tf")
    told = breached(project, command)
    assert "-# More." in told
    assert "was changed" in told
    assert "finbase render --force" in told
    assert finbase(project, "render", "--force").exit_code == 0
    assert snapshot(project) == before


def test_missing_file_of_newest_release(project: Path) -> None:
    before = snapshot(project)
    (current(project) / "main.tf").unlink()
    assert "lacks files" in breached(project, ("render", "--check"))
    assert finbase(project, "render").exit_code == 0
    assert snapshot(project) == before


@pytest.mark.parametrize(
    ("harm", "command"),
    [
        (lambda folder: append(folder / "main.tf"), COMMANDS[2]),
        (lambda folder: (folder / "main.tf").unlink(), COMMANDS[0]),
        (lambda folder: (folder / "more file.tf").write_text("locals {}\n"), COMMANDS[1]),
        (shutil.rmtree, COMMANDS[0]),
        (shutil.rmtree, COMMANDS[2]),
    ],
    ids=["edited", "deleted", "added", "gone", "gone-check"],
)
def test_older_release_restored_from_git(
    committed: Path, harm: Callable[[Path], object], command: tuple[str, ...]
) -> None:
    before = snapshot(committed)
    folder = committed / "modules" / "cache" / "1.0.0"
    harm(folder)
    told = breached(committed, command)
    assert "modules/cache/1.0.0" in told
    assert "+++ " in told
    way_out = re.search(r"hint: restore the release: (git checkout .*)", told)
    assert way_out, told
    for step in way_out[1].split(" && "):
        subprocess.run(shlex.split(step), cwd=committed, check=True, capture_output=True)
    assert snapshot(committed) == before
    assert finbase(committed, "render", "--check").exit_code == 0


def test_committed_change_of_release(committed: Path) -> None:
    append(committed / "modules" / "cache" / "1.0.0" / "main.tf")
    git(committed, "commit", "--all", "--quiet", "--message", "As it comes by a pull.")
    assert "git checkout" in breached(committed, ("render", "--check"))


def test_changed_release_without_git(project: Path) -> None:
    append(project / "modules" / "cache" / "1.0.0" / "main.tf")
    told = breached(project, ("render",))
    assert "modules/cache/1.0.0 was changed" in told
    assert "git log" in told


@every_command
def test_changed_template(project: Path, command: tuple[str, ...]) -> None:
    template = project / "templates" / "modules" / "cache" / "main.tf.j2"
    template.write_text(template.read_text().replace("two or three", "2 or 3"))
    told = breached(project, command)
    assert "-  # ElastiCache Serverless takes two or three" in told
    assert "+  # ElastiCache Serverless takes 2 or 3" in told
    assert "finbase release cache patch|minor|major" in told
    assert finbase(project, "release", "cache", "patch", "-m", "Digits.").exit_code == 0
    assert finbase(project, "render", "--check").exit_code == 0


@pytest.mark.parametrize("form", ["crlf", "mark"])
def test_line_ends_and_marks_are_named(project: Path, form: str) -> None:
    source = project / "templates" / "modules" / "cache" / "contract.yaml"
    text = source.read_bytes()
    source.write_bytes(text.replace(b"\n", b"\r\n") if form == "crlf" else BOM_UTF8 + text)
    told = breached(project, ("render", "--check"))
    assert "templates/modules/cache/contract.yaml has a byte order mark or line ends" in told
    assert "release the change" not in told


def test_changed_shared_template(project: Path) -> None:
    append(project / "templates" / "module" / "versions.tf.j2")
    told = breached(project, ("render", "--check"))
    assert told.count("its templates now render other files") == len(Registry(project).names)


def test_invalid_line_in_lock(project: Path) -> None:
    with (project / "modules" / "releases.lock").open("a") as file:
        file.write("cache 1.0.0\n")
    done = finbase(project, "render", "--check")
    assert done.exit_code == 2
    assert re.search(r"modules/releases\.lock:\d+:1: .* \[FB011\]", done.output)


def follow(project: Path, told: str) -> None:
    """Do what the only hint says: ``what: command && command; then what: command …``."""
    (hint,) = re.findall(r"hint: (.*)", told)
    for part in hint.split("; then "):
        for step in part.partition(": ")[2].split(" && "):
            subprocess.run(shlex.split(step), cwd=project, check=True, capture_output=True)


def rewrite(project: Path, old: str, new: str) -> None:
    """Put another line in the place of the one in the lock that begins so; none where empty."""
    lock = project / "modules" / "releases.lock"
    lines = lock.read_text().splitlines(keepends=True)
    (at,) = (n for n, line in enumerate(lines) if line.startswith(f"{old} "))
    lines[at : at + 1] = [new] if new else []
    lock.write_text("".join(lines))


def commit(project: Path) -> None:
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "As it comes by a pull.")


def both_versions(project: Path) -> list[str]:
    return ["1.0.0", current(project).name]


@pytest.mark.parametrize(
    ("which", "harm", "pulled", "command"),
    [
        (0, "changed", False, COMMANDS[0]),
        (0, "changed", True, COMMANDS[1]),
        (0, "lost", False, COMMANDS[2]),
        (0, "lost", True, COMMANDS[0]),
        (1, "changed", False, COMMANDS[2]),
        (1, "changed", True, COMMANDS[0]),
        (1, "lost", False, COMMANDS[1]),
        (1, "lost", True, COMMANDS[2]),
    ],
)
def test_lock_line_restored_from_git(
    committed: Path, which: int, harm: str, pulled: bool, command: tuple[str, ...]
) -> None:
    version = both_versions(committed)[which]
    before = snapshot(committed)
    rewrite(
        committed,
        f"cache {version}",
        f"cache {version} h1:{'A' * 43}=\n" if harm == "changed" else "",
    )
    if pulled:
        commit(committed)
    told = breached(committed, command)
    assert f"modules/cache/{version}" in told
    assert harm == "changed" or "not in modules/releases.lock" in told
    follow(committed, told)
    assert snapshot(committed) == before
    assert finbase(committed, "render", "--check").exit_code == 0


def test_lock_line_restored_in_newer_lock(committed: Path) -> None:
    rewrite(committed, "cache 1.0.0", "")
    commit(committed)
    append(committed / "templates/modules/kms/main.tf.j2")
    assert finbase(committed, "release", "kms", "patch", "-m", "Why.").exit_code == 0
    told = breached(committed, ("render", "--check"))
    (line,) = re.findall(r"restore its line in modules/releases\.lock: (cache 1\.0\.0 \S+)", told)
    with (committed / "modules/releases.lock").open("a") as file:
        file.write(f"{line}\n")
    assert finbase(committed, "render", "--check").exit_code == 0


def test_lock_line_lost_without_git(project: Path) -> None:
    version = current(project).name
    rewrite(project, f"cache {version}", "")
    told = breached(project, ("render",))
    assert f"modules/cache/{version} is in modules/cache/CHANGELOG.md but not in" in told
    done = finbase(project, "release", "cache", "patch", "-m", "Why.")
    assert done.exit_code == 2
    assert "although it may have been released" in done.output


@pytest.mark.parametrize(
    ("which", "harm", "command"),
    [
        (0, "file", COMMANDS[0]),
        (0, "folder", COMMANDS[1]),
        (0, "more", COMMANDS[2]),
        (1, "file", COMMANDS[1]),
        (1, "folder", COMMANDS[2]),
        (1, "more", COMMANDS[0]),
    ],
)
def test_symlink_fix_restores_release(
    committed: Path, which: int, harm: str, command: tuple[str, ...]
) -> None:
    folder = committed / "modules" / "cache" / both_versions(committed)[which]
    place = {"file": folder / "main.tf", "folder": folder, "more": folder / "more.tf"}[harm]
    aside = committed.parent / f"{committed.name}-aside"
    if place.exists():
        place.rename(aside)
    place.symlink_to(aside)
    try:
        done = finbase(committed, *command)
        assert done.exit_code == 1, done.output
        assert "is a symbolic link" in done.output
        told = done.output.replace("finbase render --force", "true").replace(
            "finbase render", "true"
        )
        follow(committed, told)
        assert finbase(committed, "render").exit_code == 0
    finally:
        shutil.rmtree(aside) if aside.is_dir() else aside.unlink(missing_ok=True)
    assert finbase(committed, "render", "--check").exit_code == 0
    git(committed, "diff", "--exit-code", "HEAD")


def test_changed_file_and_template(committed: Path) -> None:
    folder = current(committed)
    append(folder / "main.tf")
    append(committed / "templates/modules/cache/main.tf.j2")
    told = breached(committed, ("render", "--check"))
    assert "-# More." in told
    assert "its templates render other files, too" in told
    (step,) = re.findall(r"restore the release: (git checkout .*?); then release the change", told)
    subprocess.run(shlex.split(step), cwd=committed, check=True, capture_output=True)
    assert finbase(committed, "release", "cache", "patch", "-m", "Why.").exit_code == 0
    assert finbase(committed, "render", "--check").exit_code == 0


def test_abandoned_draft(project: Path) -> None:
    draft = shutil.copytree(current(project), project / "modules/cache/7.7.7")
    told = breached(project, ("render", "--check"))
    assert "rm -r modules/cache/7.7.7" in told
    shutil.rmtree(draft)
    assert finbase(project, "render", "--check").exit_code == 0


@pytest.mark.parametrize(("version", "command"), [("0.9.0", COMMANDS[0]), ("1.0.0", COMMANDS[2])])
def test_templates_older_than_release(
    project: Path, version: str, command: tuple[str, ...]
) -> None:
    newest = current(project).name
    contract = project / "templates/modules/cache/contract.yaml"
    text = contract.read_text()
    contract.write_text(text.replace(f"version: {newest}", f"version: {version}", 1))
    told = breached(project, command)
    assert f"is at {version}, before the last release {newest}" in told
    done = finbase(project, "release", "cache", "patch", "-m", "Why.")
    assert done.exit_code == 2
    assert f"before the last release {newest}" in done.output
    contract.write_text(text)
    assert finbase(project, "render", "--check").exit_code == 0


@pytest.mark.parametrize("name", [b"caf\xe9.tf", b"two\nlines.tf", "\u202etf".encode()])
def test_unprintable_file_name(project: Path, name: bytes) -> None:
    place = Path(os.fsdecode(bytes(project / "modules/cache/1.0.0") + b"/" + name))
    place.write_text("locals {}\n")
    assert "modules/cache/1.0.0 was changed" in breached(project, ("render",))


def test_file_name_with_line_break(project: Path) -> None:
    """The list of ``a`` and ``b`` would be that of a file called ``a`` and the line of ``b``."""
    folder = project / "modules/cache/1.0.0"
    first, second = sorted(path for path in folder.iterdir() if path.suffix == ".tf")[:2]
    between = [
        p for p in folder.rglob("*") if first.name < str(p.relative_to(folder)) < second.name
    ]
    assert not between, "the two have to follow each other in the list"
    line = f"{digest(second.read_bytes())}  {second.name}"
    second.unlink()
    first.rename(first.with_name(f"{first.name}\n{line}"))
    assert "modules/cache/1.0.0" in breached(project, ("render",))
