"""What judges each plan of a rehearsal, so that no later plan of a stack is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from finbase.sandbox.server import OVERRIDDEN

Judge: TypeAlias = Callable[[bytes, Path], Sequence[str]]
"""Returns the ids of the controls that a plan (as JSON) of a rendered stack's folder fails."""


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
