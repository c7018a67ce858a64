"""The graph of a plan, as the features read it.

``features/steps/stack_graph.py`` follows every reference of a plan to its end. What finbase
draws and what the scenarios judge shall be one reading of the plan, so that file is loaded
here and not written again; it imports nothing but its neighbour ``addresses``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finbase.errors import ComplianceError

if TYPE_CHECKING:
    from stack_graph import Stack

__all__ = ["read_stack"]


def read_stack(plan: Mapping[str, Any], features: Path) -> Stack:
    """Read a plan (``terraform show -json``) with the reader of the project's features.

    Raises ``ComplianceError`` where the features have no reader.
    """
    steps = features.resolve() / "steps"
    if not (steps / "stack_graph.py").is_file():
        raise ComplianceError(f"{steps / 'stack_graph.py'} is missing", "it reads plans as graphs")
    with _importable(steps):
        stack: Stack = import_module("stack_graph").Stack(plan)
    return stack


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let modules of a folder be imported, and leave neither a search path nor bytecode behind."""
    path, silent = list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, silent
