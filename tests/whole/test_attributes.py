"""A clone has the same bytes, whatever git converts on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.commands import ROOT


@pytest.mark.parametrize("setting", ["core.autocrlf=true", "core.eol=crlf"])
def test_clone_keeps_line_ends(tmp_path: Path, setting: str) -> None:
    def git(*arguments: str, folder: Path = tmp_path) -> None:
        command = ["git", "-c", setting, "-c", "core.safecrlf=false", *arguments]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    for name in (".gitattributes", "templates/a.tf.j2", "modules/a/1.0.0/main.tf", "b.py"):
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        (origin / name).write_bytes(b"one\ntwo\n")
    (origin / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    git("init", "-q", ".", folder=origin)
    git("add", ".", folder=origin)
    git("-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "m", folder=origin)
    git("clone", "-q", str(origin), str(clone))
    for path in sorted(clone.rglob("*")):
        if path.is_file() and ".git" not in path.relative_to(clone).parts:
            assert b"\r" not in path.read_bytes(), path
