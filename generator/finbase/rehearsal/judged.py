"""Judge each plan of a rehearsal, so that no later plan of a stack is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from finbase.errors import FinbaseError
from finbase.rehearsal.record import StepLog
from finbase.rehearsal.terraform import Stack
from finbase.sandbox.server import OVERRIDDEN

Judge: TypeAlias = Callable[[bytes, Path], Sequence[str]]
"""Returns the ids of the controls that a plan (as JSON) of a rendered stack's folder fails."""


class JudgedPlans:
    """Makes the plans of a stack, which is a copy of a rendered folder, and judges each one."""

    def __init__(self, stack: Stack, judge: Judge, rendered: Path) -> None:
        self._stack, self._judge, self._rendered = stack, judge, rendered

    def plan(self, step: StepLog, name: str) -> tuple[bool, dict[str, Any]]:
        """Return whether a new plan has changes, and the plan; raises ``TerraformError``.

        Failed controls, and a plan that cannot be judged, are problems of the step.
        """
        changed, plan = self._stack.plan(name)
        try:
            step.problems += [f"the plan fails {control}" for control in self.failed(name)]
        except FinbaseError as error:
            step.problems.append(f"the plan cannot be judged: {error}")
        return changed, plan

    def failed(self, name: str) -> Sequence[str]:
        """Return the controls that a saved plan fails."""
        return self._judge(without_sandbox(self._stack.plan_json(name)), self._rendered)


def without_sandbox(plan: bytes) -> bytes:
    """Return a plan without what the local AWS overrides in the provider.

    The design allows none of it. The judge also reads the provider in the HCL of the stack, where
    an author could have set it.

    >>> expressions = b'{"region": {}, "max_retries": {"constant_value": 3}}'
    >>> without_sandbox(
    ...     b'{"configuration": {"provider_config": {"aws": {"expressions": %b}}}}' % expressions
    ... )
    b'{"configuration": {"provider_config": {"aws": {"expressions": {"region": {}}}}}}'
    """
    planned = json.loads(plan)
    provider = planned.get("configuration", {}).get("provider_config", {}).get("aws", {})
    for name in OVERRIDDEN:
        provider.get("expressions", {}).pop(name, None)
    return json.dumps(planned).encode()
