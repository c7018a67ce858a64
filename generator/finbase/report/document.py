"""The JSON documents that commands write: one voice, and a version for the shape of each.

``schema_version`` is raised when a key changes its meaning or goes; a new key does not raise it.
What a document holds stands in ``shapes/``, as JSON Schema.
"""

from __future__ import annotations

import json

__all__ = ["render"]


def render(schema_version: int, **parts: object) -> str:
    """Return a document as text, ASCII only, with a newline at its end."""
    return json.dumps({"schema_version": schema_version, **parts}, indent=2) + "\n"
