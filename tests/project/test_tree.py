from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finbase.errors import TreeError
from finbase.project import checksums
from finbase.project import tree as product
from finbase.project.files import MARK, ProjectFiles
from finbase.project.journal import hold
from finbase.project.tree import Changes, compare, diff

MAIN = PurePosixPath("environments/test/main.tf")
MODULE = PurePosixPath("modules/store/1.0.0/main.tf")
ZIP = PurePosixPath("modules/store/1.0.0/function.zip")
SUMS = ZIP.with_name(checksums.FILE_NAME)


def marked(text: str = "") -> bytes:
    return f"# {MARK}somewhere.\n{text}".encode()


def sums(files: Mapping[PurePosixPath, bytes], mark: str = MARK) -> bytes:
    digests = {path.name: checksums.digest(content) for path, content in files.items()}
    return f"# {mark}somewhere.\n{checksums.listing(digests)}".encode()


TREE = {
    MAIN: marked("a\nb\nc\n"),
    MODULE: marked("x\n"),
    ZIP: b"\x00\xff\x01",
    SUMS: sums({ZIP: b"\x00\xff\x01"}),
}


def put(root: Path, path: str | PurePosixPath, content: bytes) -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


def write(changes: Changes, root: Path, *, force: bool = False) -> None:
    with hold(root, lambda _: pytest.fail("another render is at work")) as journal:
        product.write(changes, journal, force=force)


