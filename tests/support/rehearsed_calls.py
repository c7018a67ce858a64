"""Record the operations of a rehearsal: ``python -m tests.support.rehearsed_calls``.

Rehearses production and writes ``tests/fixtures/rehearsed_calls.json``: the operations in its
plans, and those in all steps of Terraform. Takes about ten minutes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from finbase.rehearsal.model import Rehearsal
from finbase.rehearsal.rehearse import rehearse
from finbase.rehearsal.scratch import scratch_folder
from finbase.sandbox.calls import CALLS, Call, calls
from finbase.terraform.program import find_terraform
from tests.support.commands import ROOT

FIXTURE = ROOT / "tests" / "fixtures" / "rehearsed_calls.json"
ENVIRONMENT = "production"
ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction"}
"""Actions of IAM that have another name than the operation of the API."""
_TERRAFORM = ("plan", "apply", "lift", "destroy")


def by_role(rehearsal: Rehearsal, made: Iterable[Call]) -> dict[str, list[str]]:
    """Return the actions of each role of a pipeline, sorted; ``made`` are all calls in order.

    The test of a rotation runs while Terraform applies, so its function's calls count as well.
    """
    actions: dict[str, set[str]] = {"plan": set(), "apply": set()}
    remaining = iter(made)
    for step in rehearsal.steps:
        kind = step.name.replace(",", "").split()[0]
        for _, call in zip(range(step.calls), remaining, strict=False):
            roles = ["apply"] * (kind in _TERRAFORM) + ["plan"] * (kind == "plan")
            for role in roles:
                operation = f"{call.service}:{call.operation}"
                actions[role].add(ACTIONS.get(operation, operation))
    return {role: sorted(names) for role, names in actions.items()}


def main() -> int:
    """Rehearse, and write the fixture unless the rehearsal fails."""
    with scratch_folder() as scratch:
        rehearsal = rehearse(
            ROOT,
            ENVIRONMENT,
            account_id="111122223333",
            region="eu-west-1",
            scratch=scratch,
            terraform=find_terraform(),
            progress=lambda *_: None,
            judge=lambda *_: (),
        )
        made = calls(scratch / "aws" / CALLS)
    for problem in rehearsal.problems:
        print(problem, file=sys.stderr)
    if rehearsal.passed:
        FIXTURE.write_text(json.dumps(by_role(rehearsal, made), indent=1) + "\n")
    return 0 if rehearsal.passed else 1


if __name__ == "__main__":
    sys.exit(main())
