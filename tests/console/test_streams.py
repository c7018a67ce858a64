"""Streams that end early, are full, closed or of another encoding: no traceback, no false code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests.support.commands import ROOT

FINBASE = [sys.executable, "-m", "finbase.cli", "--project", str(ROOT)]
PLAN = ROOT / "tests" / "fixtures" / "compliance" / "plan.json"


def finbase(
    *arguments: str, stdout: int | IO[bytes] = subprocess.PIPE, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FINBASE, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environ},
        timeout=120,
        check=False,
    )


def unread(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run with a standard output that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return finbase(*arguments, stdout=writer, **environ)
    finally:
        os.close(writer)


def test_the_module_can_be_run_itself() -> None:
    done = finbase("render", "nope")
    assert done.returncode == 2
    assert "nope" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["rules"], ["schema"], ["render", "--check"], ["matrix"], ["outdated"]]
)
def test_a_reader_who_leaves_changes_no_exit_code(arguments: list[str]) -> None:
    read, left = finbase(*arguments), unread(*arguments)
    assert left.returncode in (read.returncode, 141)
    assert left.stderr == read.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "--help"]])
def test_help_that_nobody_reads_ends_as_other_programs_do(arguments: list[str]) -> None:
    done = unread(*arguments)
    assert (done.returncode, done.stderr) == (141, "")


def test_what_is_written_to_files_is_for_others(tmp_path: Path) -> None:
    """The table is not read to its end; the verdict is the same, and so are the files."""
    files = {kind: tmp_path / f"v.{kind}" for kind in ("json", "junit", "sarif")}
    options = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    verdict = finbase("check", "--plan", str(PLAN), *options)
    assert verdict.returncode == 1
    expected = {kind: path.read_bytes() for kind, path in files.items()}
    for path in files.values():
        path.unlink()
    done = unread("check", "--plan", str(PLAN), *options)
    assert (done.returncode, done.stderr) == (1, "")
    assert {kind: path.read_bytes() for kind, path in files.items()} == expected


def test_a_plan_may_come_through_a_pipe(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as file, subprocess.Popen(["cat", str(PLAN)], stdout=file):
        pass
    try:
        done = subprocess.run(
            [*FINBASE, "check", "--plan", f"/dev/fd/{reader}", "--json", str(tmp_path / "v.json")],
            pass_fds=[reader],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(reader)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads((tmp_path / "v.json").read_text())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "arguments", [["rules"], ["--version"], ["show", "staging"], ["rules", "--json", "-"]]
)
def test_a_disk_without_room_is_told_in_a_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = finbase(*arguments, stdout=full)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()[-2:]
    assert first == "No space left on device"
    assert second == "    hint: what was to be written or printed is not whole"


@pytest.mark.parametrize("arguments", [["render", "--check"], ["show", "staging"], ["--version"]])
def test_without_a_standard_output_the_exit_code_is_the_same(arguments: list[str]) -> None:
    script = "import os, sys\nos.close(1)\nos.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", script, *FINBASE, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (finbase(*arguments).returncode, "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_an_encoding_does_not_have_is_escaped(encoding: str, tmp_path: Path) -> None:
    arguments = ["check", "--plan", str(PLAN), "--json", str(tmp_path / "v.json")]
    done = finbase(*arguments, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (1, "")
    assert "\\u" in done.stdout
    assert (tmp_path / "v.json").stat().st_size


@pytest.mark.parametrize("kind", ["--json", "--junit", "--sarif", "--html"])
def test_a_file_that_cannot_be_written_is_told_before_the_work(kind: str, tmp_path: Path) -> None:
    done = finbase("check", "--plan", str(PLAN), kind, str(tmp_path))
    assert done.returncode == 2
    assert f"{str(tmp_path)!r} is a folder" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "shown"), [("-", "standard output"), ("v.txt", "v.txt")], ids=["stream", "file"]
)
def test_one_file_holds_one_thing(
    name: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    verdict = tmp_path / "part.json"
    verdict.write_text("{}")
    for command in (["check"], ["report", "merge", str(verdict)]):
        done = subprocess.run(
            [*FINBASE, *command, "--json", name, "--sarif", name],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "generator")},
            check=False,
        )
        assert done.returncode == 2
        assert f"{shown} can hold one of them, so name another file" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["part.json"]
