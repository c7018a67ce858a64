"""A zip is a function of its files and of nothing else."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import subprocess
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.render.archive import pack
from tests.support.commands import ROOT

FILES = {"rotation.py": b"print()\n" * 50, "ca/eu-west-1.pem": b"", "ca.py": bytes(range(256))}
SHA256 = "76345bf4d24a84dca5a059c43ec51fcf470333dc770a794e130c418b714ac245"

PARTS = st.text("abcdefgh_-.", min_size=1, max_size=6).filter(
    lambda part: part not in (".", "..") and not part.endswith(".pyc")
)
NAMES = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


def test_pack_bytes() -> None:
    assert hashlib.sha256(pack(FILES)).hexdigest() == SHA256


def test_pack_ignores_order_time_umask() -> None:
    program = (
        "import hashlib, os, sys; os.umask(0o077); from finbase.render.archive import pack; "
        f"files = {dict(reversed(FILES.items()))!r}; "
        "sys.stdout.write(hashlib.sha256(pack(files)).hexdigest())"
    )
    for zone, seed in (("UTC", "1"), ("Pacific/Auckland", "2")):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "TZ": zone, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == SHA256


def test_pack_modes() -> None:
    with zipfile.ZipFile(io.BytesIO(pack(FILES))) as zipped:
        entries = zipped.infolist()
    assert [entry.filename for entry in entries] == sorted(FILES)
    for entry in entries:
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        assert entry.create_system == 3
        assert entry.compress_type == zipfile.ZIP_STORED
        mode = entry.external_attr >> 16
        assert stat.S_ISREG(mode)
        assert stat.S_IMODE(mode) == 0o644


@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=8))
def test_pack_roundtrip(files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(pack(files))) as zipped:
        assert zipped.testzip() is None
        assert {name: zipped.read(name) for name in zipped.namelist()} == files


@pytest.mark.parametrize(
    "name", ["", ".", "/etc/passwd", "../a", "a/../b", "a//b", "./a", "a/", "a\\b", "a\0.py"]
)
def test_pack_refuses_outside_path(name: str) -> None:
    with pytest.raises(ValueError, match=r"not a (plain relative|valid) path"):
        pack({name: b""})


@pytest.mark.parametrize("name", ["rotation.pyc", "__pycache__/rotation.cpython-312.pyc"])
def test_pack_refuses_compiled_python(name: str) -> None:
    with pytest.raises(ValueError, match="compiled"):
        pack({name: b""})
