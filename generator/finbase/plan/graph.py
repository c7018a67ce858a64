"""Read a plan as a graph, with the reader of the features.

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

_SHARED = Path("steps", "shared")


def read_stack(plan: Mapping[str, Any], features: Path) -> Stack:
    """Return the graph of a plan (``terraform show -json``).

    Raises ``ComplianceError`` if the features have no reader.
    """
    reader = load_reader(features, "stack_graph")
    if reader is None:
        raise ComplianceError(
            f"{features / _SHARED / 'stack_graph.py'} is missing",
            "restore the features: git checkout HEAD -- features",
        )
    stack: Stack = reader.Stack(plan)
    return stack


def load_reader(features: Path, name: str) -> ModuleType | None:
    """Return a module that the steps share and that imports no other one, or None without it."""
    path = features / _SHARED / f"{name}.py"
    if not path.is_file():
        return None
    module = ModuleType(f"_finbase_{name}")
    module.__file__ = str(path.resolve())
    # Not imported: that would write bytecode into the project's features.
    exec(compile(path.read_bytes(), path, "exec"), vars(module))  # noqa: S102
    return module
