"""Whole rehearsals, with Terraform killed, and rehearsals that fail or are interrupted."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from finbase.rehearsal.model import Rehearsal
from finbase.rehearsal.rehearse import rehearse
from finbase.rehearsal.scratch import scratch_folder
from finbase.rehearsal.usual import UNCUT, Cuts
from finbase.sandbox import server
from finbase.sandbox.postgres import find
from finbase.terraform import workspace
from finbase.terraform.program import find_terraform
from tests.support.commands import ROOT, search_path
from tests.support.commands import finbase as run
from tests.support.rehearsed import (
    differences,
    normalised,
    own_temporary_folder,
    users_of,
    wait_for_none,
)

SEED = int(os.environ.get("SOAK_SEED", "20261125"))
ENVIRONMENT = "development"
ROLES = ("app", "migrator")
# Shells start background programs with SIGINT ignored, and tests may run in the background.
_SCRIPT = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from finbase.cli import main; main(prog_name='finbase')"
)


@contextmanager
def finbase(temporary: Path, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """Start ``finbase rehearse``, which creates its scratch folder in ``temporary``."""
    command = ["--project", str(ROOT), "rehearse", ENVIRONMENT, *arguments]
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, *command],
        env={
            **os.environ,
            "PYTHONPATH": search_path(),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(temporary),
            **environ,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.terraform
@pytest.mark.parametrize(
    "cut", [["apply"], pytest.param(["apply", "destroy"], marks=pytest.mark.soak)], ids="-".join
)
def test_rehearse_killed(cut: list[str], tmp_path: Path) -> None:
    json_file = tmp_path / "rehearsal.json"
    options = ["--json", str(json_file)]
    for command in cut:
        options += [f"--cut-{command}", "50"]
    with own_temporary_folder() as temporary:
        with finbase(temporary, *options) as child:
            output, errors = child.communicate()
        assert child.returncode == 0, output + errors
        assert not users_of(temporary)
    result = json.loads(json_file.read_text())
    assert result["passed"]
    steps = {step["name"]: step for step in result["steps"]}
    expected = [name for name in STEPS if "destroy" in cut or name != "destroy, killed at 50%"]
    assert [step["name"] for step in result["steps"]] == expected  # No Terraform run more.
    assert not [step for step in result["steps"] if step["problems"]]
    killed, imported = steps["apply, killed at 50%"], steps["import lost resources"]
    created = killed["resources"] + imported["resources"] + steps["apply"]["resources"]
    assert created > 90
    for when in ("after the apply", "after the rotations"):
        plan = steps[f"plan {when}"]
        assert plan["notes"] == ["No changes"]
        assert 100 < plan["calls"] < 2 * created  # However long they take.
    *roles, master = sorted(steps["rotation 2"]["notes"], key=lambda note: "refused" in note)
    assert master.endswith("logs in with its new password; the old one is refused")
    assert [note.split("; ")[1].split(" ", 1)[1] for note in roles] == [
        "keeps its own until the next rotation"
    ] * len(ROLES)
    assert steps["apply"]["calls"] > 100
    assert not result["drifts"]
    # Of the master user: that of the apply and of two rotations; a killed apply may have to write a
    # second one. Of each role: that of the set-up, of the first rotation, and of the two.
    assert result["search"]["passwords"] - 4 * len(ROLES) in (3, 4)
    assert result["search"]["files"] > 50
    flow_logs = f"aws_cloudwatch_log_group /aws/vpc/ledger-{ENVIRONMENT}/flow-logs"
    assert flow_logs in result["kept_by_aws"]  # Records of traffic outlive the network.
    types = {r.split()[0] for r in result["kept_by_aws"] if r != flow_logs}
    assert types <= {"aws_kms_key", "aws_secretsmanager_secret", "aws_db_snapshot"}
    for text in ("rotation 2", "API calls", "rehearsal of development passed"):
        assert text in output


STEPS = [
    "initialise",
    "list the account",
    "plan",
    "apply, killed at 50%",
    "import lost resources",
    "plan the rest",
    "apply",
    "compare passwords",
    "plan after the apply",
    "rotation 1",
    "rotation 2",
    "plan after the rotations",
    "lift deletion protection",
    "destroy, killed at 50%",
    "destroy",
    "list leftovers",
    "search for passwords",
]


# Interrupted and failed rehearsals, with a fake Terraform -----------------------------------------


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A program that imitates Terraform."""
    program = tmp_path / "terraform"
    source = ROOT / "tests" / "fixtures" / "fake_terraform.py"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -B {source} "$@"\n')
    program.chmod(0o755)
    return program


