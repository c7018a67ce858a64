"""Private files: a cache is believed only if this user's key, which is not in it, has sealed it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from finbase.system.user_folders import private_folder, read_private, write_private


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = private_folder(tmp_path / "cache", ["finbase", "verdicts"])
    assert folder is not None
    write_private(folder / "entry", b"content")
    return folder / "entry"


def test_read_returns_content(file: Path) -> None:
    assert read_private(file, 7) == b"content"
    write_private(file, b"")
    assert read_private(file, 0) == b""


def test_read_refuses_changed_bytes(file: Path) -> None:
    sealed = file.read_bytes()
    for index in range(len(sealed)):
        file.write_bytes(sealed[:index] + bytes([sealed[index] ^ 1]) + sealed[index + 1 :])
        with pytest.raises(ValueError, match="not sealed"):
            read_private(file, 100)
    for content in (b"", b"content", sealed[:-1], sealed + b"\0"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="not sealed"):
            read_private(file, 100)


def test_read_refuses_other_key(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(file.parent / "other"))
    with pytest.raises(ValueError, match="not sealed"):
        read_private(file, 100)


@pytest.mark.parametrize("name", ["verdicts/other", "jinja/entry"])
def test_read_refuses_moved_file(file: Path, name: str) -> None:
    moved = file.parents[1] / name
    moved.parent.mkdir(exist_ok=True)
    file.rename(moved)
    with pytest.raises(ValueError, match="not sealed"):
        read_private(moved, 100)


def test_key_is_private(file: Path, tmp_path: Path) -> None:
    key = tmp_path / "state" / "finbase" / "key"
    assert [path.name for path in key.parent.iterdir()] == ["key"]
    assert (stat.S_IMODE(key.stat().st_mode), key.stat().st_size) == (0o600, 32)
    assert key.read_bytes() not in file.read_bytes()


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_key_of_others_is_refused(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    folder = tmp_path / f"state-{mode}" / "finbase"
    folder.mkdir(mode=0o700, parents=True)
    (folder / "key").write_bytes(b"x" * 32)
    (folder / "key").chmod(mode)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder.parent))
    with pytest.raises(PermissionError):
        write_private(file, b"content")
