"""Whether a process is still there."""

from __future__ import annotations

from pathlib import Path


def alive(pid: int) -> bool:
    """Whether a process of that id runs; one that has ended, and is not asked for, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
