"""The search for passwords where files are damaged, large, or odd: what is left out is told."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from pathlib import Path

import pytest

from finbase.rehearsal import search as module
from finbase.rehearsal.search import Gaps, search

SECRET = "Sesame-open-1"
TEXT = f"before {SECRET} after".encode()


def zipped(*contents: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"entry-{number}", content)
    return made.getvalue()


def searched(folder: Path, content: bytes) -> tuple[tuple[str, ...], Gaps]:
    (folder / "file").write_bytes(content)
    found, gaps = search(folder, [SECRET])
    return found.found, gaps


@pytest.mark.parametrize(
    "after",
    # Named: a gzip has the time of day in it, and a test must have one name on every worker.
    [b"\n", b"\0" * 512, gzip.compress(b"more")],
    ids=["a line break", "zeros", "another member"],
)
def test_a_gzip_is_read_whatever_follows_it(tmp_path: Path, after: bytes) -> None:
    found, gaps = searched(tmp_path, gzip.compress(TEXT) + after)
    assert found == ("file › gzip: as it is",)
    assert gaps == Gaps()


def test_every_member_of_a_gzip_is_read(tmp_path: Path) -> None:
    found, gaps = searched(tmp_path, gzip.compress(b"first ") + gzip.compress(TEXT))
    assert found == ("file › gzip: as it is",)
    assert gaps == Gaps()


def test_a_gzip_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    rest = random.Random(1).randbytes(300_000).hex().encode()
    found, gaps = searched(tmp_path, gzip.compress(TEXT + rest)[:-1000])
    assert found == ("file › gzip: as it is",)
    assert gaps.unread == ("file › gzip: it ends too early",)


def test_a_damaged_gzip_is_told(tmp_path: Path) -> None:
    _, gaps = searched(tmp_path, gzip.compress(b"")[:10] + b"\xff" * 20)
    assert len(gaps.unread) == 1
    assert gaps.unread[0].startswith("file › gzip: Error -3")


def test_a_damaged_entry_of_a_zip_hides_no_other(tmp_path: Path) -> None:
    whole = bytearray(zipped(b"first " * 100, TEXT))
    place = 30 + len("entry-0")
    whole[place : place + 4] = b"\xff" * 4
    found, gaps = searched(tmp_path, bytes(whole))
    assert found == ("file › entry-1: as it is",)
    assert len(gaps.unread) == 1
    assert gaps.unread[0].startswith("file › entry-0: ")


@pytest.mark.parametrize("pack", [gzip.compress, zipped])
def test_what_is_above_the_limit_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: object
) -> None:
    assert callable(pack)
    monkeypatch.setattr(module, "_LIMIT", 1_000_000)
    found, gaps = searched(tmp_path, pack(TEXT + b"-" * (1_000_000 - len(TEXT))))
    assert (len(found), gaps) == (1, Gaps())
    found, gaps = searched(tmp_path, pack(TEXT + b"-" * 1_000_000))
    assert len(found) == 1
    assert len(gaps.unread) == 1
    assert gaps.unread[0].endswith(": only its first 1 MB are searched")


def test_archives_too_deep_are_told(tmp_path: Path) -> None:
    deep = TEXT
    for _ in range(4):
        deep = gzip.compress(deep)
    found, gaps = searched(tmp_path, deep)
    assert found == ()
    place = "file › gzip › gzip › gzip"
    assert gaps.unread == (f"{place}: more than 3 archives within each other",)


def test_secrets_that_would_be_found_anywhere_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(TEXT)
    found, gaps = search(tmp_path, ["four", "seven-7", SECRET])
    assert (found.passwords, found.found) == (1, ("file: as it is",))
    assert gaps == Gaps(short=2)
