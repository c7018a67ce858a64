"""The plain ``terraform-compliance`` command reaches the same verdict as finbase."""

from __future__ import annotations

from pathlib import Path

import pytest

from finbase.judge import compliance
from finbase.judge.mutations import Mutation, load_mutations, mutate
from finbase.judge.prove import applied_state, rendered_files
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT
from tests.support.plain_command import judge_plainly

FEATURES = ROOT / "features"
MUTATIONS = load_mutations(FEATURES)
CHOSEN = MUTATIONS[:: len(MUTATIONS) // 30][:30]


def agree(plan: bytes, folder: Path) -> bool:
    """Compare each scenario's status; return whether all pass."""
    code, _, states = judge_plainly(plan, folder, FEATURES)
    ours = compliance.run(folder / "plan.json", FEATURES)
    assert code == (0 if ours.passed else 1)
    assert states == [scenario.status for scenario in ours.scenarios]
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
