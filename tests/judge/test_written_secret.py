"""A connection secret is written again only if its number changes; a plan that forgets it fails."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest
from radish.stepregistry import StepRegistry

from finbase.judge.prove import applied_state, rendered_files
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace
from tests.judge.in_process import message
from tests.support.commands import ROOT
from tests.support.plans import plan, resource

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

from stack_graph import Stack

FIRST = 'module "database" {\n'


@pytest.mark.terraform
@pytest.mark.parametrize("generation", [1, 2])
def test_changed_port_requires_a_written_secret(
    generation: int, workspace: Workspace, tmp_path: Path
) -> None:
    lay_out(rendered_files(ROOT), tmp_path)
    stack = tmp_path / "environments" / "development"
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
    state = applied_state(ROOT, "development")
    text = message(json.loads(workspace.plan(stack, project=tmp_path, state=state)), "F06b")
    assert bool(text) is (generation == 1)
    if generation == 1:
        assert "the plan changes port from 5432 to 5433" in text
        assert "raise database.password_generation in the same plan" in text


def test_value_that_becomes_unknown_requires_a_written_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A replaced primary has a new address, which the plan does not show."""
    # Another test of this process may register the same steps, which radish would refuse.
    monkeypatch.setattr(StepRegistry(), "_steps", {})
    monkeypatch.syspath_prepend(ROOT / "features" / "steps")
    unwritten = import_module("checks.secret")._unwritten
    public = resource("terraform_data.connection", {"input": {"host": "old"}})
    version = resource(
        "aws_secretsmanager_secret_version.connection", {"secret_string_wo_version": 1, "id": "v"}
    )
    made = plan(public, version)
    for change, before in zip(
        made["resource_changes"],
        ({"input": {"host": "old"}}, {"secret_string_wo_version": 1, "id": "v"}),
        strict=True,
    ):
        change["change"] = {"actions": ["no-op"], "before": before, "after_unknown": {}}
    stack = Stack(made)
    (changed,) = stack.all("terraform_data")
    assert list(unwritten(stack, changed)) == []
    made["resource_changes"][0]["change"]["after_unknown"] = {"input": {"host": True}}
    stack = Stack(made)
    (changed,) = stack.all("terraform_data")
    (finding,) = unwritten(stack, changed)
    assert "keeps the old values, but the plan changes host from old" in finding.text
    # A number that is known only after apply may be the old one.
    made["resource_changes"][1]["change"]["after_unknown"] = {"secret_string_wo_version": True}
    del made["planned_values"]["root_module"]["resources"][1]["values"]["secret_string_wo_version"]
    stack = Stack(made)
    (changed,) = stack.all("terraform_data")
    (finding,) = unwritten(stack, changed)
    assert "secret_string_wo_version is not shown by this plan, which changes host" in finding.text
    made["resource_changes"][0]["change"]["after_unknown"] = {}
    made["planned_values"]["root_module"]["resources"][0]["values"]["input"] |= {"port": 1}
    stack = Stack(made)
    (changed,) = stack.all("terraform_data")
    (finding,) = unwritten(stack, changed)
    assert "changes port from not set to 1" in finding.text