def hanging(fake: Path, command: str, mark: Path) -> Path:
    """Let the fake hang in a command; it gets no other variable of the test."""
    variables = f"FAKE_HANG={command} FAKE_MARK={mark} exec"
    fake.write_text(fake.read_text().replace("exec", variables))
    return fake


def wait_for_mark(mark: Path, child: subprocess.Popen[str]) -> None:
    """Wait until the fake Terraform hangs."""
    end = time.monotonic() + 120
    while not (mark.is_file() and mark.read_text()) and time.monotonic() < end:
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("command", "number"),
    [("init", signal.SIGTERM), ("apply", signal.SIGINT)],
)
def test_interrupted_rehearsal_leaves_nothing(
    tmp_path: Path, fake: Path, command: str, number: signal.Signals
) -> None:
    mark = tmp_path / "mark"
    environ = {"FINBASE_TERRAFORM": str(hanging(fake, command, mark))}
    with own_temporary_folder() as temporary:
        with finbase(temporary, **environ) as child:
            wait_for_mark(mark, child)
            users = "\n".join(users_of(temporary))
            assert "finbase.sandbox.server" in users
            assert "sleep" in users
            assert ("bin/postgres" in users) == (command == "apply")
            child.send_signal(number)
            child.send_signal(number)  # A second signal must not cut the clean-up short.
            output, errors = child.communicate(timeout=120)
        assert child.returncode == 130, errors
        assert "interrupted; all child processes were stopped" in errors
        assert not output
        assert not wait_for_none(temporary, seconds=0.5)
    address = urlsplit(mark.read_text())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), timeout=5)


def test_killed_rehearsal_leaves_no_server(tmp_path: Path, fake: Path) -> None:
    mark = tmp_path / "mark"
    environ = {"FINBASE_TERRAFORM": str(hanging(fake, "apply", mark))}
    with scratch_folder() as temporary:
        with finbase(temporary, **environ) as child:
            wait_for_mark(mark, child)
            child.kill()
            child.communicate()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            left = [user for user in users_of(temporary) if "terraform" not in user]
            if not [user for user in left if "sleep" not in user]:
                break
            time.sleep(0.1)
        else:
            raise AssertionError(left)
        for user in users_of(temporary):  # Terraform itself, which would end by its own errors.
            os.kill(int(user.split()[0]), signal.SIGKILL)


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("init", 2, "terraform init failed"),
        ("apply", 1, "rehearsal of development failed: 2 problems"),
    ],
)
def test_failing_terraform_exit_code(
    fake: Path, monkeypatch: pytest.MonkeyPatch, command: str, code: int, message: str
) -> None:
    fake.write_text(fake.read_text().replace("exec", f'[ "$1" = {command} ] && exit 1\nexec'))
    monkeypatch.setenv("FINBASE_TERRAFORM", str(fake))
    done = run(ROOT, "rehearse", ENVIRONMENT)
    assert done.exit_code == code
    assert message in done.output


# Long campaigns ---------------------------------------------------------------------------------


