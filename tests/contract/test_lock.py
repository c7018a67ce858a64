"""The lock reads what it writes and what a merge leaves, and names every line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase import codes
from finbase.contract.lock import PATH, Lock
from finbase.contract.version import Version
from finbase.errors import InputError, TreeError

HASHES = [f"h1:{letter * 43}=" for letter in "AB"]
FIRST, SECOND = (f"cache 1.0.0 {HASHES[0]}", f"kms 1.0.0 {HASHES[1]}")

versions = st.builds(Version, *[st.integers(0, 10**6)] * 3)
hashes = st.text("abzABZ019+/", min_size=43, max_size=43).map("h1:{}=".format)
releases = st.dictionaries(
    st.tuples(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), versions), hashes, max_size=9
)


def wrong(text: str) -> list[tuple[str, int, str]]:
    with pytest.raises(InputError) as error:
        Lock.parse(text.encode())
    assert {d.path for d in error.value.diagnostics} == {str(PATH)}
    assert {d.code for d in error.value.diagnostics} == {codes.LOCK}
    return [(d.message, d.line, d.hint or "") for d in error.value.diagnostics]


@given(releases)
def test_what_is_written_is_read(released: dict[tuple[str, Version], str]) -> None:
    lock = Lock(released)
    text = lock.text()
    assert Lock.parse(text.encode()) == lock
    assert Lock.parse(text.replace("\n", "\r\n").encode("utf-8-sig")).text() == text


@given(releases, releases)
def test_lock_merges_by_line(
    ours: dict[tuple[str, Version], str], theirs: dict[tuple[str, Version], str]
) -> None:
    both = {**theirs, **ours}
    theirs = {release: both[release] for release in theirs}
    merged = Lock(ours).text() + Lock(theirs).text()
    assert Lock.parse(merged.encode()) == Lock(both)


@given(releases, st.tuples(st.just("cache"), versions), hashes)
def test_with_release_adds_a_line(
    released: dict[tuple[str, Version], str], release: tuple[str, Version], tree_hash: str
) -> None:
    released.pop(release, None)
    before = Lock(released)
    after = before.with_release(*release, tree_hash)
    lines = after.text().splitlines()
    assert set(lines) - set(before.text().splitlines()) == {after.line(*release)}
    assert release in after
    assert release not in before
    assert after.released("cache") == tuple(sorted({*before.released("cache"), release[1]}))


@pytest.mark.parametrize(
    "line",
    [
        "cache",
        "cache 1.0.0",
        f"cache 1.0 {HASHES[0]}",
        f"cache 1.0.0.0 {HASHES[0]}",
        f"cache 01.0.0 {HASHES[0]}",
        f"cache 1.0.٣ {HASHES[0]}",
        f"cache v1.0.0 {HASHES[0]}",
        f"Cache 1.0.0 {HASHES[0]}",
        f"../cache 1.0.0 {HASHES[0]}",
        f"cache  1.0.0 {HASHES[0]}",
        f"cache\t1.0.0 {HASHES[0]}",
        f" cache 1.0.0 {HASHES[0]}",
        f"cache 1.0.0 {HASHES[0]} ",
        f"cache 1.0.0 {HASHES[0]} # why",
        f"cache 1.0.0 {HASHES[0][:-1]}",
        f"cache 1.0.0 {HASHES[0][:-2]}-=",
        f"cache 1.0.0 h2{HASHES[0][2:]}",
        f"\ufeffcache 1.0.0 {HASHES[0]}",
        f"cache 1.0.0 {HASHES[0]}\x0c",
        f"cache 1.0.0 {HASHES[0]}\u2028{SECOND}",
        f"cache 1.0.0 {HASHES[0]}\r{SECOND}",
        f"# A comment.\r{SECOND}",
        "# A \0 comment.",
        " ",
    ],
)
def test_parse_refuses_invalid_line(line: str) -> None:
    found = wrong(f"# A lock.\n\n{SECOND}\n{line}\n")
    assert [number for _, number, _ in found] == [4]
    assert "git checkout HEAD -- modules/releases.lock" in found[0][2]


def test_parse_reports_every_line() -> None:
    found = wrong(f"a\n{FIRST}\nb\n")
    assert [number for _, number, _ in found] == [1, 3]


def test_parse_reports_merge_conflict() -> None:
    text = f"<<<<<<< HEAD\n{FIRST}\n=======\n{SECOND}\n>>>>>>> other\n"
    found = wrong(text)
    assert [number for _, number, _ in found] == [1, 3, 5]
    assert {hint for _, _, hint in found} == {
        "keep the lines of both sides and delete the conflict markers"
    }


def test_parse_refuses_two_hashes() -> None:
    assert Lock.parse(f"{FIRST}\n{FIRST}\n".encode()) == Lock.parse(f"{FIRST}\n".encode())
    ((what, line, _),) = wrong(f"{FIRST}\n{SECOND}\n{FIRST.replace('AAA', 'BBB', 1)}\n")
    assert line == 3
    assert "cache 1.0.0 has another hash above" in what


def test_parse_refuses_binary_line() -> None:
    with pytest.raises(InputError) as error:
        Lock.parse(f"{FIRST}\n".encode() + b"\xff\xfe\n")
    assert [d.line for d in error.value.diagnostics] == [2]


def test_load_without_lock(tmp_path: Path) -> None:
    assert Lock.load(tmp_path) == Lock()


def test_load_refuses_symlink(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "elsewhere").write_text(f"{FIRST}\n")
    (tmp_path / PATH).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TreeError, match=r"modules/releases\.lock is a symbolic link"):
        Lock.load(tmp_path)


def test_load_refuses_folder(tmp_path: Path) -> None:
    (tmp_path / PATH).mkdir(parents=True)
    with pytest.raises(TreeError, match="must be a file"):
        Lock.load(tmp_path)
