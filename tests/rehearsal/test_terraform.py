"""Read Terraform's output, kill it between two writes of its state, and report its failures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from finbase.errors import TerraformError
from finbase.rehearsal.terraform import Applied, Stack, kill_between_writes
from finbase.system.processes import Processes
from finbase.terraform.program import Terraform


def line(kind: str, address: str, action: str = "create") -> bytes:
    hook = {"resource": {"addr": address}, "action": action}
    return json.dumps({"type": kind, "hook": hook}).encode()


def test_applied_read_sorts_addresses() -> None:
    applied = Applied()
    lines = {
        line("apply_start", "a"): False,
        line("apply_start", "b"): False,
        line("apply_start", "data.c", "read"): False,
        line("apply_complete", "data.c", "read"): False,
        line("apply_complete", "a"): True,
        line("apply_start", "d"): False,
        line("apply_errored", "d"): False,
        b"not JSON": False,
    }
    assert {text: applied.read(text) for text in lines} == lines
    assert (applied.finished, applied.unfinished) == (["a"], ["b"])


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            {"diagnostic": {"address": "d", "summary": "failed", "detail": "very\n  badly"}},
            "d: failed: very badly",
        ),
        ({"@message": "Error: no space left"}, "Error: no space left"),
    ],
)
def test_applied_read_collects_errors(message: dict[str, object], text: str) -> None:
    applied = Applied()
    applied.read(json.dumps({"@level": "error", **message}).encode())
    assert applied.errors == [text]


def test_kill_between_writes_waits_for_complete_state(tmp_path: Path) -> None:
    """The writer truncates the file, waits, and writes it, which Terraform does faster."""
    state = tmp_path / "terraform.tfstate"
    script = (
        "import sys, time\n"
        "while True:\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        file.flush(); time.sleep(0.05); file.write('{\"resources\": []}')\n"
        "    time.sleep(0.01)"
    )
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", script, state], process_group=0)
        while not state.exists():
            time.sleep(0.01)
        kill_between_writes(writer.pid, state)
        assert writer.wait(20) == -signal.SIGKILL
        assert json.loads(state.read_text()) == {"resources": []}
        state.unlink()


def stack(folder: Path, program: Path) -> Stack:
    terraform = Terraform(program, "Terraform", (1, 11, 4), "linux_amd64")
    return Stack(terraform, folder, {}, Processes())


def test_plan_reports_missing_program(tmp_path: Path) -> None:
    with pytest.raises(TerraformError, match=r"could not run: .*No such file"):
        stack(tmp_path, tmp_path / "nowhere").plan("first")


def test_plan_reports_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def time_out(*_: object, **__: object) -> None:
        raise TimeoutError("terraform did not end within 1800 seconds")

    copy = stack(tmp_path, Path(sys.executable))
    monkeypatch.setattr(copy.processes, "run", time_out)
    with pytest.raises(TerraformError, match="did not end within"):
        copy.plan("first")


def test_only_what_is_killed_starts_its_own_provider(tmp_path: Path) -> None:
    program = tmp_path / "terraform"
    program.write_text('#!/bin/sh\necho "$1 $TF_REATTACH_PROVIDERS" >> asked\necho {}\n')
    program.chmod(0o755)
    copy = replace(
        stack(tmp_path, program),
        environ={"PATH": os.environ["PATH"]},
        attach=lambda command: command({"TF_REATTACH_PROVIDERS": "running"}),
    )
    assert copy.plan("first") == (False, {})
    copy.state()
    for kill_after in (None, 1):
        copy.apply("first", kill_after=kill_after)
        copy.destroy(kill_after=kill_after)
    asked = (tmp_path / "asked").read_text().splitlines()
    plans = ["plan running", "show running", "show running"]
    assert asked == [*plans, "apply running", "destroy running", "apply ", "destroy "]


def test_state_is_shown_once_per_state_file(tmp_path: Path) -> None:
    program = tmp_path / "terraform"
    program.write_text('#!/bin/sh\necho "$*" >> asked\ncat terraform.tfstate || echo {}\n')
    program.chmod(0o755)
    copy = replace(stack(tmp_path, program), environ={"PATH": os.environ["PATH"]})
    file = tmp_path / "terraform.tfstate"
    states = [copy.state(), copy.state()]
    for number in (1, 1, 2):
        file.write_text(json.dumps({"serial": number}))
        states.append(copy.state())
    assert states == [{}, {}, {"serial": 1}, {"serial": 1}, {"serial": 2}]
    assert (tmp_path / "asked").read_text() == 3 * "show -json\n"
