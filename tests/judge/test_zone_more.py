"""A zone more in the network passes, and leaves an applied cache and what it holds alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finbase.judge.prove import applied_state, rendered_files
from finbase.plan.summary import summarise
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace
from tests.fuzz.fast_judge import Judge
from tests.support.commands import ROOT

ZONES = "  zones = {\n"
ANOTHER = """    "eu-west-1c" = {
      public_cidr   = "10.40.0.128/26"
      private_cidr  = "10.40.12.0/22"
      database_cidr = "10.40.1.128/26"
    }
"""


@pytest.mark.terraform
def test_zone_more_keeps_cache(workspace: Workspace, tmp_path: Path) -> None:
    lay_out(rendered_files(ROOT), tmp_path)
    stack = tmp_path / "environments" / "development"
    text = (stack / "main.tf").read_text()
    assert text.count(ZONES) == 1
    (stack / "main.tf").write_text(text.replace(ZONES, ZONES + ANOTHER))
    plan = workspace.plan(stack, project=tmp_path, state=applied_state(ROOT, "development"))
    summary = summarise(json.loads(plan))
    steps = {step.address: step.action for step in summary.steps}
    assert steps['module.network.aws_subnet.database["eu-west-1c"]'] == "add"
    assert not [address for address in steps if address.startswith("module.cache.")]
    assert summary.losses == ()
    assert Judge().messages(json.loads(plan), stack=stack) == {}
