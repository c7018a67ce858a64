"""Test that a project can add controls, and cannot weaken those of finbase unnoticed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finbase.judge import anchor, compliance
from finbase.judge.compliance import run
from finbase.judge.verdict import Verdict
from finbase.system.processes import Processes
from tests.support.commands import ROOT, finbase

FIXTURES = ROOT / "tests" / "fixtures" / "compliance"
PLAN = FIXTURES / "plan.json"
RELEASED = FIXTURES / "features"


@pytest.fixture
def features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's copy of features that count as the released ones."""
    monkeypatch.setattr(anchor, "released_features", lambda: RELEASED)
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(RELEASED, tmp_path / "features", ignore=ignored)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_deviations_of_a_copy(features: Path) -> None:
    assert anchor.deviations(features) == ()
    assert anchor.additions(features) == frozenset()
    for path in features.rglob("*.feature"):  # git may have checked them out for Windows.
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (features / "steps" / "__pycache__").mkdir()
    (features / "steps" / "__pycache__" / "x.pyc").touch()
    assert anchor.deviations(features) == ()
    assert anchor.additions(features) == frozenset()


@pytest.mark.parametrize(
    ("attack", "line"),
    [
        (lambda f: (f / "network.feature").unlink(), "features/network.feature was removed; it"),
        (
            lambda f: edit(f / "secrets.feature", "@F06a", ""),
            "features/secrets.feature was changed",
        ),
        (lambda f: (f / "steps" / "descriptions.py").write_text(""), "descriptions.py was changed"),
        (lambda f: edit(f / "failures.yaml", "severity: high", "severity: low"), "severity"),
        (lambda f: (f / "failures.yaml").write_text("- id: F01"), "F08 was removed"),
        (lambda f: (f / "failures.yaml").write_text("["), "F01 was removed"),
    ],
)
def test_deviations_name_what_is_weaker(
    attack: Callable[[Path], object], line: str, features: Path
) -> None:
    attack(features)
    assert any(line in deviation for deviation in anchor.deviations(features))


def weak_plan() -> bytes:
    plan = json.loads(PLAN.read_text())
    for change in plan["resource_changes"]:
        if change["type"] == "aws_kms_key":
            change["change"]["after"] |= {"multi_region": True}
    for resource in plan["planned_values"]["root_module"]["child_modules"][0]["resources"]:
        if resource["type"] == "aws_kms_key":
            resource["values"] |= {"multi_region": True}
    return json.dumps(plan).encode()


def failing(verdict: Verdict) -> list[str]:
    return [row.id for row in verdict.by_failure() if row.status == "failed"]


def test_added_steps_cannot_pass_a_failure(features: Path) -> None:
    before = failing(run(weak_plan(), RELEASED))
    assert before
    (features / "steps" / "own.py").write_text(
        "from terraform_compliance.common import error_handling\n"
        "error_handling.Error._fail_step = lambda *_: None\n"
    )
    verdict = run(weak_plan(), features)
    assert failing(verdict) == before
    assert not verdict.passed


def test_added_features_are_judged_too(features: Path) -> None:
    text = (features / "secrets.feature").read_text()
    (features / "own.feature").write_text(text.replace("@F06a", "@own", 1))
    verdict = run(PLAN, features)
    own = [s for s in verdict.scenarios if s.location.startswith("features/own.feature:")]
    assert own
    assert len(verdict.scenarios) > len(run(PLAN, RELEASED).scenarios)


def test_released_features_judge_first(features: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of the project could change an installed package for whoever judges after it."""
    judged: list[Path] = []
    judge = compliance._run

    def record(plan: compliance.OneLinePlan, folder: Path, *more: Any) -> Verdict:
        judged.append(folder)
        return judge(plan, folder, *more)

    monkeypatch.setattr(compliance, "_run", record)
    (features / "steps" / "own.py").write_text("import sys\nassert sys.flags.no_site\n")
    assert run(PLAN, features).passed == run(PLAN, RELEASED).passed
    assert judged == [RELEASED, features, RELEASED]


@pytest.mark.skipif(sys.platform != "linux", reason="no subreaper elsewhere")
def test_step_leaves_no_process(features: Path, tmp_path: Path) -> None:
    """A process in a session of its own could wait until finbase applies the plan."""
    left = tmp_path / "left"
    (features / "steps" / "own.py").write_text(
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork():\n"
        "        os._exit(0)\n"
        f"    open({str(left)!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(600)\n"
        "    os._exit(0)\n"
        f"while not os.path.exists({str(left)!r}): time.sleep(0.01)\n"
    )
    with Processes() as processes:
        run(PLAN, features, processes=processes)
    assert not Path("/proc", left.read_text()).exists()


def test_check_refuses_changed_controls(project: Path) -> None:
    shutil.copytree(ROOT / "features", project / "features", dirs_exist_ok=True)
    edit(project / "features" / "database.feature", "rds.force_ssl to 1", "rds.force_ssl to 0")
    done = finbase(project, "check", "development")
    assert done.exit_code == 1, done.output
    assert "the controls of the project are not those of finbase" in done.stderr
    assert "features/database.feature was changed; it judges F03" in done.stderr
    assert "--own-catalogue" in done.stderr
