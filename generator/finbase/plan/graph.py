"""Read a plan as a graph, with the reader of the project's features.

The pictures of finbase and the scenarios must read a plan in the same way. So this module loads
``stack_graph.py`` from the features, which imports only the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from finbase.errors import ComplianceError

if TYPE_CHECKING:
    from stack_graph import Stack


def read_stack(plan: Mapping[str, Any], features: Path) -> Stack:
    """Return the graph of a plan (``terraform show -json``).

    Raises ``ComplianceError`` if the features have no reader.
    """
    path = features / "steps" / "shared" / "stack_graph.py"
    if not path.is_file():
        raise ComplianceError(
            f"{path} is missing", "restore the features: git checkout HEAD -- features"
        )
    module = ModuleType("_finbase_stack_graph")
    # Not imported: that would write bytecode into the project's features.
    exec(compile(path.read_bytes(), path, "exec"), vars(module))  # noqa: S102
    stack: Stack = module.Stack(plan)
    return stack
