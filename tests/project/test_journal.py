"""Who may write in a project, and what happens to what an interrupted render has begun."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner

from finbase.cli import main
from finbase.errors import TreeError
from finbase.project import journal as product
from finbase.project.files import ProjectFiles, staged_path
from finbase.project.journal import Journal, Undone, hold, is_pending

MAIN = PurePosixPath("environments/test/main.tf")
NEW = PurePosixPath("modules/store/1.0.0/main.tf")
GONE = PurePosixPath("environments/test/gone.tf")
CHANGES = {MAIN: (b"old", b"new"), NEW: (None, b"new"), GONE: (b"old", None)}
JOURNAL = ".finbase-journal"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in (MAIN, GONE):
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"old")
    return tmp_path


@contextmanager
def held(root: Path) -> Iterator[Journal]:
    with hold(root, lambda _: pytest.fail("another render is at work")) as journal:
        yield journal


def files(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def record(before: bytes | None, after: bytes | None) -> list[str | None]:
    return [
        None if before is None else base64.b64encode(before).decode(),
        None if after is None else hashlib.sha256(after).hexdigest(),
    ]


def put(root: Path, steps: dict[str, list[str | None]]) -> None:
    """Write a journal as a render on this machine does."""
    with (root / JOURNAL).open("w") as file:
        seal = product._seal(steps, file.fileno())
        json.dump({"seal": seal, "files": steps}, file)


def interrupt(root: Path, **more: list[str | None]) -> None:
    """Leave what a render leaves that is killed once every file has been written."""
    steps = {str(path): record(*step) for path, step in CHANGES.items()} | more
    put(root, steps)
    (root / MAIN).write_bytes(b"new")
    (root / NEW).parent.mkdir(parents=True)
    (root / NEW).write_bytes(b"new")
    (root / GONE).unlink()
    staged_path(root / MAIN).write_bytes(b"hal")


def test_hold_removes_journal(root: Path) -> None:
    before = files(root)
    with held(root) as journal:
        assert journal.undone is None
        assert not is_pending(root)
        with journal.all_or_nothing(CHANGES):
            assert is_pending(root)
    assert files(root) == before


def test_hold_undoes_interrupted_render(root: Path) -> None:
    before = files(root)
    interrupt(root)
    assert is_pending(root)
    with held(root) as journal:
        assert journal.undone == Undone((MAIN, NEW, GONE), ())
        assert not is_pending(root)
    assert files(root) == before
    assert not (root / "modules").exists()


def test_hold_keeps_later_changes(root: Path) -> None:
    interrupt(root)
    (root / MAIN).write_bytes(b"edited")
    (root / NEW).unlink()
    (root / NEW).symlink_to(root / MAIN)
    (root / GONE).write_bytes(b"another")
    with held(root) as journal:
        assert journal.undone == Undone((), (MAIN, NEW, GONE))
    assert (root / MAIN).read_bytes() == b"edited"
    assert (root / NEW).is_symlink()
    assert (root / GONE).read_bytes() == b"another"


@pytest.mark.parametrize(
    "path",
    [
        "../outside.tf",
        "/etc/finbase-test",
        ".git/config",
        "README.md",
        "environments/test.txt",
        "modules/store/notes.md",
        "templates/modules/store/main.tf.j2",
        "environments/test/../../README.md",
        "",
    ],
)
def test_hold_refuses_forged_journal(root: Path, path: str) -> None:
    outside = record(b"evil", None)
    put(root, {path: outside})
    before = files(root)
    with held(root) as journal:
        assert journal.undone == Undone((), (PurePosixPath(path),))
    before.pop(JOURNAL)
    assert files(root) == before
    assert not (root.parent / "outside.tf").exists()
    assert not Path("/etc/finbase-test").exists()


@pytest.mark.parametrize(
    "content", ['{"environments/test/main.tf": ["b2x', "[]", '{"a": 1}', '{"a": ["é", null]}', "\0"]
)
def test_hold_ignores_partial_journal(root: Path, content: str) -> None:
    before = files(root)
    (root / JOURNAL).write_text(content)
    with held(root) as journal:
        assert journal.undone == Undone((), ())
    assert files(root) == before


def test_hold_retries_failed_undo(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(root)

    def fail(_: ProjectFiles, place: Path, _content: bytes) -> Path:
        raise OSError(5, "Input/output error", str(place))

    def render() -> None:
        with held(root) as journal, journal.all_or_nothing(CHANGES):
            (root / MAIN).write_bytes(b"new")
            (root / GONE).unlink()
            monkeypatch.setattr(ProjectFiles, "stage", fail)
            raise OSError("that's it")

    with pytest.raises(TreeError, match="files are partly written: that's it; undoing") as caught:
        render()
    assert "the next `finbase render` undoes" in (caught.value.hint or "")
    assert is_pending(root)
    with pytest.raises(TreeError, match=r"cannot undo .*main\.tf: Input/output error"), held(root):
        pytest.fail("it goes on as if nothing had been interrupted")
    monkeypatch.undo()
    with held(root) as journal:
        assert journal.undone == Undone((MAIN, GONE), ())
    assert files(root) == before


def test_hold_waits_and_fails(root: Path) -> None:
    told: list[float] = []
    with held(root):
        with (
            pytest.raises(TreeError, match=r"running in .* for over 0\.1 s"),
            hold(root, told.append, patience=0.1),
        ):
            pytest.fail("two at once")
        assert told == [0.1]
        assert (root / JOURNAL).exists()
    with held(root):
        pass


def test_hold_ignores_lock_of_deleted_file(root: Path) -> None:
    """Whoever waits has opened the file that the one before deletes at its end."""
    (root / JOURNAL).touch()
    real = fcntl.flock
    deleted: list[int] = []

    def flock(handle: int, how: int) -> None:
        if not deleted:
            (root / JOURNAL).unlink()
            deleted.append(handle)
        real(handle, how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcntl, "flock", flock)
        with held(root), pytest.raises(TreeError), hold(root, lambda _: None, patience=0):
            pytest.fail("two at once")
    assert deleted
    assert not (root / JOURNAL).exists()


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_hold_refuses_non_file(root: Path, kind: str) -> None:
    path = root / JOURNAL
    if kind == "link":
        (root / "elsewhere").touch()
        path.symlink_to(root / "elsewhere")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(TreeError, match=r"finbase-journal"), held(root):
        pytest.fail("it went on")
    assert path.lstat()


def plain(steps: dict[str, list[str | None]]) -> str:
    return json.dumps(steps)


def of_another_start(steps: dict[str, list[str | None]]) -> str:
    return json.dumps({"seal": hashlib.sha256(b"guessed").hexdigest(), "files": steps})


def without_seal(steps: dict[str, list[str | None]]) -> str:
    return json.dumps({"files": steps})


@pytest.mark.parametrize("form", [plain, of_another_start, without_seal])
def test_hold_does_not_follow_planted_journal(
    root: Path, form: Callable[[dict[str, list[str | None]]], str]
) -> None:
    """A journal in a commit would overwrite one person's file and delete another's."""
    steps = {str(MAIN): record(b"evil", b"old"), str(GONE): record(None, b"old")}
    before = files(root)
    (root / JOURNAL).write_text(form(steps))
    with held(root) as journal:
        assert journal.undone == Undone((), (MAIN, GONE))
    assert files(root) == before


def test_hold_does_not_follow_copied_journal(root: Path) -> None:
    interrupt(root)
    content = (root / JOURNAL).read_bytes()
    (root / JOURNAL).rename(root / "kept")  # So that its number is not used again.
    (root / JOURNAL).write_bytes(content)
    with held(root) as journal:
        assert journal.undone == Undone((), (MAIN, NEW, GONE))
    assert (root / MAIN).read_bytes() == b"new"


def test_hold_refuses_tracked_journal(root: Path) -> None:
    interrupt(root)
    for command in (["init", "--quiet"], ["add", "--force", JOURNAL]):
        subprocess.run(["git", *command], cwd=root, check=True)
    before = (root / MAIN).read_bytes()
    with pytest.raises(TreeError, match=r"git tracks \.finbase-journal"), held(root):
        pytest.fail("it went on")
    assert (root / MAIN).read_bytes() == before


def test_hold_refuses_huge_journal(root: Path) -> None:
    with (root / JOURNAL).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TreeError, match="no render wrote it"), held(root):
        pytest.fail("it went on")


def test_check_fails_while_journal_is_pending(project: Path) -> None:
    assert CliRunner().invoke(main, ["--project", str(project), "render", "--check"]).exit_code == 0
    put(project, {str(MAIN): record(b"old", b"new")})
    result = CliRunner().invoke(main, ["--project", str(project), "render", "--check"])
    assert result.exit_code == 1
    assert "one was interrupted" in result.output
