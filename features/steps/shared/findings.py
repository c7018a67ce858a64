"""Register checks of the planned stack as ``Then`` steps, and report their findings.

A check is a function that yields a ``Finding`` for each resource that it looks at:

    @check("every NAT gateway has its own elastic IP")
    def elastic_ips(stack: Stack) -> Iterator[Finding]: ...

Its step fails with the text of every wrong finding. If all are fine, it attaches their texts to
the report as evidence (``step.embed``, as ``text/plain``). A check without findings fails too,
because it has checked no resource.

radish also loads this file by itself, beside the module that the checks import. So a file in
``shared`` must not register steps: they would be registered twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from radish import then, world
from stack_graph import Stack
from terraform_compliance.common.error_handling import Error

_STACKS: dict[str, Stack] = {}


class Finding(NamedTuple):
    """One line of evidence: the address, what the plan has, and the fix if that is wrong."""

    fine: bool
    text: str


Check = TypeVar("Check", bound=Callable[..., Iterator[Finding]])


def check(sentence: str) -> Callable[[Check], Check]:
    """Register a function as the step ``Then <sentence>``.

    The step calls it with the stack, the fields of the sentence and, if the function has a
    parameter ``table``, the rows of the step's table.
    """

    def register(function: Check) -> Check:
        tabled = "table" in signature(function).parameters

        def run(step: Any, **fields: Any) -> None:
            if tabled:
                fields["table"] = step.table
            _report(step, list(function(_stack(), **fields)))

        then(sentence)(run)
        return function

    return register


def _stack() -> Stack:
    """Return the stack of the plan; each plan file is read once.

    terraform-compliance changes the plan while it parses it, so this reads the file again.
    """
    name = world.config.user_data["plan_file"]
    if name not in _STACKS:
        plan = Path(world.config.user_data["plan_file"]).read_bytes()
        _STACKS[name] = Stack(json.loads(plan))
    return _STACKS[name]


def _report(step: Any, findings: list[Finding]) -> None:
    wrong = [finding.text for finding in findings if not finding.fine]
    if wrong or not findings:
        Error(step, "\n".join(wrong or ["the plan has no resource that this step could check"]))
    else:
        step.embed("\n".join(finding.text for finding in findings))
