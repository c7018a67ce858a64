"""Children end with everything they started, whatever happens to their caller."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from finbase.system.processes import Processes, ProcessesClosedError
from tests.support.commands import search_path
from tests.support.living import alive

# A child that starts a child of its own, as Terraform does with its providers, and says so.
FAMILY = "sleep 600 & echo $! > $PIDS.part; mv $PIDS.part $PIDS; wait"


def wait_until(condition: object, seconds: float = 60) -> None:
    assert callable(condition)
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail(f"not so within {seconds} seconds")


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    return tmp_path / "pids"


def test_run_returns_output_and_code(tmp_path: Path) -> None:
    with Processes() as processes:
        finished = processes.run(
            ["sh", "-c", "pwd; echo $WORD >&2; exit 3"],
            cwd=tmp_path,
            environ={"WORD": "grüße", "PATH": os.environ["PATH"]},
            seconds=60,
        )
    assert finished.code == 3
    assert finished.stdout.decode().strip() == str(tmp_path)
    assert finished.stderr.strip() == "grüße"
    assert finished.output.startswith("grüße\n")


def test_run_has_empty_standard_input() -> None:
    with Processes() as processes:
        assert processes.run(["cat"], seconds=60).stdout == b""


def test_run_kills_a_late_child(pids: Path) -> None:
    environ = {**os.environ, "PIDS": str(pids)}
    with Processes() as processes, pytest.raises(TimeoutError, match="within 1 seconds"):
        processes.run(["sh", "-c", FAMILY], environ=environ, seconds=1)
    grandchild = int(pids.read_text())
    wait_until(lambda: not alive(grandchild))


def test_close_kills_children_of_other_threads(pids: Path) -> None:
    environ = {**os.environ, "PIDS": str(pids)}
    codes: list[int] = []
    with Processes() as processes:

        def work() -> None:
            codes.append(processes.run(["sh", "-c", FAMILY], environ=environ, seconds=600).code)

        thread = threading.Thread(target=work)
        thread.start()
        wait_until(pids.exists)
        grandchild = int(pids.read_text())
        assert alive(grandchild)
    thread.join(20)
    assert codes == [-9]
    wait_until(lambda: not alive(grandchild))


def test_run_refuses_after_close() -> None:
    processes = Processes()
    processes.close()
    with pytest.raises(ProcessesClosedError):
        processes.run(["true"], seconds=60)


def test_ctrl_c_kills_children_and_removes_scratch(tmp_path: Path, pids: Path) -> None:
    script = (
        "import signal, sys, tempfile\n"
        "from finbase.system.processes import Processes\n"
        # A shell that starts the tests in the background has them ignore Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with tempfile.TemporaryDirectory(dir=sys.argv[1]) as scratch, Processes() as p:\n"
        "    p.run(['sh', '-c', sys.argv[2]], cwd=None, seconds=600)\n"
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", script, str(scratch), FAMILY],
        env={**os.environ, "PIDS": str(pids), "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
    ) as caller:
        wait_until(pids.exists)
        assert any(scratch.iterdir())
        caller.send_signal(2)
        assert b"KeyboardInterrupt" in caller.communicate(timeout=60)[1]
    grandchild = int(pids.read_text())
    wait_until(lambda: not alive(grandchild))
    assert not any(scratch.iterdir())


def test_follow_passes_lines_and_kills_the_group(pids: Path) -> None:
    lines: list[bytes] = []

    def stop(group: int, line: bytes) -> None:
        lines.append(line)
        os.killpg(group, 9)

    with Processes() as processes:
        finished = processes.follow(
            ["sh", "-c", f"echo one; echo two >&2; {FAMILY.replace('wait', 'echo three; wait')}"],
            lambda group, line: stop(group, line) if line == b"three\n" else lines.append(line),
            environ={**os.environ, "PIDS": str(pids)},
            seconds=60,
        )
    assert (finished.code, finished.stderr) == (-9, "two\n")
    assert lines == [b"one\n", b"three\n"]
    wait_until(lambda: not alive(int(pids.read_text())))


def test_follow_kills_a_late_child() -> None:
    with Processes() as processes:
        finished = processes.follow(["sleep", "600"], lambda *_: None, seconds=0.2)
    assert finished.code == -9


def test_attach_returns_the_code_and_writes_to_standard_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Processes() as processes:
        code = processes.attach(["sh", "-c", "pwd; exit 3"], cwd=tmp_path, environ=os.environ)
    assert (code, capfd.readouterr()) == (3, ("", f"{tmp_path}\n"))


def test_attach_escapes_each_line_of_both_streams(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "echo one; echo two >&2; printf 'thr\\377e'; exit 3"
    with Processes() as processes:
        code = processes.attach(
            ["sh", "-c", script], cwd=tmp_path, environ=os.environ, escape="<{}".format
        )
    assert (code, capfd.readouterr()) == (3, ("", "<one\n<two\n<thr\ufffde"))


def test_attach_waits_for_the_child_without_a_reader(tmp_path: Path) -> None:
    script = (
        "import os, pathlib\n"
        "from finbase.system.processes import Processes\n"
        "with Processes() as processes:\n"
        "    command = ['sh', '-c', 'yes | head -c 300000; touch ended']\n"
        "    folder = pathlib.Path.cwd()\n"
        "    print(processes.attach(command, cwd=folder, environ=os.environ, escape=str.upper))\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer) as closed:
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": search_path()},
            stdout=subprocess.PIPE,
            stderr=closed,
            text=True,
            check=True,
        )
    assert done.stdout == "0\n"
    assert (tmp_path / "ended").exists()
