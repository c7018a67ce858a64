"""Stacks that mean the same pass, or the message says what the design requires."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from finbase.judge.edits import read_edit
from finbase.judge.mutations import Mutation, mutate
from finbase.judge.prove import rendered_files
from finbase.judge.same_stack import difference
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace
from tests.judge.in_process import messages
from tests.support.commands import ROOT

REWRITES: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / "tests" / "judge" / "rewrites.yaml").read_text()
)
GROUPS = sorted({rewrite["group"] for rewrite in REWRITES})


def test_rewrites_are_many_and_unique() -> None:
    ids = [rewrite["id"] for rewrite in REWRITES]
    assert len(ids) == len(set(ids)) == 54


@pytest.mark.terraform
@pytest.mark.parametrize("group", GROUPS)
def test_rewrites_pass_or_say_why(group: int, workspace: Workspace, tmp_path: Path) -> None:
    members = [rewrite for rewrite in REWRITES if rewrite["group"] == group]
    tree = rendered_files(ROOT)
    for member in members:
        edits = tuple(map(read_edit, member["edits"]))
        tree = mutate(tree, Mutation(member["id"], "", "", "", edits, "production"))
    lay_out(tree, tmp_path)
    stack = tmp_path / "environments" / "production"
    plan = json.loads(workspace.plan(stack, project=tmp_path))
    assert difference(plan["configuration"]["root_module"], stack) == ""
    review = messages(plan, without="features/design.feature")
    expected: Mapping[str, str] = {
        id_: part
        for member in members
        if member["expect"] != "pass"
        for id_, part in member["expect"].items()
    }
    assert review.keys() == expected.keys(), review
    for member in members:
        parts = {} if member["expect"] == "pass" else member["expect"]
        for id_, part in parts.items():
            assert part in review[id_], f"{member['id']}: {review[id_]}"
