"""Search files for passwords: in any encoding, in archives, and in damaged or odd files."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.rehearsal import search as module
from finbase.rehearsal.model import Search
from finbase.rehearsal.search import Gaps, forms, search

SECRET = "Sesame+/open='1\\é"
TEXT = f"before {SECRET} after".encode()


def zipped(*contents: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"entry-{number}", content)
    return file.getvalue()


def searched(folder: Path, content: bytes) -> tuple[tuple[str, ...], Gaps]:
    (folder / "file").write_bytes(content)
    result, gaps = search(folder, [SECRET])
    return result.matches, gaps


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda plain: plain,
    "base64": b64encode,
    "base64 for URLs": urlsafe_b64encode,
    "URL": lambda plain: quote(plain.decode(), safe="").encode(),
    "JSON": lambda plain: json.dumps(plain.decode()).encode(),
    "JSON in JSON": lambda plain: json.dumps(json.dumps({"p": plain.decode()})).encode(),
    "hexadecimal": lambda plain: plain.hex().encode(),
    "UTF-16": lambda plain: plain.decode().encode("utf-16-le"),
    "zip": zipped,
    "gzip": gzip.compress,
    "gzip in zip": lambda plain: zipped(gzip.compress(plain)),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_search_finds_encoded_secret(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "deep" / ".hidden"
    file.parent.mkdir()
    file.write_bytes(ENCODINGS[encoding](TEXT))
    assert search(tmp_path, ["not in there", SECRET])[0].matches
    assert search(tmp_path, ["not in there"])[0].matches == ()


@given(before=st.binary(max_size=9), after=st.binary(max_size=9), urlsafe=st.booleans())
def test_forms_cover_every_base64_offset(before: bytes, after: bytes, urlsafe: bool) -> None:
    encoded = (urlsafe_b64encode if urlsafe else b64encode)(before + SECRET.encode() + after)
    assert any(form in encoded for form in forms(SECRET))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=8, max_size=60))
def test_forms_are_never_short(password: str) -> None:
    encodings = forms(password)
    assert encodings[password.encode()] == "in plain text"
    assert min(map(len, encodings)) >= 8


def test_forms_refuse_short_secret() -> None:
    with pytest.raises(ValueError, match="of 4 characters; the minimum is 8"):
        forms("four")


def test_search_skips_short_secrets(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(TEXT)
    result, gaps = search(tmp_path, ["four", "seven-7", SECRET])
    assert (result.passwords, result.matches) == (1, ("file: in plain text",))
    assert gaps == Gaps(short=2)


def test_search_result_lacks_the_secret(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"password={SECRET}")
    result, gaps = search(tmp_path, [SECRET])
    assert gaps == Gaps()
    assert result == Search(1, 1, (tmp_path / "log").stat().st_size, ("log: in plain text",))


def test_search_ignores_links_and_odd_files(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(SECRET)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    (inside / "empty").touch()
    (inside / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    os.mkfifo(inside / "pipe")
    gaps = Gaps(("broken.zip: File is not a zip file",))
    assert search(inside, [SECRET]) == (Search(1, 2, 16, ()), gaps)


@pytest.mark.parametrize(
    "after",
    # With ids: a gzip contains the time, but a test must have the same name in every worker.
    [b"\n", b"\0" * 512, gzip.compress(b"more")],
    ids=["line break", "zeros", "another member"],
)
def test_search_gzip_ignores_what_follows(tmp_path: Path, after: bytes) -> None:
    assert searched(tmp_path, gzip.compress(TEXT) + after) == (
        ("file › gzip: in plain text",),
        Gaps(),
    )


def test_search_gzip_reads_every_member(tmp_path: Path) -> None:
    matches, gaps = searched(tmp_path, gzip.compress(b"first ") + gzip.compress(TEXT))
    assert matches == ("file › gzip: in plain text",)
    assert gaps == Gaps()


def test_search_gzip_reads_until_truncation(tmp_path: Path) -> None:
    rest = random.Random(1).randbytes(300_000).hex().encode()
    matches, gaps = searched(tmp_path, gzip.compress(TEXT + rest)[:-1000])
    assert matches == ("file › gzip: in plain text",)
    assert gaps.unread == ("file › gzip: the file is truncated",)


def test_search_gzip_reports_damage(tmp_path: Path) -> None:
    _, gaps = searched(tmp_path, gzip.compress(b"")[:10] + b"\xff" * 20)
    assert len(gaps.unread) == 1
    assert gaps.unread[0].startswith("file › gzip: Error -3")


def test_search_zip_skips_damaged_entry_only(tmp_path: Path) -> None:
    archive = bytearray(zipped(b"first " * 100, TEXT))
    offset = 30 + len("entry-0")
    archive[offset : offset + 4] = b"\xff" * 4
    matches, gaps = searched(tmp_path, bytes(archive))
    assert matches == ("file › entry-1: in plain text",)
    assert len(gaps.unread) == 1
    assert gaps.unread[0].startswith("file › entry-0: ")


@pytest.mark.parametrize("pack", [gzip.compress, zipped])
def test_search_reports_files_above_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(module, "_LIMIT", 1_000_000)
    matches, gaps = searched(tmp_path, pack(TEXT + b"-" * (1_000_000 - len(TEXT))))
    assert (len(matches), gaps) == (1, Gaps())
    matches, gaps = searched(tmp_path, pack(TEXT + b"-" * 1_000_000))
    assert len(matches) == 1
    assert len(gaps.unread) == 1
    assert gaps.unread[0].endswith(": only its first 1 MB are searched")


def test_search_reports_nested_archives(tmp_path: Path) -> None:
    content = TEXT
    for _ in range(4):
        content = gzip.compress(content)
    matches, gaps = searched(tmp_path, content)
    assert matches == ()
    path = "file › gzip › gzip › gzip"
    assert gaps.unread == (f"{path}: more than 3 archives within each other",)
