"""Moved from sandbox.server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CALLS", "Call", "calls"]


CALLS = "calls.jsonl"


@dataclass(frozen=True)
class Call:
    """One call of the API; ``status`` is that of HTTP."""

    service: str
    operation: str
    status: int
    milliseconds: float


def calls(log: Path) -> tuple[Call, ...]:
    """Read the calls that a log holds."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    return tuple(Call(**json.loads(line)) for line in lines)
