"""Bounds on what somebody else may have written."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from finbase.ci.shards import read_shards
from finbase.cli import main
from finbase.errors import FinbaseError
from finbase.plan import addresses, consistency
from finbase.plan.saved_file import read_plan_file
from finbase.report import columns, sources
from finbase.report.html.proof import read_proof
from finbase.report.verdict_json import read_part
from finbase.source import bounds
from finbase.source.bounds import load_json, read_at_most

DEEP = b"[" * 200_000


def bomb(members: int, size: int) -> bytes:
    """An archive of files of zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(members):
            archive.writestr(f"tfconfig/m-/{number}", bytes(size))
    return file.getvalue()


def read_lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many bytes are unpacked."""
    lengths: list[int] = []
    read = zipfile.ZipExtFile.read

    def note(member: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        content = read(member, n)
        lengths.append(len(content))
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", note)
    return lengths


@pytest.mark.parametrize(
    ("members", "size"), [(1, 32 << 20), (40, 1 << 20), (10_001, 0)], ids=["one", "many", "names"]
)
def test_read_plan_file_refuses_bombs(
    members: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bomb(members, size)
    lengths = read_lengths(monkeypatch)
    with pytest.raises(ValueError, match=r"bytes that unpack to|more than 10000 files"):
        read_plan_file(data)
    assert lengths == []


def test_read_plan_file_refuses_false_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of an archive says one byte; the file in it has a megabyte."""
    data = bytearray(bomb(1, 1 << 20))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (1).to_bytes(4, "little")
    lengths = read_lengths(monkeypatch)
    with pytest.raises(ValueError, match=r"not a saved plan|as long as the archive says"):
        read_plan_file(bytes(data))
    assert sum(lengths) <= 2


def test_read_at_most_refuses_larger_file(tmp_path: Path) -> None:
    file = tmp_path / "plan"
    file.write_bytes(bytes(11))
    with pytest.raises(FinbaseError, match="is larger than"):
        read_at_most(file, 10)
    assert read_at_most(file, 11) == bytes(11)


def test_load_json_refuses_depth_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        load_json(DEEP)
    monkeypatch.setattr(bounds, "MOST_BYTES", 4)
    with pytest.raises(ValueError, match="larger than"):
        load_json(b"[1,2]")


@pytest.mark.parametrize(
    "read",
    [
        lambda data: read_proof(data, "matrix.json", (), {}, ""),
        lambda data: read_part(data, "part.json"),
        lambda data: read_shards(data, "matrix.json"),
    ],
    ids=["proof", "part", "shards"],
)
def test_readers_refuse_deep_json(read: Callable[[bytes], object]) -> None:
    with pytest.raises(FinbaseError):
        read(DEEP)


def test_main_reports_memory_error(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("finbase.project.find.find_project", fail)
    done = CliRunner().invoke(main, ["--project", str(project), "render", "--check"])
    assert done.exit_code == 2
    assert "out of memory" in done.output
    assert "Traceback" not in done.output


PATTERNS: dict[str, tuple[re.Pattern[str], str]] = {
    "sources": (sources._ADDRESS, "module.a["),
    "sources-key": (sources._ADDRESS, 'module.a.b.c["'),
    "addresses": (addresses._ADDRESS, "module.a["),
    "addresses-key": (addresses._ADDRESS, 'module.a["\\'),
    "columns": (columns._WORD, '["a'),
    "columns-backslash": (columns._WORD, '["\\'),
    "consistency": (consistency._STEP, 'module.a["\\'),
}


def work(pattern: re.Pattern[str], text: str) -> float:
    """The processor time of a search, the least of three."""
    times = []
    for _ in range(3):
        start = time.process_time()
        for _match in pattern.finditer(text):
            pass
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_grow_linearly(name: str) -> None:
    """Eight times the text takes some eight times the work, and not 64 times."""
    pattern, part = PATTERNS[name]
    short = work(pattern, part * 2_000)
    assert work(pattern, part * 16_000) < 24 * short + 0.02


def test_load_json_of_a_plan() -> None:
    assert load_json(json.dumps({"a": [1]}).encode()) == {"a": [1]}
