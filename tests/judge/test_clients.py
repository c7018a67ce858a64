"""Clients of the data outside of the stack: their rules pass with a reason, and only then."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from finbase.plan.flows import flows, is_allowed
from finbase.plan.graph import read_stack
from finbase.terraform.workspace import Workspace
from tests.judge.in_process import failed_ids, messages
from tests.support.commands import ROOT, finbase

pytestmark = pytest.mark.terraform
OTHERS = "sg-0123456789abcdef0"
CLIENTS = f"""
  access:
    version: 3.1.0
    clients:
      reports: {{to: [database], description: Reports, reason: Reads the ledger}}
      portal: {{to: [database, cache], description: Portal, reason: Shows balances}}
      billing:
        to: [database, cache]
        description: Billing
        reason: Counts requests
        security_group_id: {OTHERS}
      office: {{to: [cache], description: VPN, reason: Operations, cidr: 10.80.0.0/16}}
"""


def rules(plan: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the planned values of each rule of a name."""
    modules = plan["planned_values"]["root_module"]["child_modules"]
    return [r["values"] for m in modules for r in m["resources"] if r["name"] == name]


def test_clients_pass_with_a_reason_only(project: Path, workspace: Workspace) -> None:
    file = project / "environments" / "development.yaml"
    text, count = re.subn(r"\n  access:\n    version: .+\n", CLIENTS, file.read_text())
    assert count == 1
    file.write_text(text)
    done = finbase(project, "render", "development")
    assert done.exit_code == 0, done.output
    plan = json.loads(workspace.plan(project / "environments" / "development", project=project))
    assert failed_ids(plan) == set()

    stack = read_stack(plan, ROOT / "features")
    found = {(f.source.rpartition(".")[2], f.target.rpartition(".")[2]) for f in flows(stack)}
    assert {
        *(('client["portal"]', "cache"), ('client["portal"]', "database")),
        *((OTHERS, "cache"), (OTHERS, "database"), ('client["reports"]', "database")),
    } <= found
    assert ('client["reports"]', "cache") not in found
    assert ("0/16", "cache") in found
    assert all(map(is_allowed, flows(stack)))

    for name, argument, value, failed in (
        ("range_to_cache", "tags", {}, {"B03"}),
        ("range_to_cache", "cidr_ipv4", "10.0.0.0/7", {"B03", "F02"}),
        ("range_to_cache", "cidr_ipv4", "0.0.0.0/0", {"B03", "F02"}),
        ("range_to_cache", "cidr_ipv4", "203.0.113.0/24", {"B03"}),
        ("group_to_cache", "tags", {"Reason": " "}, {"F02"}),
        ("group_to_cache", "referenced_security_group_id", "sg-1", {"F02"}),
    ):
        changed = copy.deepcopy(plan)
        (values,) = rules(changed, name)
        values[argument] = value
        assert failed_ids(changed) == failed, (name, argument, value)

    changed = copy.deepcopy(plan)
    inputs = changed["configuration"]["root_module"]["module_calls"]["access"]["expressions"]
    del inputs["clients"]["constant_value"]["portal"]
    assert "has instances for portal, not for none" in messages(changed, "none")["F02"]
