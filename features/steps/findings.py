"""How a check of the planned stack becomes a ``Then`` step, and its findings evidence.

A check is a function from a ``Stack`` to ``Finding``s, registered with its sentence:

    @check("every NAT gateway has an elastic IP of its own")
    def elastic_ips(stack: Stack) -> Iterator[Finding]: ...

Its step attaches what was seen to the report (``step.embed``, as ``text/plain``) or fails with
all that is wrong. A check without any finding fails as well: absence proves nothing.

radish loads each file of this folder by itself, so whoever imports another one puts the
folder on ``sys.path`` first, and a file that others import registers no steps.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

sys.path.append(str(Path(__file__).parent))

from radish import then, world
from stack_graph import Stack
from terraform_compliance.common.error_handling import Error

_STACKS: dict[str, Stack] = {}


class Finding(NamedTuple):
    """One line of what was seen, fine or not."""

    fine: bool
    text: str


Check = TypeVar("Check", bound=Callable[..., Iterator[Finding]])


def check(sentence: str) -> Callable[[Check], Check]:
    """Register a check as the step ``Then <sentence>``.

    It gets the stack, the fields of the sentence, and the rows of the step's table if it has
    a parameter ``table``.
    """

    def register(function: Check) -> Check:
        tabled = "table" in signature(function).parameters

        def run(step: Any, **fields: Any) -> None:
            if tabled:
                fields["table"] = step.table
            _tell(step, list(function(_stack(), **fields)))

        then(sentence)(run)
        return function

    return register


def _stack() -> Stack:
    """Return the stack of the plan that is judged; it is read once.

    terraform-compliance rewrites the plan that it has parsed, so the file is read anew. A step that
    reads any other file, or this one by another name, makes a verdict that is not remembered.
    """
    name = world.config.user_data["plan_file"]
    if name not in _STACKS:
        plan = Path(world.config.user_data["plan_file"]).read_bytes()
        _STACKS[name] = Stack(json.loads(plan))
    return _STACKS[name]


def _tell(step: Any, findings: list[Finding]) -> None:
    wrong = [finding.text for finding in findings if not finding.fine]
    if wrong or not findings:
        Error(step, "\n".join(wrong or ["nothing of the kind is planned"]))
    else:
        step.embed("\n".join(finding.text for finding in findings))