def observed(temporary: Path, cuts: Cuts) -> tuple[Rehearsal, dict[str, Any]]:
    states: dict[str, Any] = {}

    def observe(step: str, state: Mapping[str, Any]) -> None:
        states[step] = normalised(state)

    result = rehearse(
        ROOT,
        ENVIRONMENT,
        account_id="777788889999",
        region="eu-west-1",
        scratch=temporary,
        terraform=find_terraform(),
        progress=lambda *_: None,
        judge=lambda *_: (),
        cuts=cuts,
        observe=observe,
    )
    return result, states


def test_rehearse_with_roles_needs_pgaudit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "installed_extensions", lambda _: [])
    with pytest.raises(find.PostgresError, match="no extension pgaudit"):
        observed(tmp_path, UNCUT)
    assert not any(tmp_path.iterdir())


def test_differences_ignores_generated_ids() -> None:
    def state(**values: object) -> dict[str, Any]:
        resource = {"mode": "managed", "address": "m.x", "type": "aws_vpc", "values": values}
        return normalised({"values": {"root_module": {"resources": [resource]}}})

    one = state(id="vpc-0123456789", cidr="10.0.0.0/16", tags={}, port=5432)
    assert not differences(one, state(id="vpc-abcdef0123", cidr="10.0.0.0/16", port=5432))
    assert len(differences(one, state(id="vpc-0123456789", cidr="10.1.0.0/16", port=5433))) == 2
    assert differences(one, {}) == ["m.x: only in one"]


@pytest.fixture(scope="module")
def uncut() -> dict[str, Any]:
    """The states of a rehearsal without kills."""
    with scratch_folder() as folder:
        result, states = observed(folder, Cuts())
    assert result.passed, result.problems
    return states


def drawn_cuts(count: int) -> list[Cuts]:
    draw = random.Random(SEED)
    return [Cuts((draw.uniform(0.02, 0.98),), (draw.uniform(0.02, 0.98),)) for _ in range(count)]


@pytest.mark.soak
@pytest.mark.terraform
@pytest.mark.parametrize(
    "cuts",
    [
        *(Cuts((share,), (share,)) for share in (0.25, 0.5, 0.75)),
        Cuts((0.25, 0.5, 0.75), (0.25, 0.5, 0.75)),
        *drawn_cuts(4),
    ],
    ids=str,
)
def test_cut_stack_equals_uncut_stack(
    uncut: dict[str, Any], cuts: Cuts, record_property: Callable[[str, object], None]
) -> None:
    with scratch_folder() as folder:
        result, states = observed(folder, cuts)
    assert result.passed, result.problems
    for when in ("after the apply", "after the rotations"):
        assert len(states[when]) > 90
        assert not differences(uncut[when], states[when])
    assert states["destroy"] == {}
    for step in result.steps:
        if step.name == "import lost resources":
            record_property("seen", f"{step.resources} lost and imported")


@pytest.mark.soak
@pytest.mark.terraform
def test_search_finds_password_in_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that Terraform starts writes to its log; one that keeps running does not."""
    monkeypatch.setattr(workspace, "_aws_provider", lambda _: None)
    with scratch_folder() as folder:
        log = {"TF_LOG": "trace", "TF_LOG_PATH": str(folder / "trace.log")}
        environment = server.environment
        monkeypatch.setattr(server, "environment", lambda endpoint: environment(endpoint) | log)
        result, _ = observed(folder, Cuts())
    assert {match.partition(":")[0] for match in result.search.matches} == {"trace.log"}


@pytest.mark.soak
@pytest.mark.terraform
@pytest.mark.parametrize("number", range(6))
def test_ctrl_c_leaves_nothing(number: int) -> None:
    seconds = random.Random(f"{SEED} {number}").uniform(0.2, 240)
    with own_temporary_folder() as temporary:
        with finbase(temporary) as child:
            time.sleep(seconds)
            child.send_signal(signal.SIGINT)
            _, errors = child.communicate(timeout=120)
        assert child.returncode == 130, errors
        assert not wait_for_none(temporary, seconds=0.5)
