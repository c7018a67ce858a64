"""A connection secret is written again only if its number changes; a plan that forgets it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from finbase.judge import compliance
from finbase.judge.prove import applied_state, rendered_files
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT

FIRST = 'module "database" {\n'


@pytest.mark.terraform
@pytest.mark.parametrize("generation", [1, 2])
def test_changed_port_requires_a_written_secret(
    generation: int, workspace: Workspace, tmp_path: Path
) -> None:
    lay_out(rendered_files(ROOT), tmp_path)
    stack = tmp_path / "environments" / "production"
    main = stack / "main.tf"
    text = main.read_text()
    start = text.index(FIRST) + len(FIRST)
    added = "".join(
        f"  {name} = {value}\n"
        for name, value in (("port", 5433), ("password_generation", generation))
    )
    lines = text[start:].splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if line == "}\n")
    kept = [
        line for line in lines[:end] if line.split()[:1] not in (["port"], ["password_generation"])
    ]
    main.write_text(text[:start] + added + "".join(kept) + "".join(lines[end:]))
    state = applied_state(ROOT, "production")
    plan = workspace.plan(stack, project=tmp_path, state=state)
    verdict = compliance.run(plan, ROOT / "features", rendered=True)
    (row,) = (row for row in verdict.by_failure() if row.id == "F06b")
    assert (row.status == "failed") is (generation == 1)
    if generation == 1:
        evidence = "\n".join(scenario.evidence for scenario in verdict.scenarios)
        assert "the plan changes port from 5432 to 5433" in evidence
        assert "raise database.password_generation in the same plan" in evidence