def files(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in which ``TREE`` has been written."""
    project = tmp_path / "project"
    project.mkdir()
    write(compare(TREE, project), project)
    return project


def test_write_creates_everything(tmp_path: Path) -> None:
    changes = compare(TREE, tmp_path)
    assert list(changes.created) == sorted(TREE)
    assert not changes.clean
    assert files(tmp_path) == {}
    write(changes, tmp_path)
    assert files(tmp_path) == {str(path): content for path, content in TREE.items()}
    for path in TREE:
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o644


def test_write_twice(root: Path) -> None:
    before = {path: (root / path).stat() for path in TREE}
    changes = compare(TREE, root)
    assert changes == Changes({}, {}, {}, tuple(sorted(TREE)))
    assert changes.clean
    assert diff(changes) == ""
    write(changes, root)
    for path, status in before.items():
        after = (root / path).stat()
        assert (after.st_mtime_ns, after.st_ino) == (status.st_mtime_ns, status.st_ino)


def test_write_changed_files_only(root: Path) -> None:
    for path in TREE:
        os.utime(root / path, ns=(1, 1))
    edited = marked("edited by hand\n")
    (root / MAIN).write_bytes(edited)
    changes = compare(TREE, root)
    assert changes.changed == {MAIN: (edited, TREE[MAIN])}
    assert set(changes.unchanged) == {MODULE, ZIP, SUMS}
    write(changes, root)
    assert (root / MAIN).read_bytes() == TREE[MAIN]
    assert (root / MODULE).stat().st_mtime_ns == 1
    assert compare(TREE, root).clean


def test_write_deletes_orphans(root: Path) -> None:
    put(root, "environments/test/old.tf", marked())
    put(root, "modules/store/1.0.0/deep/er/old.tf", marked())
    changes = compare(TREE, root)
    assert [str(path) for path in changes.removed] == [
        "environments/test/old.tf",
        "modules/store/1.0.0/deep/er/old.tf",
    ]
    write(changes, root)
    assert compare(TREE, root).clean
    assert not (root / "modules/store/1.0.0/deep").exists()


@pytest.mark.parametrize(
    "path",
    [
        "environments/other/main.tf",
        "environments/test.yaml",
        "modules/store/0.9.0/main.tf",
        "modules/store/notes.txt",
        "modules/other/1.0.0/main.tf",
        "modules/releases.lock",
        "README.md",
    ],
)
def test_write_keeps_other_folders(root: Path, path: str) -> None:
    put(root, path, marked())
    changes = compare(TREE, root)
    assert changes.clean
    write(changes, root)
    assert (root / path).exists()


@pytest.mark.parametrize(
    "path",
    [
        ".terraform/modules/modules.json",
        ".terraform.tfstate.lock.info",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "terraform.tfstate.1700000000.backup",
        "plan.tfplan",
        ".main.tf.swp",
        "main.tf~",
        "__pycache__/main.cpython-311.pyc",
    ],
)
def test_write_keeps_terraform_files(root: Path, path: str) -> None:
    put(root, f"environments/test/{path}", b"x")
    assert compare(TREE, root).clean


def test_write_keeps_terraform_links(root: Path) -> None:
    (root / "environments/test/.terraform").symlink_to(root)
    assert compare(TREE, root).clean


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("environments/test/extra.tf", b'resource "x" "y" {}\n'),
        ("environments/test/main_override.tf", b"terraform {}\n"),
        ("environments/test/terraform.tfvars", b"a = 1\n"),
        ("environments/test/.auto.tfvars", b"a = 1\n"),
        ("environments/test/terraform.tfstate.tf", b"terraform {}\n"),
        ("environments/test/.terraform.lock.hcl", b"# of somebody\n"),
        ("environments/test/NOTES.md", f"# Notes\n\n{MARK}".encode()),
        ("modules/store/1.0.0/extra.tf.json", b"{}"),
        ("modules/store/1.0.0/notes.txt", marked()),
    ],
)
def test_write_refuses_to_delete_foreign_file(root: Path, path: str, content: bytes) -> None:
    put(root, path, content)
    (root / MAIN).write_bytes(marked("edited"))
    before = files(root)
    changes = compare(TREE, root)
    assert [str(orphan) for orphan in changes.removed] == [path]
    with pytest.raises(TreeError, match="not rendered by finbase") as caught:
        write(changes, root)
    assert path in caught.value.message
    assert "move" in (caught.value.hint or "")
    assert files(root) == before


def test_write_refuses_to_overwrite_foreign_file(tmp_path: Path) -> None:
    put(tmp_path, MAIN, b'provider "aws" {}\n')
    put(tmp_path, ZIP, b"not ours")
    before = files(tmp_path)
    with pytest.raises(TreeError, match=r"environments/test/main\.tf") as caught:
        write(compare(TREE, tmp_path), tmp_path)
    assert str(ZIP) in caught.value.message
    assert files(tmp_path) == before


def test_write_trusts_checksums(root: Path) -> None:
    older = b"an older build of it"
    put(root, ZIP, older)
    put(root, SUMS, sums({ZIP: older}))
    write(compare(TREE, root), root)
    assert files(root) == {str(path): content for path, content in TREE.items()}


@pytest.mark.parametrize(
    ("listed", "mark"),
    [
        (b"an older build of it", ""),  # a list without our mark
        (b"somebody's file of that name", MARK),  # the hash of something else
        (None, MARK),  # not in the list
    ],
)
def test_write_refuses_wrong_checksums(root: Path, listed: bytes | None, mark: str) -> None:
    put(root, ZIP, b"an older build of it")
    put(root, SUMS, sums({} if listed is None else {ZIP: listed}, mark))
    before = files(root)
    with pytest.raises(TreeError, match=str(ZIP)):
        write(compare(TREE, root), root)
    assert files(root) == before
    write(compare(TREE, root), root, force=True)
    assert (root / ZIP).read_bytes() == TREE[ZIP]


def test_write_force(root: Path) -> None:
    put(root, "environments/test/extra.tf", b'resource "x" "y" {}\n')
    put(root, "modules/store/1.0.0/rotation/old.py", b"import this\n")
    (root / MAIN).write_bytes(b"somebody's\n")
    with pytest.raises(TreeError) as caught:
        write(compare(TREE, root), root)
    assert "render --force" in (caught.value.hint or "")
    write(compare(TREE, root), root, force=True)
    assert files(root) == {str(path): content for path, content in TREE.items()}
    assert not (root / "modules/store/1.0.0/rotation").exists()


def test_write_force_refuses_symlink(root: Path, tmp_path: Path) -> None:
    (root / MAIN).rename(tmp_path / "elsewhere.tf")
    (root / MAIN).symlink_to(tmp_path / "elsewhere.tf")
    changed = Changes({}, {MAIN: (TREE[MAIN], marked("new"))}, {}, ())
    with pytest.raises(TreeError, match="is a symbolic link"):
        write(changed, root, force=True)


def test_write_removes_abandoned_stack(root: Path) -> None:
    put(root, "environments/old/main.tf", marked())
    put(root, "environments/old/outputs.tf", marked())
    put(root, "environments/old/.terraform.lock.hcl", marked())
    put(root, "environments/old/.main.tf.swp", b"")
    put(root, "environments/old/.terraform/modules/modules.json", b"{}")
    put(root, "environments/notes/README.md", b"# Notes of a person\n")
    assert compare(TREE, root).clean
    changes = compare(TREE, root, whole=True)
    old = PurePosixPath("environments/old")
    lock = old / ".terraform.lock.hcl"
    assert list(changes.removed) == [lock, old / "main.tf", old / "outputs.tf"]
    assert changes.abandoned == {old: (".main.tf.swp", ".terraform")}
    write(changes, root)
    assert {path.name for path in (root / old).iterdir()} == {".main.tf.swp", ".terraform"}
    assert compare(TREE, root, whole=True) == compare(TREE, root)


def test_write_keeps_abandoned_stack_with_foreign_file(root: Path) -> None:
    put(root, "environments/old/main.tf", marked())
    put(root, "environments/old/terraform.tfvars", b"a = 1\n")
    before = files(root)
    with pytest.raises(TreeError, match=r"environments/old/terraform\.tfvars"):
        write(compare(TREE, root, whole=True), root)
    assert files(root) == before
    write(compare(TREE, root, whole=True), root, force=True)
    assert not (root / "environments/old").exists()


@pytest.mark.parametrize("path", ["../out.tf", "/etc/out.tf", "environments/../../out.tf", "."])
def test_compare_refuses_outside_path(tmp_path: Path, path: str) -> None:
    outside = {PurePosixPath(path): marked()}
    with pytest.raises(TreeError, match="not a relative path inside the project"):
        compare(outside, tmp_path)
    changes = Changes(created=outside, changed={}, removed={}, unchanged=())
    with pytest.raises(TreeError, match="not a relative path inside the project"):
        write(changes, tmp_path)
    with pytest.raises(TreeError, match="not a relative path inside the project"):
        write(Changes({}, {}, outside, ()), tmp_path)


@pytest.mark.parametrize("link", ["environments", "environments/test", str(MAIN)])
def test_compare_refuses_symlink(root: Path, tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(root / link, elsewhere)
    (root / link).symlink_to(elsewhere)
    with pytest.raises(TreeError, match=f"{link} is a symbolic link"):
        compare(TREE, root)
    with pytest.raises(TreeError, match=f"{link} is a symbolic link"):
        write(Changes({}, {MAIN: (TREE[MAIN], marked("new"))}, {}, ()), root)
    with pytest.raises(TreeError, match=f"{link} is a symbolic link"):
        write(Changes({}, {}, {MAIN: TREE[MAIN]}, ()), root)


def test_compare_reports_symlink_orphan(root: Path) -> None:
    (root / "environments/test/link.tf").symlink_to(root / MODULE)
    with pytest.raises(TreeError, match=r"link\.tf is a symbolic link"):
        compare(TREE, root)


def test_compare_project_behind_symlink(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert compare(TREE, tmp_path / "link").clean


def test_compare_refuses_folder_as_file(root: Path) -> None:
    (root / MAIN).unlink()
    (root / MAIN).mkdir()
    with pytest.raises(TreeError, match=r"main\.tf must be a file"):
        compare(TREE, root)


def test_compare_refuses_file_as_folder(root: Path) -> None:
    shutil.rmtree(root / "environments")
    (root / "environments").write_text("")
    with pytest.raises(TreeError, match="environments must be a folder"):
        compare(TREE, root)


def test_a_pipe_is_not_read(root: Path) -> None:
    os.mkfifo(root / "environments/test/pipe.tf")
    with pytest.raises(TreeError, match=r"pipe\.tf must be a file"):
        compare(TREE, root)


@pytest.mark.parametrize(("step", "call"), [("stage", 3), ("replace", 2), ("unlink", 6)])
def test_apply_failure_changes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: str, call: int
) -> None:
    put(root, "environments/test/old.tf", marked())
    put(root, "modules/store/1.0.0/old.tf", marked())
    new = {path: marked("new") if path.suffix == ".tf" else b"new" for path in TREE}
    new[PurePosixPath("modules/store/2.0.0/main.tf")] = marked("new")
    before = files(root)
    owner = ProjectFiles if step == "stage" else Path
    real, calls = getattr(owner, step), []

    def fail(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == call:  # a file is unlinked before it is staged, an orphan at the end
            raise OSError(28, "No space left on device", "there")
        return real(*arguments, **options)

    changes = compare(new, root)
    monkeypatch.setattr(owner, step, fail)
    with pytest.raises(TreeError, match="cannot write there: No space left on device") as caught:
        write(changes, root)
    assert caught.value.hint == "nothing was changed"
    assert files(root) == before
    assert not (root / "modules/store/2.0.0").exists()


def test_ctrl_c_changes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = files(root), Path.replace

    def interrupt(self: Path, target: Path) -> Path:
        if target == root / MODULE:
            monkeypatch.undo()
            raise KeyboardInterrupt
        return real(self, target)

    changes = compare({**TREE, MAIN: marked("new"), MODULE: marked("new")}, root)
    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(changes, root)
    assert files(root) == before


def test_diff(root: Path) -> None:
    (root / MAIN).write_bytes(marked("a\nB\nc"))
    (root / ZIP).write_bytes(b"\x00old")
    put(root, "modules/store/1.0.0/old.tf", marked("gone\n"))
    new = PurePosixPath("modules/store/1.0.0/new.tf")
    shown = diff(compare({**TREE, new: b""}, root))
    assert shown.startswith(
        f"--- a/{MAIN}\ton disk\n+++ b/{MAIN}\trendered\n@@ -1,4 +1,4 @@\n # {MARK}somewhere.\n a\n"
        "-B\n-c\n\\ No newline at end of file\n+b\n+c\n"
        f"--- a/{ZIP}\ton disk\n+++ b/{ZIP}\trendered\nBinary: 4 bytes, SHA-256 "
    )
    created = f"--- /dev/null\ton disk\n+++ b/{new}\trendered\n"
    removed = "--- a/modules/store/1.0.0/old.tf\ton disk\n+++ /dev/null\trendered\n"
    assert created + removed in shown
    assert shown.endswith("@@ -1,2 +0,0 @@\n-# Rendered by finbase from somewhere.\n-gone\n")


text = st.text(st.sampled_from("ab\n\r\t\x0b\x85\u2028é"), max_size=30).map(
    lambda drawn: f"# {MARK}here.\n{drawn}".encode()
)


@settings(deadline=None)  # git is started, on a machine that may be busy
@given(before=text, after=text)
def test_diff_is_applicable(before: bytes, after: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        put(root, MAIN, before)
        shown = diff(compare({MAIN: after}, root))
        assert bool(shown) == (before != after)
        if shown:
            subprocess.run(
                ["git", "apply", "--whitespace=nowarn", "-"],
                cwd=root,
                input=shown.encode(),
                check=True,
                env={**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)},
            )
        assert (root / MAIN).read_bytes() == after
