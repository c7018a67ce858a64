"""The sandbox's log of API calls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

CALLS = "calls.jsonl"


@dataclass(frozen=True)
class Call:
    """One call of the API; ``status`` is the HTTP status."""

    service: str
    operation: str
    status: int
    milliseconds: float


def calls(log: Path) -> tuple[Call, ...]:
    """Return the calls in a log; an empty tuple if the log does not exist."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    return tuple(Call(**json.loads(line)) for line in lines)
