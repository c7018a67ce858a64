"""Closed, full, missing and differently encoded streams: no traceback, and the right exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from finbase.report import verdict_json
from tests.support.commands import ROOT
from tests.support.commands import finbase as in_process
from tests.support.evidence import verdict

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
    """Run with a closed pipe as standard output."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return finbase(*arguments, stdout=writer, **environ)
    finally:
        os.close(writer)


def test_module_can_be_run() -> None:
    done = finbase("render", "nope")
    assert done.returncode == 2
    assert "nope" in done.stderr


@pytest.mark.parametrize("arguments", [["rules"], ["schema"], ["outdated"]])
def test_closed_pipe_keeps_exit_code(arguments: list[str]) -> None:
    read, left = in_process(ROOT, *arguments), unread(*arguments)
    assert left.returncode in (read.exit_code, 141)
    assert left.stderr == read.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "--help"]])
def test_help_to_closed_pipe_exits_141(arguments: list[str]) -> None:
    done = unread(*arguments)
    assert (done.returncode, done.stderr) == (141, "")


def test_closed_pipe_keeps_output_files(tmp_path: Path) -> None:
    """Nobody reads the table, but the verdict and the files are complete."""
    files = {kind: tmp_path / f"v.{kind}" for kind in ("json", "junit", "sarif")}
    options = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    verdict = in_process(ROOT, "check", "--plan", str(PLAN), *options)
    assert verdict.exit_code == 1
    expected = {kind: path.read_bytes() for kind, path in files.items()}
    for path in files.values():
        path.unlink()
    done = unread("check", "--plan", str(PLAN), *options)
    assert (done.returncode, done.stderr) == (1, "")
    assert {kind: path.read_bytes() for kind, path in files.items()} == expected


def test_check_reads_plan_from_pipe(tmp_path: Path) -> None:
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
    assert "because the HCL of the stack was not read" in " ".join(done.stdout.split())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "arguments", [["rules"], ["--version"], ["show", "staging"], ["rules", "--json", "-"]]
)
def test_full_disk_is_reported(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = finbase(*arguments, stdout=full)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()[-2:]
    assert first == "No space left on device"
    assert second == "    hint: the output is incomplete"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the folder in use stays")
def test_deleted_folder_is_reported(tmp_path: Path) -> None:
    script = "import os, sys\nos.rmdir(os.getcwd())\nos.execv(sys.argv[1], sys.argv[1:])"
    (folder := tmp_path / "gone").mkdir()
    command = [sys.executable, "-c", script, sys.executable, "-m", "finbase.cli", "show", "staging"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "the current folder was deleted\n    hint: change to a folder that exists\n"
    )


@pytest.mark.parametrize("arguments", [["render", "--check"], ["show", "staging"], ["--version"]])
def test_missing_stdout_keeps_exit_code(arguments: list[str]) -> None:
    script = "import os, sys\nos.close(1)\nos.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", script, *FINBASE, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_unencodable_output_is_escaped(tmp_path: Path) -> None:
    plan = shutil.copy(PLAN, tmp_path / "plan-Ω.json")
    arguments = ["check", "--plan", str(plan), "--json", str(tmp_path / "v.json")]
    done = finbase(*arguments, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (1, "")
    assert "plan-\\u03a9.json" in done.stdout
    assert (tmp_path / "v.json").stat().st_size


@pytest.mark.parametrize("kind", ["--json", "--junit", "--sarif", "--html"])
def test_output_folder_is_refused_before_work(kind: str, tmp_path: Path) -> None:
    done = in_process(ROOT, "check", "--plan", str(PLAN), kind, str(tmp_path))
    assert done.exit_code == 2
    assert f"{str(tmp_path)!r} is a folder" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "shown"), [("-", "standard output"), ("v.txt", "v.txt")], ids=["stream", "file"]
)
def test_outputs_refuse_the_same_file(
    name: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    verdict = tmp_path / "part.json"
    verdict.write_text("{}")
    for command in (["check"], ["report", "merge", str(verdict)]):
        done = in_process(ROOT, *command, "--json", name, "--sarif", name)
        assert done.exit_code == 2
        assert f"{shown} can take only one document; choose different files" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["part.json"]


def test_outputs_may_be_captured_by_a_program(tmp_path: Path) -> None:
    """What stands in for standard output in the same process may have no name."""
    part = tmp_path / "part.json"
    part.write_bytes(verdict_json.render([verdict("staging")]))
    done = in_process(ROOT, "report", "merge", str(part), "--own-catalogue", "--json", "-")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["environments"][0]["name"] == "staging"
    assert done.stderr == "1 of 1 environment pass\n"
