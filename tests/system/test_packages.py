"""The wheel from which a package was installed."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from finbase.system.packages import wheel

NAME = "ledgerly-1.2-py3-none-any.whl"
SHA256 = hashlib.sha256(b"wheel").hexdigest()


def installed(monkeypatch: pytest.MonkeyPatch, folder: Path, record: object) -> None:
    """Install the metadata of a package, with what pip recorded about its origin."""
    metadata = folder / "site" / "ledgerly-1.2.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: ledgerly\nVersion: 1.2\n")
    if record is not None:
        (metadata / "direct_url.json").write_text(json.dumps(record))
    monkeypatch.setattr(sys, "path", [str(metadata.parent), *sys.path])


@pytest.mark.parametrize(
    ("content", "known"), [(b"wheel", True), (b"another", False), (None, False)]
)
def test_wheel_is_read_where_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, known: bool
) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    if content is not None:
        (folder / NAME).write_bytes(content)
    record = {"url": (folder / NAME).as_uri(), "archive_info": {"hashes": {"sha256": SHA256}}}
    installed(monkeypatch, tmp_path, record)
    found = wheel("ledgerly")
    assert found is not None
    assert (found.name, found.sha256) == (NAME, SHA256)
    assert found.content == (content if known else None)


def test_wheel_of_an_address_has_no_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {"url": f"https://host/{NAME}", "archive_info": {"hash": f"sha256={SHA256}"}}
    installed(monkeypatch, tmp_path, record)
    found = wheel("ledgerly")
    assert found is not None
    assert (found.sha256, found.content) == (SHA256, None)


@pytest.mark.parametrize(
    "record",
    [
        None,
        {},
        [],
        {"url": "file:///sources", "dir_info": {"editable": True}},
        {"url": f"file:///{NAME}", "archive_info": {}},
        {"url": "file:///ledgerly-1.2.tar.gz", "archive_info": {"hash": f"sha256={SHA256}"}},
    ],
)
def test_wheel_that_is_not_recorded_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: object
) -> None:
    installed(monkeypatch, tmp_path, record)
    assert wheel("ledgerly") is None


def test_wheel_of_a_package_that_is_not_installed() -> None:
    assert wheel("ledgerly") is None
