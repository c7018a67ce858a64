"""Read files and JSON that anybody may have written, within bounds of size and depth."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from finbase.errors import FinbaseError

MOST_BYTES: Final = 64 << 20
"""More than any file that finbase or Terraform writes for one project."""


def read_at_most(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a file; raises ``FinbaseError`` if it has more than ``most`` bytes."""
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise FinbaseError(
            f"{path} is larger than {most >> 20} MiB",
            "pass a file that finbase or Terraform wrote for one project",
        )
    return content


def load_json(data: bytes, pairs: Callable[[Sequence[tuple[str, Any]]], Any] | None = None) -> Any:
    """Parse JSON; raises ``ValueError`` if it is invalid, too large or nested too deeply."""
    if len(data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 20} MiB")
    try:
        return json.loads(data, object_pairs_hook=pairs)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
