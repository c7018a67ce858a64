"""Copies of a ready process judge as processes of their own do, and know nothing of each other."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from finbase.errors import ComplianceError
from finbase.judge import compliance
from finbase.judge.ready import Ready, Runs
from finbase.judge.verdict import Verdict
from finbase.system.processes import Processes
from tests.support.commands import search_path
from tests.support.living import alive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, nothing is copied")

FIXTURES = Path(__file__).parents[1] / "fixtures" / "compliance"
PLAN = FIXTURES / "plan.json"
WRITE = """import builtins, json, os, sys
from pathlib import Path

names = ("HOME", "TMPDIR", "PYTHONPATH")
seen = {name: os.environ[name] for name in names} | {
    "pid": os.getpid(),
    "parent": os.getppid(),
    "folder": os.getcwd(),
    "stdin": sys.stdin.read(),
    "marks": [hasattr(builtins, "mark"), "mark" in sys.modules, "MARK" in os.environ],
    "files": sorted(os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.exists()),
}
builtins.mark = sys.modules["mark"] = sys
os.environ["MARK"] = "1"
with open(FILE, "a") as file:
    file.write(json.dumps(seen) + "\\n")
"""


@pytest.fixture
def features(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(FIXTURES / "features", tmp_path / "features", ignore=ignored)


@pytest.fixture
def processes() -> Iterator[Processes]:
    with Processes() as processes:
        yield processes


@pytest.fixture
def ready(processes: Processes) -> Iterator[Ready]:
    with Ready(processes) as ready:
        yield ready


def judge(runs: Runs, features: Path = FIXTURES / "features") -> Verdict | str:
    """Return the verdict, or the error."""
    try:
        return compliance.run(PLAN, features, processes=runs)
    except ComplianceError as error:
        return re.sub(r"finbase-\w+", "finbase-scratch", f"{error.message}; {error.hint}")


def add_step(features: Path, code: str) -> None:
    (features / "steps" / "own.py").write_text(code)


def wait_for_end(pid: int) -> None:
    """A process that is killed is there until the kernel has ended it."""
    end = time.monotonic() + 60
    while alive(pid):
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    "code",
    ["", "import no_such_module", "raise SystemExit(3)", "exit(0)", "print('x' * 200_000); 1 / 0"],
)
def test_copy_judges_as_a_process_of_its_own(
    ready: Ready, processes: Processes, features: Path, code: str
) -> None:
    add_step(features, code)
    alone, copied = judge(processes, features), judge(ready, features)
    assert copied == alone
    assert isinstance(copied, Verdict) is (code == "")
    good = judge(ready)
    assert isinstance(good, Verdict)
    assert good.passed


def test_copies_know_nothing_of_each_other(ready: Ready, features: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    add_step(features, WRITE.replace("FILE", repr(str(log))))
    for _ in range(2):
        assert isinstance(judge(ready, features), Verdict)
    one, two = map(json.loads, log.read_text().splitlines())
    assert one["parent"] == two["parent"] != os.getpid()
    assert one["pid"] != two["pid"]
    for copy in (one, two):
        assert copy["marks"] == [False] * 3
        assert copy["stdin"] == ""
        assert copy["HOME"] == copy["TMPDIR"] == copy["folder"]
        assert not [name for name in copy["files"] if name.startswith(("pipe:", "socket:"))]
    assert one["folder"] != two["folder"]
    assert one["PYTHONPATH"] == two["PYTHONPATH"]


def test_what_a_judgement_starts_ends_with_it(ready: Ready, features: Path, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    add_step(
        features,
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"open({str(mark)!r}, 'w').write(str(child.pid))\n",
    )
    assert isinstance(judge(ready, features), Verdict)
    assert not alive(int(mark.read_text()))


def test_step_that_ends_the_ready_process_has_no_verdict(ready: Ready, features: Path) -> None:
    add_step(features, "import os\nos.kill(os.getppid(), 9)\nos.kill(os.getpid(), 19)\n")
    assert "terraform-compliance could not run: its process ended" in str(judge(ready, features))
    assert isinstance(judge(ready), Verdict)


def test_judgement_that_takes_too_long_is_stopped(
    ready: Ready, features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "pid"
    add_step(
        features,
        f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n",
    )
    monkeypatch.setattr(compliance, "_SECONDS", 3.0)
    assert "could not run: it did not end within 3 seconds" in str(judge(ready, features))
    wait_for_end(int(mark.read_text()))
    monkeypatch.undo()
    assert isinstance(judge(ready), Verdict)


def test_ready_processes_end_with_the_block(processes: Processes) -> None:
    with Ready(processes) as ready:
        judge(ready)
        [child] = ready._idle
        assert child.poll() is None
    assert child.returncode is not None
    assert "no plan can be judged after the block has ended" in str(judge(ready))


def test_ready_processes_end_with_a_killed_caller() -> None:
    script = (
        "import sys, time; from pathlib import Path; from finbase.judge import compliance\n"
        "from finbase.judge.ready import Ready; from finbase.system.processes import Processes\n"
        f"ready = Ready(Processes()); features = Path({str(FIXTURES / 'features')!r})\n"
        f"compliance.run(Path({str(PLAN)!r}), features, processes=ready)\n"
        "print(ready._idle[0].pid, flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": search_path()},
        stdout=subprocess.PIPE,
    ) as caller:
        assert caller.stdout is not None
        pid = int(caller.stdout.readline())
        assert alive(pid)
        caller.send_signal(signal.SIGKILL)
    wait_for_end(pid)
