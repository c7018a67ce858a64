"""The plain ``terraform-compliance`` command reaches the same verdict as finbase."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from finbase.judge import compliance
from finbase.judge.mutations import Mutation, load_mutations, mutate
from finbase.judge.prove import applied_state, rendered_files
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT

FEATURES = ROOT / "features"
MUTATIONS = load_mutations(FEATURES)
CHOSEN = MUTATIONS[:: len(MUTATIONS) // 30][:30]


def agree(plan: bytes, folder: Path) -> bool:
    """Compare each scenario's status; return whether all pass."""
    (folder / "plan.json").write_bytes(plan)
    program = Path(sys.executable).with_name("terraform-compliance")
    finished = subprocess.run(
        [
            *(program, "-f", FEATURES, "-b", FEATURES / "steps", "-p", folder / "plan.json"),
            *("--no-ansi", f"--cucumber-json={folder / 'report.json'}"),
        ],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        check=False,
    )
    ours = compliance.run(folder / "plan.json", FEATURES)
    assert finished.returncode == (0 if ours.passed else 1)
    report = json.loads((folder / "report.json").read_text())
    plain = [
        "failed"
        if "failed" in {step["result"]["status"] for step in element["steps"]}
        else "passed"
        for feature in sorted(report, key=lambda feature: str(feature["uri"]))
        for element in sorted(feature["elements"], key=lambda e: int(e["steps"][-1]["line"]))
    ]
    assert plain == [scenario.status for scenario in ours.scenarios]
    return ours.passed


OLD_STORAGE = ('"storage_type":"gp3"', '"storage_type":"gp2"')


@pytest.mark.terraform
@pytest.mark.parametrize(
    ("applied", "change"),
    [
        (False, None),
        (True, OLD_STORAGE),
        pytest.param(False, OLD_STORAGE, marks=pytest.mark.soak),
        pytest.param(True, None, marks=pytest.mark.soak),
    ],
)
def test_plain_command_agrees(
    applied: bool, change: tuple[str, str] | None, workspace: Workspace, tmp_path: Path
) -> None:
    stack = ROOT / "environments" / "staging"
    state = applied_state(ROOT, "staging") if applied else None
    text = workspace.plan(stack, project=ROOT, state=state).decode()
    if change:
        assert change[0] in text
        text = text.replace(*change)
    assert agree(text.encode(), tmp_path) is (change is None)


@pytest.mark.soak
@pytest.mark.terraform
@pytest.mark.parametrize("mutation", CHOSEN, ids=lambda mutation: mutation.id)
def test_plain_command_agrees_on_mutants(
    mutation: Mutation, workspace: Workspace, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    lay_out(mutate(rendered_files(ROOT), mutation), project)
    plan = workspace.plan(project / "environments" / mutation.environment, project=project)
    assert not agree(plan, tmp_path)
