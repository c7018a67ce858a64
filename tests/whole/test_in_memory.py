"""Where the temporary files of a test run are."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.support import in_memory
from tests.support.in_memory import use_memory


@pytest.fixture
def meminfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with room; nothing has chosen a folder."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", "restored afterwards, also where there was none")
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(in_memory, "_ROOM", 1 << 20)
    file = tmp_path / "meminfo"
    file.write_text("MemTotal: 4096 kB\nMemAvailable:    1024 kB\n")
    return file


def test_use_memory_with_room(meminfo: Path, tmp_path: Path) -> None:
    use_memory(tmp_path, meminfo)
    assert tempfile.gettempdir() == str(tmp_path) == os.environ["TMPDIR"]


@pytest.mark.parametrize("text", ["MemAvailable: 1023 kB\n", "MemTotal: 4096 kB\n"])
def test_use_memory_without_room(meminfo: Path, tmp_path: Path, text: str) -> None:
    meminfo.write_text(text)
    use_memory(tmp_path, meminfo)
    assert "TMPDIR" not in os.environ


def test_use_memory_without_folder(meminfo: Path, tmp_path: Path) -> None:
    use_memory(tmp_path / "none", meminfo)
    use_memory(tmp_path, tmp_path / "none")
    assert "TMPDIR" not in os.environ


def test_use_memory_keeps_choice(
    meminfo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    use_memory(tmp_path, meminfo)
    assert os.environ["TMPDIR"] == "/elsewhere"
