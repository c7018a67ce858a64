"""Test that a release which was changed together with its hash and its lock line is found."""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from finbase.contract.lock import PATH, Lock
from finbase.contract.version import Version
from finbase.project.checksums import digest, listing
from finbase.project.git import Repository
from finbase.release.integrity import folder_hash
from tests.support.commands import finbase

KMS = PurePosixPath("modules/kms/1.0.0")
SECRET = PurePosixPath("modules/secret/1.0.2")


def git(project: Path, *arguments: str) -> str:
    name = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    command = ["git", *name, *arguments]
    done = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(project: Path) -> str:
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--allow-empty", "--message", "A change.")
    return git(project, "rev-parse", "HEAD")


def seal(project: Path, folder: PurePosixPath) -> None:
    """Give a changed release the hashes that a release of these files would have."""
    path = project / folder
    head = (path / "SHA256SUMS").read_text().splitlines()[0]
    files = [p for p in sorted(path.rglob("*")) if p.is_file() and p.name != "SHA256SUMS"]
    sums = listing({str(p.relative_to(path)): digest(p.read_bytes()) for p in files})
    (path / "SHA256SUMS").write_text(f"{head}\n{sums}")
    tree = {folder / p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    release = (folder.parts[1], Version.parse(folder.name))
    lock = Lock.load(project)
    text = Lock({**lock.hashes, release: folder_hash(tree, folder)}).text()
    (project / PATH).write_text(text)


def weaken(project: Path) -> None:
    main = project / KMS / "main.tf"
    main.write_text(main.read_text() + "# Everybody may use the keys.\n")
    seal(project, KMS)


def forget(project: Path) -> None:
    lines = (project / PATH).read_text().splitlines(keepends=True)
    (project / PATH).write_text("".join(line for line in lines if "kms 1.0.0" not in line))


def repack(project: Path, name: str = "rotation.zip") -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("rotation.py", "steal()")
    (project / SECRET / name).write_bytes(buffer.getvalue())
    seal(project, SECRET)


def verify(project: Path, since: str, code: int) -> str:
    done = finbase(project, "release", "verify", "--since", since)
    assert done.exit_code == code, done.output
    return done.output


def test_verify_passes_intact_releases(committed: Path) -> None:
    assert "every release is as in the history of HEAD" in verify(committed, "HEAD", 0)


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (weaken, f"{PATH} has another hash for {KMS} than at"),
        (forget, f"{PATH} has lost the line of {KMS}"),
        (repack, f"{PATH} has another hash for {SECRET} than at"),
    ],
)
def test_verify_refuses_changed_releases(
    attack: Callable[[Path], None], message: str, committed: Path
) -> None:
    base = git(committed, "rev-parse", "HEAD")
    attack(committed)
    assert message in verify(committed, base, 1)
    changed = commit(committed)
    assert message in verify(committed, base, 1)
    # The change has reached main, and the next pull request is compared with it.
    assert message.rpartition(" than ")[0] in verify(committed, changed, 1)


@pytest.mark.parametrize("name", ["rotation.zip", "rotation.pkg", "code"])
def test_verify_refuses_archives_of_other_files(project: Path, name: str) -> None:
    repack(project, name)
    git(project, "init", "--quiet", ".")
    commit(project)
    assert f"{SECRET}/{name} does not contain the files of" in verify(project, "HEAD", 1)


def test_verify_needs_the_whole_history(committed: Path, tmp_path: Path) -> None:
    commit(committed)
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{committed}", "clone")
    assert "is shallow" in verify(tmp_path / "clone", "HEAD", 2)
    assert "is not a commit" in verify(committed, "nowhere", 2)


@pytest.mark.parametrize(
    "arguments",
    [("verify",), ("verify", "minor", "--since", "HEAD"), ("kms", "--since", "HEAD"), ("kms",)],
)
def test_release_refuses_mixed_arguments(arguments: tuple[str, ...], project: Path) -> None:
    assert finbase(project, "release", *arguments).exit_code == 2


def test_verify_refuses_links_written_like_files(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", ".")
    file = tmp_path / "modules" / "kms" / "1.0.0" / "notes.txt"
    file.parent.mkdir(parents=True)
    file.write_text("main.tf")
    repository, files = Repository(tmp_path), commit(tmp_path)
    file.unlink()
    file.symlink_to("main.tf")
    links, path = commit(tmp_path), PurePosixPath("modules/kms/1.0.0/notes.txt")
    assert repository.at(files, path.__eq__) == {path: b"main.tf"}
    assert repository.at(links, path.__eq__) != {path: b"main.tf"}
    assert repository.at(links, path.__eq__) == repository.now(path.__eq__)


@pytest.mark.parametrize("hide", ["replace", "graft"])
def test_verify_believes_no_replaced_history(hide: str, committed: Path) -> None:
    since = git(committed, "rev-parse", "HEAD")
    weaken(committed)
    changed = commit(committed)
    if hide == "replace":
        git(committed, "replace", since, changed)
    else:
        (committed / ".git" / "info").mkdir(exist_ok=True)
        (committed / ".git" / "info" / "grafts").write_text(f"{changed}\n")
    assert f"another hash for {KMS}" in verify(
        committed, since if hide == "replace" else changed, 1
    )


def test_verify_accepts_releases_that_the_base_withdrew(committed: Path) -> None:
    lock = (committed / PATH).read_text()
    line = next(each for each in lock.splitlines() if each.startswith("kms 1.0.0 "))
    weaken(committed)
    seal(committed, KMS)
    edited = commit(committed)
    done = finbase(committed, "release", "verify", "--since", edited)
    assert done.exit_code == 1
    assert "restore the line of commit" in done.output
    (committed / "modules" / "withdrawn.lock").write_text(f"# Why.\n{line}\n")
    done = finbase(committed, "release", "verify", "--since", edited)
    assert done.exit_code == 1
    assert "modules/withdrawn.lock withdraws a release of modules/kms/1.0.0" in done.output
    withdrawn = commit(committed)
    assert finbase(committed, "release", "verify", "--since", withdrawn).exit_code == 0
    weaken(committed)
    seal(committed, KMS)
    commit(committed)
    assert finbase(committed, "release", "verify", "--since", withdrawn).exit_code == 1


def test_verify_refuses_an_invalid_line_of_withdrawn_releases(committed: Path) -> None:
    (committed / "modules" / "withdrawn.lock").write_text("kms 1.0.0\n")
    done = finbase(committed, "release", "verify", "--since", commit(committed))
    assert done.exit_code == 2
    assert "modules/withdrawn.lock: 'kms 1.0.0' is not a line of" in done.output
